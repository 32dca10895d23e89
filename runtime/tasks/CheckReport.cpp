// The check as a person reads it, and as a program does.
#include "runtime/io/Json.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/DataCheck.h"
#include "runtime/tasks/TaskFlags.h"

#include <algorithm>
#include <cstdio>
#include <set>

namespace ftc::rt {

namespace {

constexpr std::size_t kShownLabels = 20;

std::string_view severityName(Severity severity) {
  switch (severity) {
  case Severity::Refused:
    return "refused";
  case Severity::Warning:
    return "warning";
  case Severity::Note:
    break;
  }
  return "note";
}

/// Columns of text, the first to the left, the others to the right.
class TextTable {
public:
  void row(std::vector<std::string> cells) { rows.push_back(std::move(cells)); }

  std::size_t size() const { return rows.size(); }

  std::string text() const {
    std::vector<std::size_t> widths;
    for (const std::vector<std::string> &cells : rows)
      for (std::size_t i = 0; i < cells.size(); ++i) {
        widths.resize(std::max(widths.size(), i + 1));
        widths[i] = std::max(widths[i], width(cells[i]));
      }
    std::string text;
    for (const std::vector<std::string> &cells : rows) {
      for (std::size_t i = 0; i < cells.size(); ++i) {
        std::string space(widths[i] - width(cells[i]), ' ');
        bool last = i + 1 == cells.size();
        text += i == 0 ? cells[i] + (last ? "" : space) : "  " + space + cells[i];
      }
      text += "\n";
    }
    return text;
  }

private:
  /// Code points: what most terminals show a column for.
  static std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
  }
  std::vector<std::vector<std::string>> rows;
};

std::string number(std::int64_t value) { return std::to_string(value); }

std::string percent(std::int64_t part, std::int64_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%",
                whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0);
  return text;
}

/// A path's last part: messages below the table have the whole.
std::string_view baseName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string filesTable(const DataCheck &check) {
  TextTable table;
  table.row({"file", "role", "rows", "usable", "unreadable", "refused", "repeated",
             "conflicting", "leaked"});
  for (const CheckedFile *file : check.files())
    table.row({escape(baseName(file->path), 40), file->role, number(file->rows()),
               number(std::ssize(file->usable)), number(file->problems.total()),
               number(file->refusedRows), number(file->duplicates.exact),
               number(file->duplicates.conflicting),
               file->role == "train" ? "-" : number(file->leakage.folded)});
  return table.text();
}

std::string findingText(const Finding &finding) {
  std::string kind(severityName(finding.severity));
  std::string text = kind + ": " + escape(finding.path, 120) + ": " + finding.what + " (" +
                     finding.kind + "): " + number(finding.count) + "\n";
  for (const FindingPlace &place : finding.places)
    text += "    " +
            (place.line > 0 ? std::string(place.unit) + " " + number(place.line) + ": "
                            : std::string()) +
            place.text + "\n";
  auto more = finding.count - std::ssize(finding.places);
  return text + (more > 0 ? "    and " + number(more) + " more\n" : "");
}

/// Labels in class order, then those that are not known.
std::vector<std::string> labelOrder(const DataCheck &check) {
  std::vector<std::string> order = check.labels;
  std::set<std::string> seen(order.begin(), order.end());
  for (const CheckedFile *file : check.files())
    for (const auto &[label, count] : file->labels)
      if (seen.insert(label).second)
        order.push_back(label);
  return order;
}

std::int64_t labelCount(const CheckedFile &file, const std::string &label) {
  auto found = file.labels.find(label);
  return found == file.labels.end() ? 0 : found->second;
}

std::string labelsTable(const DataCheck &check) {
  std::vector<std::string> order = labelOrder(check);
  if (order.empty())
    return {};
  TextTable table;
  std::vector<std::string> head{"label"};
  for (const CheckedFile *file : check.files()) {
    head.push_back(file->role);
    head.push_back("share");
  }
  table.row(std::move(head));
  for (std::size_t i = 0; i < std::min(order.size(), kShownLabels); ++i) {
    std::vector<std::string> row{escape(order[i], 40)};
    for (const CheckedFile *file : check.files()) {
      std::int64_t total = 0, count = labelCount(*file, order[i]);
      for (const auto &[label, one] : file->labels)
        total += one;
      row.push_back(number(count));
      row.push_back(percent(count, total));
    }
    table.row(std::move(row));
  }
  std::string text = "\n" + table.text();
  if (order.size() > kShownLabels)
    text +=
        "and " + number(std::ssize(order) - kShownLabels) + " more labels (--json has all)\n";
  return text;
}

std::string lengthsTable(const DataCheck &check) {
  TextTable table;
  table.row({"lengths", "least", "median", "mean", "90 %", "95 %", "99 %", "most"});
  bool words =
      check.task->labelPlacement() == LabelPlacement::Token && check.task->hasLabelSet();
  auto add = [&](const CheckedFile &file, std::string_view what, const LengthSummary &lengths) {
    char mean[32];
    std::snprintf(mean, sizeof mean, "%.1f", lengths.mean());
    if (lengths.count > 0)
      table.row({file.role + ", " + std::string(what), number(lengths.least),
                 number(lengths.median), mean, number(lengths.p90), number(lengths.p95),
                 number(lengths.p99), number(lengths.most)});
  };
  for (const CheckedFile *file : check.files()) {
    add(*file, words ? "words" : "characters", file->characters);
    add(*file, "target characters", file->targetCharacters);
    add(*file, "tokens", file->tokens);
    add(*file, "target tokens", file->targetTokens);
  }
  return table.size() > 1 ? "\n" + table.text() : std::string();
}

