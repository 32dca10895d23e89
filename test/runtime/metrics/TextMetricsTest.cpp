// Metrics and baselines of generation where the answer is plain: white space, sentences,
// perplexity, lengths, and bytes that are no text.
#include "runtime/metrics/Baselines.h"
#include "runtime/metrics/Generation.h"
#include "runtime/metrics/PythonSpace.h"
#include "runtime/metrics/Sentences.h"
#include "runtime/tokenizers/Unicode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace ftc::rt {
namespace {

using Texts = std::vector<std::string_view>;

TEST(PythonSpace, EveryCodePointInUtf8) {
  int spaces = 0;
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c < 0xe000)
      continue;
    std::string text;
    unicode::append(text, c);
    std::size_t expected = isPythonSpace(c) ? text.size() : 0;
    ASSERT_EQ(pythonSpaceLength(text, 0), expected) << std::uint32_t(c);
    ASSERT_EQ(stripEnd(text).empty(), isPythonSpace(c)) << std::uint32_t(c);
    spaces += isPythonSpace(c);
  }
  EXPECT_EQ(spaces, 29); // what Python 3.11 counts
}

TEST(PythonSpace, AnEmptyViewEndsWhereItBegins) {
  // The byte behind a view is another cell's.
  std::string_view cells = " \u00a0 x";
  for (std::size_t length : {0u, 1u, 3u}) {
    EXPECT_EQ(stripSpace(cells.substr(0, length)), "");
    EXPECT_TRUE(splitAtSpace(cells.substr(0, length)).empty());
  }
  EXPECT_EQ(stripSpace(cells), "x");
  EXPECT_EQ(pythonSpaceLength(cells.substr(0, 0), 0), 0u);
}

TEST(PythonSpace, Splits) {
  EXPECT_EQ(splitAtSpace(" a\u00a0\u3000b\x1c \u200b"), (Texts{"a", "b", "\u200b"}));
  EXPECT_TRUE(splitAtSpace(" \t\u2009").empty());
  EXPECT_EQ(stripEnd(" a b \u00a0\n\u3000"), " a b");
  EXPECT_EQ(stripEnd("\u3000"), "");
}

TEST(Sentences, EndsAndAbbreviations) {
  EXPECT_EQ(splitSentences("We show X. It works! Does it? \"Yes.\" (See above.) Fine"),
            (Texts{"We show X.", "It works!", "Does it?", "\"Yes.\"", "(See above.)", "Fine"}));
  EXPECT_EQ(
      splitSentences("Smith et al. (2017) and Dr. Who, e.g. J. Doe. vs. 3.5 of 4.").size(), 2u);
  EXPECT_EQ(splitSentences("See Fig. The rest, etc. The end."),
            (Texts{"See Fig. The rest, etc.", "The end."}));
  EXPECT_EQ(splitSentences("In the U.S. However, vitamin C. The dose."),
            (Texts{"In the U.S.", "However, vitamin C.", "The dose."}));
  EXPECT_EQ(splitSentences("wait... and see... Then go…"),
            (Texts{"wait... and see...", "Then go…"}));
  EXPECT_EQ(splitSentences(" a b\n\n  \ncd. e \r\n"), (Texts{"a b", "cd.", "e"}));
  EXPECT_TRUE(splitSentences(" \n\t").empty());
  EXPECT_EQ(oneSentenceALine("A bc. C d.\nE"), "A bc.\nC d.\nE");
}

TEST(Generation, PerplexityAndLength) {
  EXPECT_NEAR(perplexity(10 * std::log(7.0), 10), 7, 1e-12);
  EXPECT_EQ(perplexity(0, 5), 1);
  EXPECT_EQ(perplexity(0, 0), 0);
  EXPECT_EQ(perplexity(1e6, 1), HUGE_VAL);
  GenerationLength length;
  EXPECT_EQ(length.mean(), 0);
  length.add(std::vector<std::int32_t>{0, 5, 6, 1, 0, 0}, 0);
  length.add(std::vector<std::int32_t>{2, 2}, 0);
  EXPECT_NEAR(length.mean(), 2.5, 1e-12);
}

