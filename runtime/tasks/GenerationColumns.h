// Which columns summarization, translation and text generation read, by flag or usual name.
#pragma once

#include "runtime/data/DataTable.h"

namespace ftc::rt {

/// A column to read from and one to write; target is -1 where none was needed nor found.
struct PairColumns {
  int source = -1;
  int target = -1;
};

/// Summarization: --text_column and --summary_column, or else text, document, article or
/// dialogue with summary or highlights. A flag left empty is not given. Without `needTarget`
/// the summary may be missing. Fails with the columns present, and where two usual names
/// compete.
Result<PairColumns> findSummaryColumns(const DataTable &table, const std::string &textColumn,
                                       const std::string &summaryColumn, bool needTarget);

/// The language that a translation's column is named after: "translation.de" and "de" are "de".
std::string_view languageOfColumn(std::string_view column);

/// Translation: with --source_lang and --target_lang the columns "translation.LANG" or "LANG",
/// whatever follows "_" in LANG (mBART's en_XX) left out if need be, or "source" and "target"
/// of parallel text. Without them, in the file's order: those of parallel text, whatever its files
/// are called; the only two named "translation.…"; "source" and "target"; the only two named by a
/// language's code (en, pt_BR). Without `needTarget` the target's may be missing. Fails with the
/// columns present, and when one language alone is given.
Result<PairColumns> findTranslationColumns(const DataTable &table,
                                           const std::string &sourceLang,
                                           const std::string &targetLang, bool needTarget);

/// Text generation reads one of three forms; the others' columns are -1.
struct GenerationColumns {
  int text = -1;                    ///< the whole example
  int prompt = -1, completion = -1; ///< the completion follows the prompt and is learnt
  int messages = -1;                ///< a conversation (readMessages)
};

/// --text_column_name or else the first of these forms that the table has: messages; prompt
/// with completion; text; without `needCompletion` also prompt alone. Fails with the columns
/// present.
Result<GenerationColumns> findGenerationColumns(const DataTable &table,
                                                const std::string &textColumnName,
                                                bool needCompletion);

} // namespace ftc::rt
