// Progress: a bar on a terminal, plain lines elsewhere, both on stderr. A step allocates
// nothing here.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace ftc::rt {

struct ProgressStyle {
  bool terminal = false; ///< redraw one line
  bool color = false;
  int columns = 80;
};

/// What stderr is: a terminal or not, its width (at most 80), NO_COLOR respected.
ProgressStyle detectProgressStyle();

class Progress {
public:
  Progress(std::FILE *out, ProgressStyle style) : out(out), style(style) {}
  ~Progress() { clear(); }

  /// Training begins at step `done` of `total`.
  void begin(std::int64_t done, std::int64_t total);
  /// After each step: its loss, and the tokens seen since begin(). Speed and time left are
  /// shown once there are kLeastSeconds to measure them over.
  void step(std::int64_t done, double loss, std::int64_t tokens);
  /// Work that is no training begins and ends: it is left out of the rate.
  void pause();
  void resume();
  /// During an evaluation.
  void evaluation(std::int64_t done, std::int64_t total);
  /// A line that stays; the bar is redrawn below it later.
  void line(std::string_view text);
  /// Removes the bar.
  void clear();

  static constexpr double kLeastSeconds = 0.5;

private:
  using Clock = std::chrono::steady_clock;
  /// True when enough time passed since the last drawing.
  bool due(double seconds);
  void draw(const char *text);

  std::FILE *out;
  ProgressStyle style;
  bool drawn = false, anyDrawn = false;
  std::int64_t first = 0, total = 0;
  Clock::time_point start, last, pausedAt;
  Clock::duration paused{};
};

/// "0:42", "12:05", "3:00:10" into `buffer`.
void formatDuration(double seconds, char *buffer, std::size_t size);

} // namespace ftc::rt