TEST(Baselines, LeadTakesTheFirstSentences) {
  std::string document = "One two. Three four. Five six.\nSeven eight.";
  EXPECT_EQ(leadSentences(document, 1), "One two.");
  EXPECT_EQ(leadSentences(document, 3), "One two.\nThree four.\nFive six.");
  EXPECT_EQ(leadSentences(document, 9), "One two.\nThree four.\nFive six.\nSeven eight.");
  EXPECT_EQ(leadSentences(document, 0), "");
  LeadBaselines lead;
  lead.add(document, "One two.");
  lead.add(document, "Seven eight.");
  EXPECT_NEAR(lead.lead1().rouge1(), 0.5, 1e-12);
  EXPECT_NEAR(lead.lead3().rouge1(), 0.25, 1e-12); // P 1/3, R 1
  EXPECT_NEAR(lead.lead3().rougeLsum(), 0.25, 1e-12);
  EXPECT_EQ(lead.describe(),
            "Lead-1 reaches ROUGE-1 50.00, ROUGE-2 50.00, ROUGE-L 50.00, ROUGE-Lsum 50.00; "
            "Lead-3 reaches ROUGE-1 25.00, ROUGE-2 16.67, ROUGE-L 25.00, ROUGE-Lsum 25.00");
}

TEST(Baselines, CopyOfTheSource) {
  CopyBaseline copy;
  copy.add("Tom, are you there now?", "Tom, are you there now?");
  EXPECT_EQ(copy.describe(), "copying the source reaches BLEU 100.00, chrF 100.00");
  copy.add("Hello there", "Hej alla");
  EXPECT_LT(copy.bleu().score().score, 100);
  EXPECT_LT(copy.chrf().score(), 100);
}

TEST(Rouge, StopsWhenAsked) {
  // One line, and many: the table of the whole text, and those of sentences.
  for (std::string end : {" ", "\n"}) {
    std::string text;
    for (int i = 0; i < 60; ++i)
      text += "word" + std::to_string(i) + end;
    int asked = 0;
    auto after = [&](int most) {
      asked = 0;
      return rouge(text, text, [&asked, most] { return ++asked > most; }).has_value();
    };
    EXPECT_TRUE(after(1 << 20));
    int all = asked;
    EXPECT_GE(all, 120); // once a word of the target, twice over
    for (int most : {0, 30, 59, 60, 90, all - 1}) {
      EXPECT_FALSE(after(most)) << most;
      EXPECT_EQ(asked, most + 1); // and at once
    }
    EXPECT_TRUE(after(all));
    LeadBaselines lead;
    EXPECT_FALSE(lead.add(text, text, [] { return true; }));
    EXPECT_EQ(lead.lead1().pairs(), 0);
    EXPECT_EQ(lead.lead3().pairs(), 0);
  }
}

TEST(Metrics, NoTextScoresZero) {
  EXPECT_EQ(RougeMean().rouge1(), 0);
  EXPECT_EQ(RougeMean().rougeLsum(), 0);
  EXPECT_EQ(Bleu().score().score, 0);
  EXPECT_EQ(Chrf().score(), 0);
}

/// A model may write anything: broken UTF-8 must neither crash nor score outside the range.
TEST(Metrics, AnyBytes) {
  std::mt19937_64 random(3);
  const std::string bytes("\xc2\xe1\xe2\x80\xa8\xe3\xff\xf0\x9f ab.,-5\n\0", 19);
  double best = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string texts[2];
    for (std::string &text : texts)
      for (std::size_t n = random() % 24; n > 0; --n)
        text.push_back(bytes[random() % bytes.size()]);
    Bleu bleu;
    Chrf chrf;
    bleu.add(texts[0], texts[1]);
    chrf.add(texts[0], texts[1]);
    RougeScores scores = rouge(texts[0], texts[1]);
    for (double score : {bleu.score().score / 100, chrf.score() / 100, scores.rouge1.f1,
                         scores.rougeL.f1, scores.rougeLsum.f1}) {
      ASSERT_GE(score, 0);
      ASSERT_LE(score, 1 + 1e-12);
      best = std::max(best, score);
    }
    oneSentenceALine(texts[0]);
  }
  EXPECT_GT(best, 0.5);
}

} // namespace
} // namespace ftc::rt
