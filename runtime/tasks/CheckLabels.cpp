// Labels: how many rows have each, which are rare, unknown or nearly the same, and tags that
// break their scheme.
#include "runtime/support/Text.h"
#include "runtime/tasks/CheckFindings.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/LabelCollector.h"
#include "runtime/tasks/TagScheme.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace ftc::rt {

namespace {

/// Labels with fewer training rows than this can hardly be learnt.
constexpr std::int64_t kRareRows = 5;
/// A label with this share of all is worth a word: so much is reached without learning.
constexpr double kLargeShare = 0.8;
/// So is one that another one outnumbers as many times.
constexpr std::int64_t kLargeRatio = 20;

std::string folded(std::string_view label) {
  std::string text;
  for (char c : label)
    if (c != ' ' && c != '_' && c != '-')
      text.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  return text;
}

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
  return text;
}

/// The label set of the usable rows, or nothing where they are too few.
LabelSet labelsOf(const Task &task, const CheckedFile &file, FindingList &findings) {
  if (!file.columns.indicators.empty()) {
    std::vector<std::string> names;
    for (int column : file.columns.indicators)
      names.push_back(file.table.columns()[column]);
    return LabelSet(std::move(names));
  }
  LabelCollector collector(file.table.untyped());
  RowLabels labels;
  for (std::int64_t row : file.usable)
    if (task.readRowLabels(file.table, row, file.columns, labels))
      for (const std::string &name : labels.names)
        collector.add(name, labels.integers);
  Result<LabelSet> set = collector.finish(file.table, file.columns.label);
  if (set)
    return set.take();
  std::string text = set.status().message(), where = escape(file.path, 120) + ": ";
  if (text.starts_with(where))
    text.erase(0, where.size());
  findings.add(Severity::Refused, "too-few-labels", "labels that are no set of classes",
               {file.path, 0, text});
  return {};
}

/// Counts, and takes rows with unknown labels away.
void countLabels(const Task &task, const LabelSet &known, CheckedFile &file,
                 FindingList &findings) {
  std::vector<std::int64_t> usable;
  RowLabels labels;
  for (std::int64_t row : file.usable) {
    if (!task.readRowLabels(file.table, row, file.columns, labels))
      continue;
    auto unknown = std::find_if(labels.names.begin(), labels.names.end(),
                                [&](const std::string &name) { return known.find(name) < 0; });
    if (known.size() > 0 && unknown != labels.names.end()) {
      ++file.refusedRows;
      std::int64_t word =
          task.labelPlacement() == LabelPlacement::Token ? unknown - labels.names.begin() : 0;
      findings.addRow(Severity::Refused, "unknown-label", "rows with a label that is not known",
                      file, row, quote(*unknown, 40) + "; known labels: " + known.listing(),
                      word);
      continue;
    }
    usable.push_back(row);
    file.rowsWithoutLabel += labels.names.empty();
    for (const std::string &name : labels.names)
      ++file.labels[name];
  }
  file.usable = std::move(usable);
}

/// Labels of the training file that are rare, or the same but for case and punctuation.
void checkLabelSet(const Task &task, const CheckedFile &file, FindingList &findings) {
  bool words = task.labelPlacement() == LabelPlacement::Token;
  std::map<std::string, std::string> byFold;
  std::int64_t total = 0, least = 0;
  const std::string *largest = nullptr, *smallest = nullptr;
  for (const auto &[label, count] : file.labels) {
    auto [other, fresh] = byFold.try_emplace(folded(label), label);
    if (!fresh && !other->first.empty())
      findings.add(Severity::Warning, "similar-labels", "labels that may be meant as one",
                   {file.path, 0, quote(other->second, 40) + " and " + quote(label, 40)});
    if (count < kRareRows)
      findings.add(Severity::Warning, "rare-label",
                   "labels with fewer than " + std::to_string(kRareRows) +
                       (words ? " words to learn from" : " rows to learn from"),
                   {file.path, 0, quote(label, 40) + ": " + std::to_string(count)});
    total += count;
    if (!smallest || count < least) {
      smallest = &label;
      least = count;
    }
    if (!largest || count > file.labels.at(*largest))
      largest = &label;
  }
  if (!largest || words || task.problemType() == kMultiLabel)
    return;
  std::int64_t most = file.labels.at(*largest);
  double share = static_cast<double>(most) / static_cast<double>(total);
  if (file.labels.size() > 1 && (share >= kLargeShare || most >= kLargeRatio * least))
    findings.add(Severity::Note, "imbalanced-labels", "labels are of very different size",
                 {file.path, 0,
                  quote(*largest, 40) + " has " + percent(share) + " of the rows, " +
                      quote(*smallest, 40) + " " + std::to_string(least) +
                      " of them; always answering the first is right as often (see also "
                      "--class_weights balanced)"});
}

bool insideTag(std::string_view tag) { return tag.size() > 2 && tag.starts_with("I-"); }

/// Entities that begin with I- in data where others begin with B-, each by its word.
void checkTags(const Task &task, const CheckedFile &file, FindingList &findings) {
  TagSchemeDetector detector;
  RowLabels tags;
  for (std::int64_t row : file.usable)
    if (task.readRowLabels(file.table, row, file.columns, tags))
      detector.addSentence(tags.names);
  if (std::string about = detector.description(); !about.empty())
    findings.add(Severity::Note, "tag-scheme", "tags are not plain IOB2",
                 {file.path, 0, about});
  if (detector.scheme() != TagScheme::Mixed)
    return;
  for (std::int64_t row : file.usable) {
    if (!task.readRowLabels(file.table, row, file.columns, tags))
      continue;
    for (std::size_t word = 0; word < tags.names.size(); ++word) {
      const std::string &tag = tags.names[word];
      if (!insideTag(tag))
        continue;
      std::string before = word ? tags.names[word - 1] : "O";
      bool same = before.size() > 2 && before[1] == '-' &&
                  std::string_view(before).substr(2) == std::string_view(tag).substr(2);
      if (!same)
        findings.addRow(Severity::Warning, "inside-without-begin",
                        "entities that begin with I-, where others begin with B-", file, row,
                        "word " + std::to_string(word + 1) + ": " + quote(tag, 40) +
                            (word ? " after " + quote(before, 40) : " at the beginning"),
                        static_cast<std::int64_t>(word));
    }
  }
}

} // namespace

void checkLabels(const DataCheckOptions &options, DataCheck &check, FindingList &findings) {
  const Task &task = *check.task;
  if (!task.hasLabelSet())
    return;
  LabelSet known(options.labels);
  if (known.size() == 0 && check.train && check.train->readable)
    known = labelsOf(task, *check.train, findings);
  check.labels = known.names();
  for (std::optional<CheckedFile> *file : {&check.train, &check.validation, &check.test}) {
    if (!*file || !(*file)->readable || (*file)->columns.label < 0)
      continue;
    countLabels(task, known, **file, findings);
    if (task.labelPlacement() == LabelPlacement::Token)
      checkTags(task, **file, findings);
  }
  if (check.train && check.train->readable)
    checkLabelSet(task, *check.train, findings);
  if (!check.train || !check.validation || !check.validation->readable ||
      check.validation->columns.label < 0)
    return;
  for (const auto &[label, count] : check.train->labels)
    if (!check.validation->labels.contains(label))
      findings.add(Severity::Note, "label-not-validated",
                   "labels of the training file that have no row here",
                   {check.validation->path, 0, quote(label, 40)});
}

} // namespace ftc::rt
