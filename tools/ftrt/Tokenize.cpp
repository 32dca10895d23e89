// ftrt tokenize: ids and offsets of each line of a text file, or of each row of a table.
#include "tools/ftrt/Commands.h"

#include "runtime/data/DataTable.h"
#include "runtime/support/File.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <cstdio>

namespace ftc::cli {

using rt::Result;
using rt::Status;

namespace {

constexpr std::uint64_t kMostTextBytes = std::uint64_t(1) << 32;

Status printLine(const rt::Tokenizer &tokenizer, std::string_view text) {
  FTC_ASSIGN_OR_RETURN(rt::Encoding encoding, tokenizer.encode(text, {}));
  std::string line = "{\"ids\": [";
  for (std::size_t i = 0; i < encoding.ids.size(); ++i)
    line += (i ? ", " : "") + std::to_string(encoding.ids[i]);
  line += "], \"offsets\": [";
  for (std::size_t i = 0; i < encoding.offsets.size(); ++i)
    line += (i ? ", [" : "[") + std::to_string(encoding.offsets[i].first) + ", " +
            std::to_string(encoding.offsets[i].second) + "]";
  line += "]}\n";
  if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size())
    return Status::error("standard output: cannot write the results");
  return Status::ok();
}

/// Physical lines split on LF, a CR before it dropped, a byte order mark skipped.
Status printTextFile(const rt::Tokenizer &tokenizer, const std::string &path) {
  FTC_ASSIGN_OR_RETURN(std::string content, rt::readFile(path, kMostTextBytes));
  std::string_view rest = content;
  if (rest.starts_with("\xef\xbb\xbf"))
    rest.remove_prefix(3);
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if (Status status = printLine(tokenizer, line); !status)
      return std::move(status).withContext(path + ": line " + std::to_string(number));
  }
  return Status::ok();
}

bool isTable(std::string_view path) {
  if (path.ends_with(".gz"))
    path.remove_suffix(3);
  for (std::string_view suffix : {".csv", ".tsv", ".json", ".jsonl", ".parquet"})
    if (path.ends_with(suffix))
      return true;
  return false;
}

Status printTable(const rt::Tokenizer &tokenizer, const std::string &path,
                  const std::string &column) {
  FTC_ASSIGN_OR_RETURN(rt::DataTable table, rt::readDataFile(path));
  std::optional<int> found = table.findColumn(column.empty() ? "text" : column);
  if (!found)
    return Status::error(
        path + ": expected a column " + rt::quote(column.empty() ? "text" : column) +
        " (--text_column_name names another), got " + rt::quoteList(table.columns(), 10));
  for (std::int64_t row = 0; row < table.rows(); ++row)
    if (Status status = printLine(tokenizer, table.text(row, *found)); !status)
      return std::move(status).withContext(table.where(row));
  return Status::ok();
}

} // namespace

Status tokenizeCommand(Arguments arguments) {
  std::string model, inputFile, column;
  bool json = true;
  FlagSet flags("ftrt tokenize", "MODEL_OR_D --input_file F [--json]",
                "Prints {\"ids\": [...], \"offsets\": [[s, e], ...]} for each line or row; "
                "special tokens are added, nothing is cut, offsets count code points.");
  flags.positional("MODEL_OR_D", model,
                   "a model directory, a GGUF file, a run's directory or a step.ftb");
  flags.group("Input");
  flags.text("input_file", inputFile, "FILE",
             "a text file (one input a line), or a .csv, .tsv, .json, .jsonl or .parquet table");
  flags.require("input_file");
  flags.text("text_column_name", column, "NAME", "the table's column");
  flags.shownDefault("text");
  flags.boolean("json", json, "the one output format");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return Status::ok();
  if (!json)
    return Status::usage("--json: expected true, the one output format, got 'false'");
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Tokenizer> tokenizer, openTokenizer(model));
  return isTable(inputFile) ? printTable(*tokenizer, inputFile, column)
                            : printTextFile(*tokenizer, inputFile);
}

} // namespace ftc::cli
