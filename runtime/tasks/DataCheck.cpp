// The check's order: read, find columns, tell the task, then rows, labels, duplicates, lengths.
#include "runtime/tasks/DataCheck.h"

#include "runtime/data/ParallelText.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/CheckFindings.h"

#include <algorithm>

namespace ftc::rt {

namespace {

/// A message without the path that it begins with.
std::string withoutPath(const Status &status, const std::string &path) {
  std::string text = status.message();
  for (std::size_t bytes : {std::size_t{120}, std::size_t{160}})
    if (std::string where = escape(path, bytes) + ": "; text.starts_with(where))
      return text.substr(where.size());
  return text;
}

void tellUnreadable(const CheckedFile &file, FindingList &findings) {
  std::int64_t told = 0;
  for (const ReadProblem &problem : file.problems.kept()) {
    std::string text = problem.message;
    std::string where =
        ": " + std::string(file.problems.unit()) + " " + std::to_string(problem.line) + ": ";
    if (std::size_t at = text.find(where); at != std::string::npos)
      text.erase(0, at + where.size());
    findings.add(Severity::Refused, "unreadable-row", "rows that cannot be read",
                 {file.path, problem.line, text, file.problems.unit()});
    ++told;
  }
  for (; told < file.problems.total(); ++told)
    findings.add(Severity::Refused, "unreadable-row", "", {file.path, 0, ""});
  if (file.problems.readInPart())
    findings.add(Severity::Refused, "read-in-part",
                 "what follows the last of these was not read",
                 {file.path, file.problems.stopLine(), "nothing behind this line was checked"});
}

/// Reads a file and finds its columns. Fails on wrong flags alone.
Status readChecked(const DataCheckOptions &options, const DataCheckInput &input,
                   std::string_view role, std::optional<CheckedFile> &out,
                   FindingList &findings) {
  if (input.paths.empty())
    return {};
  CheckedFile &file = out.emplace();
  file.role = role;
  file.path = input.paths.front();
  Result<DataTable> table = readDataFiles(input.paths, options.maxRows, &file.problems);
  tellUnreadable(file, findings);
  if (!table) {
    if (table.status().code() == Code::Usage)
      return table.takeStatus();
    findings.add(Severity::Refused, "unreadable-file", "the file cannot be read",
                 {file.path, 0, withoutPath(table.status(), file.path)});
    return {};
  }
  file.table = table.take();
  if (file.table.columns().empty())
    return {};
  Result<TaskColumns> columns =
      options.task->findColumns(file.table, options.columns, /*needLabels=*/role != "test");
  if (!columns) {
    if (columns.status().code() == Code::Usage)
      return columns.takeStatus();
    findings.add(Severity::Refused, "missing-column", "the task's columns are not there",
                 {file.path, 0, withoutPath(columns.status(), file.path)});
    return {};
  }
  file.columns = columns.take();
  file.readable = true;
  return {};
}

/// The problem that the first readable file's labels are.
Status tellTask(const DataCheckOptions &options, DataCheck &check, FindingList &findings) {
  check.task = options.task;
  if (options.problemKnown)
    return {};
  for (const CheckedFile *file : check.files()) {
    if (!file->readable || file->table.rows() == 0 || file->columns.label < 0)
      continue;
    Result<const Task *> task = options.task->forData(file->table, file->columns);
    if (!task && task.status().code() == Code::Usage)
      return task.takeStatus();
    if (!task)
      findings.add(Severity::Refused, "mixed-labels", "labels of more than one kind",
                   {file->path, 0, withoutPath(task.status(), file->path)});
    check.task = task ? *task : options.task->forMostRows(file->table, file->columns);
    break;
  }
  return {};
}

} // namespace

bool DataCheck::usable() const { return countOf(Severity::Refused) == 0; }

std::int64_t DataCheck::countOf(Severity severity) const {
  return std::count_if(findings.begin(), findings.end(),
                       [&](const Finding &finding) { return finding.severity == severity; });
}

std::vector<const CheckedFile *> DataCheck::files() const {
  std::vector<const CheckedFile *> files;
  for (const std::optional<CheckedFile> *file : {&train, &validation, &test})
    if (*file)
      files.push_back(&**file);
  return files;
}

Result<DataCheck> checkData(const DataCheckOptions &options) {
  DataCheck check;
  FindingList findings(options.shown);
  FTC_RETURN_IF_ERROR(readChecked(options, options.train, "train", check.train, findings));
  FTC_RETURN_IF_ERROR(
      readChecked(options, options.validation, "validation", check.validation, findings));
  FTC_RETURN_IF_ERROR(readChecked(options, options.test, "test", check.test, findings));
  FTC_RETURN_IF_ERROR(tellTask(options, check, findings));
  std::optional<CheckedFile> *files[] = {&check.train, &check.validation, &check.test};
  for (std::optional<CheckedFile> *file : files)
    if (*file && (*file)->readable) {
      checkEachRow(options, *check.task, **file, findings);
      encodeEachRow(options, *check.task, **file, findings);
    }
  checkLabels(options, check, findings);
  FTC_RETURN_IF_ERROR(checkDuplicates(check, findings));
  for (std::optional<CheckedFile> *file : files) {
    if (!*file || !(*file)->readable)
      continue;
    checkLengths(options, *check.task, **file);
    if ((*file)->usable.empty())
      findings.add(Severity::Refused, "no-rows", "no row is left to use",
                   {(*file)->path, 0, "expected at least one usable row, got none"});
  }
  check.findings = findings.take();
  return check;
}

} // namespace ftc::rt
