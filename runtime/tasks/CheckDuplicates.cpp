// Equal inputs: within a file they are duplicates, across files they leak what is to be
// measured.
#include "runtime/support/Text.h"
#include "runtime/tasks/CheckFindings.h"
#include "runtime/tasks/RowKeys.h"

#include <unordered_map>

namespace ftc::rt {

namespace {

using RowsByKey = std::unordered_map<RowKey, std::int64_t, RowKeyHash>;

/// Keys of the usable rows' inputs, each with its first row.
struct FileKeys {
  RowsByKey exact, folded;
};

Result<FileKeys> countDuplicates(const Task &task, CheckedFile &file, bool needFolded,
                                 FindingList &findings) {
  FileKeys keys;
  keys.exact.reserve(file.usable.size());
  for (std::int64_t row : file.usable) {
    FTC_ASSIGN_OR_RETURN(RowKey input, inputKey(file.table, row, file.columns, false));
    if (needFolded) {
      FTC_ASSIGN_OR_RETURN(RowKey folded, inputKey(file.table, row, file.columns, true));
      keys.folded.try_emplace(folded, row);
    }
    auto [first, fresh] = keys.exact.try_emplace(input, row);
    if (fresh)
      continue;
    FTC_ASSIGN_OR_RETURN(RowKey label, labelKey(file.table, row, file.columns));
    FTC_ASSIGN_OR_RETURN(RowKey other, labelKey(file.table, first->second, file.columns));
    bool same = label == other;
    ++(same ? file.duplicates.exact : file.duplicates.conflicting);
    bool classes = task.labelPlacement() == LabelPlacement::Sequence || task.hasLabelSet();
    std::string text = inputExcerpt(file.table, row, file.columns, 60) + " stands in " +
                       std::string(file.table.unit()) + " " +
                       std::to_string(file.table.line(first->second)) + " too";
    if (same)
      findings.addRow(Severity::Note, "duplicate", "rows that an earlier row repeats", file,
                      row, text);
    else
      findings.addRow(classes ? Severity::Warning : Severity::Note, "conflicting-duplicate",
                      classes
                          ? "rows whose text has another label in an earlier row"
                          : "rows whose text has another answer or target in an earlier row",
                      file, row, text);
  }
  file.duplicates.distinct = static_cast<std::int64_t>(keys.exact.size());
  return keys;
}

Status countLeakage(const CheckedFile &train, const FileKeys &keys, CheckedFile &file,
                    FindingList &findings) {
  for (std::int64_t row : file.usable) {
    FTC_ASSIGN_OR_RETURN(RowKey input, inputKey(file.table, row, file.columns, false));
    auto found = keys.exact.find(input);
    bool exact = found != keys.exact.end();
    if (!exact) {
      FTC_ASSIGN_OR_RETURN(RowKey folded, inputKey(file.table, row, file.columns, true));
      found = keys.folded.find(folded);
      if (found == keys.folded.end())
        continue;
    }
    file.leakage.exact += exact;
    ++file.leakage.folded;
    findings.addRow(Severity::Warning, "leakage",
                    "rows that stand in the training file too: what is measured on them is no "
                    "measure of new texts",
                    file, row,
                    inputExcerpt(file.table, row, file.columns, 60) + " is " +
                        std::string(train.table.unit()) + " " +
                        std::to_string(train.table.line(found->second)) + " of " +
                        escape(train.path, 120) +
                        (exact ? "" : " but for case and white space"));
  }
  return {};
}

} // namespace

Status checkDuplicates(DataCheck &check, FindingList &findings) {
  bool others = check.validation || check.test;
  FileKeys keys;
  for (std::optional<CheckedFile> *file : {&check.train, &check.validation, &check.test}) {
    if (!*file || !(*file)->readable)
      continue;
    bool training = file == &check.train;
    FTC_ASSIGN_OR_RETURN(FileKeys own,
                         countDuplicates(*check.task, **file, training && others, findings));
    if (training)
      keys = std::move(own);
    else if (check.train && check.train->readable)
      FTC_RETURN_IF_ERROR(countLeakage(*check.train, keys, **file, findings));
  }
  return {};
}

} // namespace ftc::rt
