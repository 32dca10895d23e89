// Reader of CoNLL columns: tokens in the first column, tags in the last, a row a sentence.
#include "runtime/data/DataTableBuilder.h"
#include "runtime/data/Formats.h"
#include "runtime/support/Text.h"

namespace ftc::rt {

namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view trim(std::string_view text) {
  std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// First and last column of a line, and how many there are.
struct Columns {
  std::string_view first, last;
  int count = 0;
};

Columns splitTabs(std::string_view line) {
  Columns columns;
  for (std::size_t at = 0; at <= line.size(); ++columns.count) {
    std::size_t end = std::min(line.find('\t', at), line.size());
    columns.last = trim(line.substr(at, end - at));
    if (columns.count == 0)
      columns.first = columns.last;
    at = end + 1;
  }
  return columns;
}

Columns splitBlanks(std::string_view line) {
  Columns columns;
  std::size_t at = line.find_first_not_of(kBlanks);
  for (; at != std::string_view::npos; ++columns.count) {
    std::size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    columns.last = line.substr(at, end - at);
    if (columns.count == 0)
      columns.first = columns.last;
    at = line.find_first_not_of(kBlanks, end);
  }
  return columns;
}

class ConllReader {
public:
  ConllReader(std::string_view path, std::size_t bytes)
      : builder(path, bytes + bytes / 64, /*untyped=*/true) {
    builder.setLinePerItem();
  }

  std::int64_t rows() const { return builder.rows(); }
  DataTable take() { return builder.take(); }

  Status addLine(std::string_view line, std::int64_t number) {
    std::string_view content = trim(line);
    constexpr std::string_view document = "-DOCSTART-";
    bool separator = content.starts_with(document) &&
                     (content.size() == document.size() ||
                      kBlanks.find(content[document.size()]) != std::string_view::npos);
    if (content.empty() || separator)
      return endSentence();
    if (firstLine == 0)
      FTC_RETURN_IF_ERROR(setShape(line, number));
    Columns columns = tabs ? splitTabs(stripReturn(line)) : splitBlanks(line);
    if (columns.count != count)
      return Status::error(whereInFile(builder.path(), number) + ": expected " +
                           std::to_string(count) + " columns as in line " +
                           std::to_string(firstLine) + ", got " +
                           std::to_string(columns.count) +
                           " (files named .conll, .bio and .txt are read as CoNLL columns)");
    if (columns.first.empty() || columns.last.empty())
      return Status::error(whereInFile(builder.path(), number) +
                           ": expected a token in the first column and a tag in the last, got "
                           "an empty " +
                           (columns.first.empty() ? "token" : "tag"));
    if (tokens.empty())
      sentenceLine = number;
    tokens.push_back(columns.first);
    tags.push_back(columns.last);
    return {};
  }

  /// Leaves out the sentence at hand, whatever more of it there is.
  void spoil() { spoiled = true; }

  Status endSentence() {
    if (spoiled)
      tokens.clear(), tags.clear();
    spoiled = false;
    if (tokens.empty())
      return {};
    builder.beginRow(sentenceLine);
    FTC_RETURN_IF_ERROR(addList(0, tokens));
    if (count > 1)
      FTC_RETURN_IF_ERROR(addList(1, tags));
    tokens.clear();
    tags.clear();
    return {};
  }

private:
  static std::string_view stripReturn(std::string_view line) {
    return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
  }

  Status setShape(std::string_view line, std::int64_t number) {
    tabs = stripReturn(line).find('\t') != std::string_view::npos;
    count = tabs ? splitTabs(stripReturn(line)).count : splitBlanks(line).count;
    firstLine = number;
    FTC_RETURN_IF_ERROR(builder.column("tokens").takeStatus());
    return count > 1 ? builder.column("ner_tags").takeStatus() : Status();
  }

  Status addList(int column, const std::vector<std::string_view> &items) {
    std::size_t begin = builder.arena().size();
    for (std::string_view item : items)
      builder.appendItem(item);
    return builder.closeCell(column, CellKind::TextList, begin);
  }

  DataTableBuilder builder;
  bool tabs = false, spoiled = false;
  int count = 0;
  std::int64_t firstLine = 0, sentenceLine = 0;
  std::vector<std::string_view> tokens, tags;
};

} // namespace

Result<DataTable> parseConll(std::string_view path, std::string_view bytes,
                             std::int64_t maxRows, ReadProblems *problems) {
  ConllReader reader(path, bytes.size());
  std::int64_t number = 1;
  for (std::size_t at = 0; at < bytes.size(); ++number) {
    if (maxRows >= 0 && reader.rows() >= maxRows)
      break;
    std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    Status read = reader.addLine(bytes.substr(at, end - at), number);
    if (!read && !problems)
      return read;
    bool invalid = problems && problems->tellInvalidRow(end);
    if (!read && !invalid)
      problems->add(number, read.message());
    if (!read || invalid)
      reader.spoil();
    at = end + 1;
  }
  if (maxRows < 0 || reader.rows() < maxRows)
    FTC_RETURN_IF_ERROR(reader.endSentence());
  if (reader.rows() == 0 && maxRows != 0 && !(problems && problems->total()))
    return Status::error(escape(path, 160) +
                         ": expected sentences of one token a line, got none");
  return reader.take();
}

} // namespace ftc::rt
