// Column lookup for tasks that write text.
#include "runtime/tasks/GenerationColumns.h"

#include "runtime/support/Text.h"
#include "runtime/tasks/Columns.h"

#include <algorithm>

namespace ftc::rt {

namespace {

/// The columns of these names that the table has.
std::vector<int> present(const DataTable &table, std::span<const std::string_view> names) {
  std::vector<int> found;
  for (std::string_view name : names)
    if (std::optional<int> column = table.findColumn(name))
      found.push_back(*column);
  return found;
}

Status ambiguous(const DataTable &table, int first, int second, std::string_view flag) {
  return Status::error(escape(table.path(), 120) + ": expected one of the columns " +
                       quote(table.columns()[first], 40) + " and " +
                       quote(table.columns()[second], 40) + ", got both; say which with " +
                       std::string(flag));
}

/// The column that a flag names or, without one, the only one present of the usual names; -1
/// where none is and none is needed.
Result<int> flaggedOrUsual(const DataTable &table, std::string_view flag,
                           const std::string &name, std::span<const std::string_view> usual,
                           std::string_view listed, bool needed) {
  if (!name.empty())
    return findFlaggedColumn(table, flag, name);
  std::vector<int> found = present(table, usual);
  if (found.size() > 1)
    return ambiguous(table, found[0], found[1], flag);
  if (found.empty() && needed)
    return missingColumn(table,
                         std::string(listed) + " (" + std::string(flag) + " names another)");
  return found.empty() ? -1 : found[0];
}

/// The column of a language; -1 where there is none.
int languageColumn(const DataTable &table, std::string_view language) {
  for (std::string_view code : {language, language.substr(0, language.find('_'))})
    for (std::string_view before : {"translation.", ""})
      if (auto column = table.findColumn(std::string(before).append(code)))
        return *column;
  return -1;
}

/// Whether a name has the form of a language's code: two or three small letters, and perhaps a
/// script or a country behind them ("en", "deu", "pt_BR", "zh-Hans").
bool isLanguageCode(std::string_view name) {
  auto letters = [](std::string_view part, std::size_t least, std::size_t most, auto good) {
    return part.size() >= least && part.size() <= most &&
           std::all_of(part.begin(), part.end(), good);
  };
  auto small = [](char c) { return c >= 'a' && c <= 'z'; };
  auto any = [](char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; };
  std::size_t end = std::min(name.find_first_of("_-"), name.size());
  return letters(name.substr(0, end), 2, 3, small) &&
         (end == name.size() || letters(name.substr(end + 1), 2, 4, any));
}

/// The columns that hold a translation's sides where no flag names them, in the file's order:
/// those of parallel text, or of `translation{…}`, or source and target, or else those named by
/// language codes.
std::vector<int> translationSides(const DataTable &table) {
  if (table.parallel())
    return {0, 1};
  std::vector<int> nested, coded;
  for (int column = 0; column < static_cast<int>(table.columns().size()); ++column) {
    const std::string &name = table.columns()[column];
    if (name.starts_with("translation."))
      nested.push_back(column);
    if (isLanguageCode(name))
      coded.push_back(column);
  }
  // Indonesian's code mostly names a row.
  if (coded.size() > 2)
    std::erase_if(coded, [&](int column) { return table.columns()[column] == "id"; });
  auto source = table.findColumn("source"), target = table.findColumn("target");
  if (nested.empty() && source && target)
    return {*source, *target};
  return nested.empty() ? coded : nested;
}

} // namespace

Result<PairColumns> findSummaryColumns(const DataTable &table, const std::string &textColumn,
                                       const std::string &summaryColumn, bool needTarget) {
  constexpr std::string_view kTexts[] = {"text", "document", "article", "dialogue"};
  constexpr std::string_view kSummaries[] = {"summary", "highlights"};
  PairColumns columns;
  FTC_ASSIGN_OR_RETURN(columns.source,
                       flaggedOrUsual(table, "--text_column", textColumn, kTexts,
                                      "'text', 'document', 'article' or 'dialogue'", true));
  FTC_ASSIGN_OR_RETURN(columns.target,
                       flaggedOrUsual(table, "--summary_column", summaryColumn, kSummaries,
                                      "'summary' or 'highlights'", needTarget));
  return columns;
}

std::string_view languageOfColumn(std::string_view column) {
  constexpr std::string_view kNested = "translation.";
  return column.starts_with(kNested) ? column.substr(kNested.size()) : column;
}

Result<PairColumns> findTranslationColumns(const DataTable &table,
                                           const std::string &sourceLang,
                                           const std::string &targetLang, bool needTarget) {
  if (sourceLang.empty() != targetLang.empty())
    return Status::usage(sourceLang.empty()
                             ? "--source_lang: expected beside --target_lang, got none"
                             : "--target_lang: expected beside --source_lang, got none");
  PairColumns columns;
  if (sourceLang.empty()) {
    std::vector<int> sides = translationSides(table);
    if (sides.size() == 1 && !needTarget)
      return PairColumns{sides[0], -1};
    if (sides.size() != 2)
      return missingColumn(table, "for each of two languages (translation.en and translation.de, "
                                  "source and target, or two language codes; --source_lang and "
                                  "--target_lang name others)");
    columns.source = sides[0];
    columns.target = sides[1];
    return columns;
  }
  auto source = table.findColumn("source"), target = table.findColumn("target");
  columns.source = languageColumn(table, sourceLang);
  columns.target = languageColumn(table, targetLang);
  if (columns.source < 0 && columns.target < 0 && source && target)
    return PairColumns{*source, *target};
  if (columns.source < 0)
    return missingColumn(table, quote("translation." + sourceLang, 40) + " or " +
                                    quote(sourceLang, 40) + " (--source_lang)");
  if (columns.target < 0 && needTarget)
    return missingColumn(table, quote("translation." + targetLang, 40) + " or " +
                                    quote(targetLang, 40) + " (--target_lang)");
  if (columns.source == columns.target)
    return Status::usage("--target_lang: expected another language than --source_lang, got " +
                         quote(targetLang, 40) + " twice");
  return columns;
}

Result<GenerationColumns> findGenerationColumns(const DataTable &table,
                                                const std::string &textColumnName,
                                                bool needCompletion) {
  GenerationColumns columns;
  if (!textColumnName.empty()) {
    FTC_ASSIGN_OR_RETURN(columns.text,
                         findFlaggedColumn(table, "--text_column_name", textColumnName));
    return columns;
  }
  columns.messages = table.findColumn("messages").value_or(-1);
  if (columns.messages >= 0)
    return columns;
  int text = table.findColumn("text").value_or(-1);
  int prompt = table.findColumn("prompt").value_or(-1);
  int completion = table.findColumn("completion").value_or(-1);
  if (prompt >= 0 && (completion >= 0 || text < 0)) {
    if (completion < 0 && needCompletion)
      return missingColumn(table, "'completion' beside 'prompt'");
    columns.prompt = prompt;
    columns.completion = completion;
    return columns;
  }
  columns.text = text;
  if (text < 0)
    return missingColumn(table, "'text', 'messages', or 'prompt' with 'completion' "
                                "(--text_column_name names another)");
  return columns;
}

} // namespace ftc::rt
