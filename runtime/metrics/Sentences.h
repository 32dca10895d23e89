// Sentences of running text by rule, for ROUGE-Lsum's lines and for Lead-n baselines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// The sentences of `text` in order, without the white space around them, none empty; they
/// point into `text`. A line break (LF) ends one. So does a word that ends in . ! or ?, closing
/// quotes and brackets after it included, except that a period does not after an abbreviation
/// ("et al.", "e.g.", "Dr.") or an initial, unless the next word is a usual sentence opener
/// ("The", "However"; never after a title), nor an ellipsis before a small letter.
/// Hugging Face's scripts use nltk's punkt model instead, whose trained data is not at hand
/// everywhere; docs/data.md says how often the two agree.
std::vector<std::string_view> splitSentences(std::string_view text);

/// The sentences, one a line: what the summarization task gives to ROUGE-Lsum.
std::string oneSentenceALine(std::string_view text);

} // namespace ftc::rt