std::string cutsText(const DataCheck &check) {
  std::string text;
  auto add = [&](const CheckedFile &file, std::string_view what, const CutSummary &cut,
                 std::int64_t rows) {
    if (cut.limit <= 0 || rows == 0)
      return;
    text += file.role + ": " + number(cut.rows) + " of " + number(rows) + " " +
            std::string(what) + " are longer than " + number(cut.limit) + " tokens" +
            (cut.rows == 0            ? std::string()
             : check.task->windowed() ? std::string(" and become several windows")
                                      : "; " + number(cut.tokens) + " tokens are cut") +
            "\n";
  };
  for (const CheckedFile *file : check.files()) {
    bool source = check.task->hasTargetText();
    add(*file, source ? "sources" : "examples", file->cut, file->tokens.count);
    add(*file, "targets", file->targetCut, file->targetTokens.count);
  }
  return text.empty() ? text : "\n" + text;
}

OrderedJson lengthsJson(const LengthSummary &lengths) {
  OrderedJson json;
  json["count"] = lengths.count;
  json["min"] = lengths.least;
  json["median"] = lengths.median;
  json["mean"] = lengths.mean();
  json["p90"] = lengths.p90;
  json["p95"] = lengths.p95;
  json["p99"] = lengths.p99;
  json["max"] = lengths.most;
  return json;
}

OrderedJson cutJson(const CutSummary &cut) {
  OrderedJson json;
  json["limit"] = cut.limit;
  json["rows"] = cut.rows;
  json["tokens"] = cut.tokens;
  return json;
}

OrderedJson fileJson(const DataCheck &check, const CheckedFile &file) {
  OrderedJson json;
  json["role"] = file.role;
  json["path"] = file.path;
  json["rows"] = file.rows();
  json["usable_rows"] = std::ssize(file.usable);
  json["unreadable_rows"] = file.problems.total();
  json["refused_rows"] = file.refusedRows;
  json["duplicates"] = file.duplicates.exact;
  json["conflicting_duplicates"] = file.duplicates.conflicting;
  json["distinct_inputs"] = file.duplicates.distinct;
  if (file.role != "train") {
    json["leaked_rows"] = file.leakage.folded;
    json["leaked_rows_exact"] = file.leakage.exact;
  }
  if (check.task->hasLabelSet()) {
    OrderedJson labels = OrderedJson::object();
    for (const std::string &label : labelOrder(check))
      labels[label] = labelCount(file, label);
    json["labels"] = std::move(labels);
  }
  json["rows_without_label"] = file.rowsWithoutLabel;
  bool words =
      check.task->labelPlacement() == LabelPlacement::Token && check.task->hasLabelSet();
  json[words ? "words" : "characters"] = lengthsJson(file.characters);
  for (const auto &[name, lengths] :
       {std::pair("target_characters", &file.targetCharacters),
        std::pair("tokens", &file.tokens), std::pair("target_tokens", &file.targetTokens)})
    if (lengths->count > 0)
      json[name] = lengthsJson(*lengths);
  if (file.cut.limit > 0 && file.tokens.count > 0)
    json["cut"] = cutJson(file.cut);
  if (file.targetCut.limit > 0 && file.targetTokens.count > 0)
    json["target_cut"] = cutJson(file.targetCut);
  return json;
}

OrderedJson findingJson(const Finding &finding) {
  OrderedJson json;
  json["kind"] = finding.kind;
  json["severity"] = severityName(finding.severity);
  json["what"] = finding.what;
  json["path"] = finding.path;
  json["count"] = finding.count;
  json["places"] = OrderedJson::array();
  for (const FindingPlace &place : finding.places) {
    OrderedJson one;
    if (place.line > 0)
      one["line"] = place.line;
    one["text"] = place.text;
    json["places"].push_back(std::move(one));
  }
  return json;
}

} // namespace

std::string describeCheck(const DataCheck &check) {
  std::string text = describeTask(*check.task) + "\n\n" + filesTable(check);
  if (!check.findings.empty())
    text += "\n";
  for (const Finding &finding : check.findings)
    text += findingText(finding);
  return text + labelsTable(check) + lengthsTable(check) + cutsText(check);
}

std::string checkJson(const DataCheck &check) {
  OrderedJson json;
  json["usable"] = check.usable();
  json["task"] = check.task->name();
  if (!check.task->problemType().empty())
    json["problem_type"] = check.task->problemType();
  if (check.task->hasLabelSet())
    json["labels"] = check.labels;
  json["files"] = OrderedJson::array();
  for (const CheckedFile *file : check.files())
    json["files"].push_back(fileJson(check, *file));
  json["findings"] = OrderedJson::array();
  for (const Finding &finding : check.findings)
    json["findings"].push_back(findingJson(finding));
  return dumpJson(json, 2) + "\n";
}

} // namespace ftc::rt
