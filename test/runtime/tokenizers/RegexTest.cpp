// The small matcher: what it matches, how it backtracks, what it refuses.
#include "runtime/tokenizers/Regex.h"

#include <gtest/gtest.h>

using namespace ftc::rt;

namespace {

/// All matches, joined by '|'; "refused" where the expression is.
std::string matches(std::string_view pattern, std::string_view text) {
  auto regex = Regex::compile(pattern);
  if (!regex)
    return "refused";
  std::string out;
  std::size_t begin, end;
  for (std::size_t at = 0; regex->find(text, at, begin, end) && begin < end; at = end)
    out.append(out.empty() ? "" : "|").append(text.substr(begin, end - begin));
  return out;
}

TEST(Regex, LeftmostThenInOrder) {
  EXPECT_EQ(matches("a|ab", "abab"), "a|a");
  EXPECT_EQ(matches("ab|a", "aba"), "ab|a");
  EXPECT_EQ(matches("a+", "baaac"), "aaa");
  EXPECT_EQ(matches("a+?", "aaa"), "a|a|a");
  EXPECT_EQ(matches("a{2}", "aaaaa"), "aa|aa");
  EXPECT_EQ(matches("a{2,}", "aaaaa"), "aaaaa");
  EXPECT_EQ(matches("a{,2}b", "aaab"), "aab");
  EXPECT_EQ(matches("(?:ab)*c", "ababc"), "ababc");
  EXPECT_EQ(matches("x.", "x\nxy"), "xy");
}

TEST(Regex, ClassesAndUnicode) {
  EXPECT_EQ(matches("\\p{L}+|\\p{N}", "caf\xc3\xa9 12"), "caf\xc3\xa9|1|2");
  EXPECT_EQ(matches("[^\\s\\p{L}]+", "a!?\xe3\x80\x80-"), "!?|-");
  EXPECT_EQ(matches("[a-c\\-]+", "xab-cd"), "ab-c");
  EXPECT_EQ(matches("\\S+", " ab\tc"), "ab|c");
  EXPECT_EQ(matches("(?i:'s|k)", "'S'\xc5\xbfK\xe2\x84\xaa"), "'S|'\xc5\xbf|K|\xe2\x84\xaa");
}

TEST(Regex, LookAheadPossessiveAtomic) {
  EXPECT_EQ(matches("\\s+(?!\\S)", "a   b"), "  ");
  EXPECT_EQ(matches("a(?=b)", "acab"), "a");
  EXPECT_EQ(matches("a++a", "aaa"), "");
  EXPECT_EQ(matches("(?>a|ab)c", "abcac"), "ac");
  EXPECT_EQ(matches("a?+ab", "ab aab"), "aab");
}

TEST(Regex, NestedLoopsTakeLinearTime) {
  EXPECT_EQ(matches("(?:a*)*b", std::string(20000, 'a')), "");
  EXPECT_EQ(matches("(?:a|a|aa)+$", "a"), "refused");
  EXPECT_EQ(matches("(?:a|a|aa)+b", std::string(3000, 'a')), "");
}

TEST(Regex, RefusesByName) {
  for (const char *pattern :
       {"(?<=a)b", "\\bx", "\\d", "\\w+", "^a", "a$", "\\p{Lu}", "[[:alpha:]]", "a**", "(a",
        "a)", "[a", "a{3}+", "(?i:ss)", "(?i:\xc3\x9f)", "a{2000}", "\\", "[z-a]", "*"})
    EXPECT_EQ(matches(pattern, "abc"), "refused") << pattern;
  EXPECT_TRUE(Regex::compile("a*")->matchesEmpty());
  EXPECT_TRUE(Regex::compile("a|(?=b)")->matchesEmpty());
  EXPECT_FALSE(Regex::compile("a*b|[cd]+")->matchesEmpty());
}

} // namespace
