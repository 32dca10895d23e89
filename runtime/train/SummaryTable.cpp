// Names to the left, numbers to the right; where there is no room for a table, a metric a
// block.
#include "runtime/train/SummaryTable.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ftc::rt {

namespace {

std::string number(const std::optional<double> &value, int decimals) {
  if (!value)
    return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", decimals, *value);
  std::string fixed = text;
  if (fixed.size() <= 9)
    return fixed;
  std::snprintf(text, sizeof text, "%.3g", *value);
  return text;
}

/// Two of metrics that go to 100, four of others: the same for a metric's every value.
int decimalsOf(const SummaryMetric &metric) {
  for (const std::optional<double> &value : {metric.before, metric.after, metric.baseline})
    if (value && std::fabs(*value) >= 10)
      return 2;
  return 4;
}

/// A line that is filled word by word.
class Filled {
public:
  Filled(std::string name, std::size_t indent, std::size_t columns)
      : line(std::move(name)), indent(indent), columns(columns) {
    line.resize(std::max(line.size() + 1, indent), ' ');
  }
  void add(const std::string &part) {
    if (!fits(part) && part.size() + indent > columns) {
      for (std::size_t at = 0; at < part.size();) {
        std::size_t space = part.find(' ', at);
        put(part.substr(at, space - at));
        at = space == std::string::npos ? part.size() : space + 1;
      }
      return;
    }
    put(part);
  }
  std::string take() { return out + line + "\n"; }

private:
  bool fits(const std::string &part) const {
    return line.size() + (empty ? 0 : 1) + part.size() <= columns;
  }
  void put(const std::string &part) {
    if (!fits(part) && !empty) {
      out += line + "\n";
      line.assign(indent, ' ');
      empty = true;
    }
    line += (empty ? "" : " ") + part;
    empty = false;
  }
  std::string out, line;
  std::size_t indent, columns;
  bool empty = true;
};

std::string metricsTable(const std::vector<SummaryMetric> &metrics, std::size_t columns) {
  struct Column {
    const char *head;
    std::optional<double> SummaryMetric::*value;
  };
  std::vector<Column> shown = {{"before", &SummaryMetric::before},
                               {"after", &SummaryMetric::after},
                               {"baseline", &SummaryMetric::baseline}};
  std::erase_if(shown, [&](const Column &column) {
    return std::none_of(metrics.begin(), metrics.end(), [&](const SummaryMetric &metric) {
      return (metric.*column.value).has_value();
    });
  });
  if (shown.empty())
    return {};
  std::size_t names = 6, width = 8;
  for (const SummaryMetric &metric : metrics) {
    names = std::max(names, metric.name.size());
    for (const Column &column : shown)
      width = std::max(width, number(metric.*column.value, decimalsOf(metric)).size());
  }
  std::string text;
  if (names + shown.size() * (width + 1) > columns) {
    for (const SummaryMetric &metric : metrics) {
      text += metric.name + "\n";
      for (const Column &column : shown)
        if (metric.*column.value)
          text += "  " + std::string(column.head) + " " +
                  number(metric.*column.value, decimalsOf(metric)) + "\n";
    }
    return text;
  }
  auto cell = [&](const std::string &content) {
    text += std::string(width + 1 - std::min(width + 1, content.size()), ' ') + content;
  };
  text = "metric" + std::string(names - 6, ' ');
  for (const Column &column : shown)
    cell(column.head);
  for (const SummaryMetric &metric : metrics) {
    text += "\n" + metric.name + std::string(names - metric.name.size(), ' ');
    for (const Column &column : shown)
      cell(number(metric.*column.value, decimalsOf(metric)));
  }
  return text + "\n";
}

} // namespace

std::string layOutSummary(const std::vector<SummaryMetric> &metrics,
                          const std::vector<SummaryLine> &lines, int columns) {
  auto width = static_cast<std::size_t>(std::max(columns, 20));
  std::string text = metricsTable(metrics, width);
  std::size_t indent = width < 60 ? 2 : 13;
  for (const SummaryLine &line : lines) {
    if (width < 60)
      text += line.name + "\n";
    Filled filled(width < 60 ? "" : line.name, indent, width);
    for (std::size_t i = 0; i < line.parts.size(); ++i)
      filled.add(line.parts[i] + (i + 1 < line.parts.size() ? "," : ""));
    text += filled.take();
  }
  return text;
}

} // namespace ftc::rt
