// A table of lines.
#include "runtime/data/PlainText.h"

#include "runtime/data/DataTableBuilder.h"
#include "runtime/data/Formats.h"
#include "runtime/data/LineReader.h"
#include "runtime/support/File.h"

namespace ftc::rt {

Result<DataTable> parsePlainText(std::string_view path, std::string bytes) {
  LineReader reader;
  FTC_RETURN_IF_ERROR(reader.open(path, std::move(bytes), /*maybeBlank=*/true));
  DataTableBuilder builder(path, reader.bytes(), /*untyped=*/false);
  FTC_ASSIGN_OR_RETURN(int column, builder.column("text"));
  for (std::int64_t line = 1; !reader.atEnd(); ++line) {
    builder.beginRow(line);
    FTC_RETURN_IF_ERROR(builder.addText(column, reader.next()));
  }
  return builder.take();
}

Result<DataTable> readPlainText(const std::string &path) {
  FTC_ASSIGN_OR_RETURN(std::string bytes, readFile(path, kMaxDataFileBytes));
  return parsePlainText(path, std::move(bytes));
}

} // namespace ftc::rt
