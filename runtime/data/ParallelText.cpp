// Reader of parallel text: both files are walked line by line, side by side.
#include "runtime/data/ParallelText.h"

#include "runtime/data/DataTableBuilder.h"
#include "runtime/data/Formats.h"
#include "runtime/data/LineReader.h"
#include "runtime/support/File.h"
#include "runtime/support/Text.h"

#include <algorithm>

namespace ftc::rt {

namespace {

std::string countLines(std::int64_t lines) {
  return std::to_string(lines) + (lines == 1 ? " line" : " lines");
}

Status differentLengths(std::string_view sourcePath, std::string_view targetPath,
                        std::int64_t common, std::int64_t restOfSource,
                        std::int64_t restOfTarget) {
  std::string source = escape(sourcePath, 90), target = escape(targetPath, 90);
  const std::string &longer = restOfSource > 0 ? source : target;
  return Status::error(source + " and " + target + ": expected equally many lines, got " +
                       countLines(common + restOfSource) + " and " +
                       countLines(common + restOfTarget) + "; line " +
                       std::to_string(common + 1) + " of " + longer +
                       " has no partner: look for a line break too many or missing before it");
}

/// Tells a line with a byte that is not UTF-8: its pair is no row.
bool tellInvalid(std::string_view path, std::string_view text, std::int64_t line,
                 ReadProblems &problems) {
  std::optional<std::size_t> bad = findInvalidUtf8(text);
  if (bad)
    problems.add(line, invalidUtf8Message(path, line, text.substr(*bad, 1)));
  return bad.has_value();
}

} // namespace

ParallelColumns parallelColumns(std::string_view sourcePath, std::string_view targetPath) {
  ParallelColumns columns{suffixOf(sourcePath), suffixOf(targetPath)};
  bool useful =
      !columns.source.empty() && !columns.target.empty() && columns.source != columns.target;
  return useful ? columns : ParallelColumns{"source", "target"};
}

Result<DataTable> parseParallelText(std::string_view sourcePath, std::string sourceBytes,
                                    std::string_view targetPath, std::string targetBytes,
                                    std::int64_t maxRows, ReadProblems *problems) {
  LineReader source, target;
  FTC_RETURN_IF_ERROR(
      source.open(sourcePath, std::move(sourceBytes), /*maybeBlank=*/false, !problems));
  FTC_RETURN_IF_ERROR(
      target.open(targetPath, std::move(targetBytes), /*maybeBlank=*/false, !problems));
  DataTableBuilder builder(sourcePath, source.bytes() + target.bytes(), /*untyped=*/false);
  ParallelColumns columns = parallelColumns(sourcePath, targetPath);
  FTC_RETURN_IF_ERROR(builder.column(columns.source).takeStatus());
  FTC_RETURN_IF_ERROR(builder.column(columns.target).takeStatus());
  builder.setColumnFiles({std::string(sourcePath), std::string(targetPath)});
  std::int64_t lines = 0;
  for (; !source.atEnd() && !target.atEnd(); ++lines) {
    std::string_view from = source.next(), to = target.next();
    bool told = problems && (tellInvalid(sourcePath, from, lines + 1, *problems) ||
                             tellInvalid(targetPath, to, lines + 1, *problems));
    if (told || (maxRows >= 0 && lines >= maxRows))
      continue;
    builder.beginRow(lines + 1);
    FTC_RETURN_IF_ERROR(builder.addText(0, from));
    FTC_RETURN_IF_ERROR(builder.addText(1, to));
  }
  if (!source.atEnd() || !target.atEnd()) {
    std::int64_t restOfSource = source.countRest(), restOfTarget = target.countRest();
    return differentLengths(sourcePath, targetPath, lines, restOfSource, restOfTarget);
  }
  return builder.take();
}

Result<DataTable> readParallelText(const std::string &sourcePath, const std::string &targetPath,
                                   std::int64_t maxRows, ReadProblems *problems) {
  FTC_ASSIGN_OR_RETURN(std::string source, readFile(sourcePath, kMaxDataFileBytes));
  FTC_ASSIGN_OR_RETURN(std::string target, readFile(targetPath, kMaxDataFileBytes));
  return parseParallelText(sourcePath, std::move(source), targetPath, std::move(target),
                           maxRows, problems);
}

Result<DataTable> readDataFiles(std::span<const std::string> paths, std::int64_t maxRows,
                                ReadProblems *problems) {
  if (paths.size() == 1)
    return readDataFile(paths[0], maxRows, problems);
  if (paths.size() == 2)
    return readParallelText(paths[0], paths[1], maxRows, problems);
  return Status::usage("expected one data file, or two of parallel text, got " +
                       std::to_string(paths.size()));
}

} // namespace ftc::rt
