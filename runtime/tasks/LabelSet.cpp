// Label sets: order, lookup, and what is wrong with one.
#include "runtime/support/Text.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/LabelCollector.h"

#include <algorithm>

namespace ftc::rt {

namespace {

/// Whether a number is less than another; both are whole and in their usual form.
bool isLess(std::string_view a, std::string_view b) {
  bool negative = a.starts_with('-');
  if (negative != b.starts_with('-'))
    return negative;
  if (negative)
    std::swap(a, b);
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

/// Sorts numerically if every name is a whole number (and may be read as one), else leaves
/// the order by code point.
void orderIntegers(std::vector<std::string> &names) {
  if (std::all_of(names.begin(), names.end(),
                  [](const std::string &name) { return isWholeText(name); }))
    std::sort(names.begin(), names.end(), isLess);
}

} // namespace

void LabelSet::index() {
  byText.resize(labels.size());
  for (std::size_t id = 0; id < labels.size(); ++id)
    byText[id] = static_cast<std::int32_t>(id);
  std::sort(byText.begin(), byText.end(),
            [&](std::int32_t a, std::int32_t b) { return labels[a] < labels[b]; });
}

std::int32_t LabelSet::find(std::string_view label) const {
  auto found = std::lower_bound(
      byText.begin(), byText.end(), label,
      [&](std::int32_t id, std::string_view text) { return labels[id] < text; });
  return found != byText.end() && labels[*found] == label ? *found : -1;
}

std::string LabelSet::listing() const { return listNames(labels); }

void LabelCollector::add(std::string_view label, bool isInteger) {
  allTypedIntegers = allTypedIntegers && isInteger;
  if (auto found = labels.find(label); found == labels.end())
    labels.emplace(label);
}

Result<LabelSet> LabelCollector::finish(const DataTable &table, int column) const {
  std::string where = escape(table.path(), 120) + ": ";
  std::string inColumn = " in " + table.describeColumn(column);
  if (labels.size() < 2)
    return Status::error(where + "expected at least two different labels" + inColumn +
                         ", got " +
                         (labels.empty() ? "none" : "only " + quote(*labels.begin(), 40)));
  // Bytes of UTF-8 sort as code points do.
  std::vector<std::string> names(labels.begin(), labels.end());
  bool numbers = untyped, fraction = false;
  for (const std::string &name : names) {
    numbers = numbers && isNumberText(name);
    fraction = fraction || name.find('.') != std::string::npos;
  }
  if (numbers && fraction)
    return Status::error(where + "expected classes as labels" + inColumn +
                         ", got real numbers such as " + quote(names[0], 30));
  if (allTypedIntegers || untyped)
    orderIntegers(names);
  return LabelSet(std::move(names));
}

Result<LabelSet> orderNamedLabels(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  if (names.size() < 2)
    return Status::usage("--labels: expected at least two labels, got " + listNames(names));
  if (names[0].empty())
    return Status::usage("--labels: expected labels that are not empty, got an empty one");
  if (auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    return Status::usage("--labels: expected different labels, got " + quote(*twice, 40) +
                         " twice");
  orderIntegers(names);
  return LabelSet(std::move(names));
}

LabelSet keepCheckpointOrder(LabelSet labels, std::span<const std::string> checkpointLabels) {
  std::vector<std::string> own(checkpointLabels.begin(), checkpointLabels.end());
  std::vector<std::string> sorted = own, found = labels.names();
  std::sort(sorted.begin(), sorted.end());
  std::sort(found.begin(), found.end());
  return sorted == found ? LabelSet(std::move(own)) : labels;
}

Status unknownLabel(const DataTable &table, std::int64_t row, std::int64_t item,
                    std::string_view label, const LabelSet &known) {
  return Status::error(table.where(row, item) +
                       ": expected a known label, got " + quote(label, 40) +
                       "; known labels: " + known.listing());
}

} // namespace ftc::rt
