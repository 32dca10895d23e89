// Progress: a bar of at most 80 columns on a terminal, plain lines elsewhere.
#include "runtime/train/Progress.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>
#include <thread>

namespace ftc::rt {
namespace {

/// What progress wrote.
std::string record(ProgressStyle style, double loss) {
  char *buffer = nullptr;
  std::size_t size = 0;
  std::FILE *out = open_memstream(&buffer, &size);
  {
    Progress progress(out, style);
    progress.begin(0, 1000000);
    progress.step(1000000, loss, 123456789);
    progress.line("done");
  }
  std::fclose(out);
  std::string text(buffer, size);
  std::free(buffer);
  return text;
}

/// What is drawn last before the line "done".
std::string drawn(const std::string &text) {
  std::size_t begin = text.find("\033[K") + 3, end = text.find('\r', begin);
  return text.substr(begin, end - begin);
}

TEST(Progress, BarFitsTheTerminal) {
  for (int columns : {30, 40, 60, 80}) {
    std::string text = record({true, false, columns}, 1.25), bar = drawn(text);
    EXPECT_EQ(bar.find("loss 1.2500") != std::string::npos, columns > 33) << bar;
    EXPECT_NE(bar.find("step 1000000/1000000"), std::string::npos) << bar;
    EXPECT_TRUE(bar.find('#') != std::string::npos || columns < 60) << bar;
    EXPECT_LT(bar.size(), static_cast<std::size_t>(columns)) << bar;
    EXPECT_EQ(text.find("\033[32m"), std::string::npos);
    EXPECT_NE(text.find("done\n"), std::string::npos);
  }
  EXPECT_NE(record({true, true, 80}, 1).find("\033[32m"), std::string::npos);
  EXPECT_LT(drawn(record({true, false, 80}, 1e300)).size(), 80u);
}

TEST(Progress, PlainLinesHaveNoEscapes) {
  std::string text = record({false, false, 80}, 0.5);
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.substr(0, 20), "step 1000000/1000000");
}

/// What is written of a line.
std::string recordLine(ProgressStyle style, const std::string &line) {
  char *buffer = nullptr;
  std::size_t size = 0;
  std::FILE *out = open_memstream(&buffer, &size);
  Progress(out, style).line(line);
  std::fclose(out);
  std::string text(buffer, size);
  std::free(buffer);
  return text;
}

TEST(Progress, LinesAreBrokenOnTerminalsAndBoundedElsewhere) {
  std::string words = "5 of 40 validation examples were longer than 48 tokens and were cut";
  EXPECT_EQ(recordLine({false, false, 40}, words), words + "\n");
  EXPECT_EQ(recordLine({true, false, 40}, words),
            "5 of 40 validation examples were longer\n  than 48 tokens and were cut\n");
  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += "ü";
  std::string cut = recordLine({false, false, 80}, many);
  EXPECT_LE(cut.size(), Progress::kLongestLine + 1);
  EXPECT_EQ(cut.substr(cut.size() - 6), "ü...\n");
  EXPECT_EQ(recordLine({false, false, 80}, "a\033[2Jb\rc\nd"), "a?[2Jb?c\nd\n");
}

/// Plain lines of a run of two steps, the second `seconds` after its begin, of which the pause
/// took `paused`.
std::string recordTwoSteps(double seconds, double paused) {
  char *buffer = nullptr;
  std::size_t size = 0;
  std::FILE *out = open_memstream(&buffer, &size);
  auto sleep = [](double s) { std::this_thread::sleep_for(std::chrono::duration<double>(s)); };
  {
    Progress progress(out, {false, false, 80});
    progress.begin(0, 2);
    progress.step(1, 1, 1000);
    sleep(seconds - paused);
    progress.pause();
    sleep(paused);
    progress.resume();
    progress.step(2, 1, 2000);
  }
  std::fclose(out);
  std::string text(buffer, size);
  std::free(buffer);
  return text;
}

TEST(Progress, NoRateBeforeThereIsTimeToMeasureIt) {
  std::string text = recordTwoSteps(1.1 * Progress::kLeastSeconds, 0);
  std::string first = text.substr(0, text.find('\n')), second = text.substr(first.size());
  EXPECT_EQ(first, "step 1/2  loss 1.0000");
  EXPECT_NE(second.find("tokens/s"), std::string::npos) << text;
  // Without the pause there is not time enough.
  text = recordTwoSteps(1.1 * Progress::kLeastSeconds, Progress::kLeastSeconds);
  EXPECT_EQ(text.find("tokens/s"), std::string::npos) << text;
}

TEST(Progress, Durations) {
  char text[32];
  const std::pair<double, const char *> cases[] = {
      {0, "0:00"}, {59.6, "1:00"}, {725, "12:05"}, {10810, "3:00:10"}, {-0.0, "0:00"}};
  for (auto [seconds, expected] : cases) {
    formatDuration(seconds, text, sizeof text);
    EXPECT_STREQ(text, expected);
  }
  formatDuration(HUGE_VAL, text, sizeof text);
  EXPECT_STREQ(text, "0:00");
}

} // namespace
} // namespace ftc::rt
