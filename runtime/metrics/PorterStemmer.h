// Porter's stemmer as nltk's PorterStemmer in its NLTK_EXTENSIONS mode, which rouge-score uses.
#pragma once

#include <string>
#include <string_view>

namespace ftc::rt {

/// The stem of a word of [a-z0-9]: M. F. Porter, "An algorithm for suffix stripping", Program
/// 14 (1980), with nltk's table of irregular forms and its changes to steps 1a, 1b, 1c, 2 and
/// to the condition *o. Words of one or two letters stay as they are.
std::string porterStem(std::string_view word);

} // namespace ftc::rt
