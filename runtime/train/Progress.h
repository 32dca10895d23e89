// Progress: a bar on a terminal, plain lines elsewhere, both on stderr. A step allocates
// nothing here.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string_view>

namespace ftc::rt {

struct ProgressStyle {
  bool terminal = false; ///< redraw one line
  bool color = false;
  int columns = 80;
};

/// Columns of the terminal that a file descriptor is, 20 to 80; 80 where it is none.
int terminalColumns(int fd);

/// What stderr is: a terminal or not, its width (at most 80), NO_COLOR respected.
ProgressStyle detectProgressStyle();

class Progress {
public:
  Progress(std::FILE *out, ProgressStyle style) : out(out), style(style) {}
  ~Progress() { clear(); }

  /// Training begins at step `done` of `total`.
  void begin(std::int64_t done, std::int64_t total);
  /// After each step: its loss, its learning rate (NaN: not shown), and the tokens seen since
  /// begin(). Speed and time left are shown once there are kLeastSeconds to measure them over;
  /// of all, in this order, what the line has room for: step, loss, time left, speed, rate, bar.
  void step(std::int64_t done, double loss, std::int64_t tokens,
            double learningRate = std::numeric_limits<double>::quiet_NaN());
  /// Work that is no training begins and ends: it is left out of the rate.
  void pause();
  void resume();
  /// During an evaluation.
  void evaluation(std::int64_t done, std::int64_t total);
  /// A line that stays (or several); the bar is redrawn below it later. Terminals have it broken
  /// at spaces; elsewhere it is one line of at most kLongestLine bytes. Controls become "?".
  void line(std::string_view text);
  /// Removes the bar.
  void clear();

  static constexpr double kLeastSeconds = 0.5;
  static constexpr std::size_t kLongestLine = 500;

private:
  using Clock = std::chrono::steady_clock;
  /// True when enough time passed since the last drawing.
  bool due(double seconds);
  /// Columns that a line may take now: the terminal may have another size than it had.
  int columns() const;
  /// Seconds between lines that stay: the longer a run, the fewer.
  double lineInterval() const;
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
