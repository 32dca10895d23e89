// Drawing is limited in time: ten bars or one plain line a second.
#include "runtime/train/Progress.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ftc::rt {

ProgressStyle detectProgressStyle() {
  ProgressStyle style;
  const char *term = std::getenv("TERM");
  style.terminal = isatty(STDERR_FILENO) && (!term || std::strcmp(term, "dumb") != 0);
  const char *noColor = std::getenv("NO_COLOR");
  style.color = style.terminal && !(noColor && *noColor);
  winsize window = {};
  if (style.terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
    style.columns = std::min<int>(80, window.ws_col);
  return style;
}

void formatDuration(double seconds, char *buffer, std::size_t size) {
  long long whole = std::isfinite(seconds) ? std::llround(std::min(seconds, 3.6e8)) : 0;
  if (whole >= 3600)
    std::snprintf(buffer, size, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  else
    std::snprintf(buffer, size, "%lld:%02lld", whole / 60, whole % 60);
}

void Progress::begin(std::int64_t done, std::int64_t steps) {
  first = done;
  total = steps;
  start = Clock::now();
  paused = {};
}

bool Progress::due(double seconds) {
  Clock::time_point now = Clock::now();
  if (anyDrawn && std::chrono::duration<double>(now - last).count() < seconds)
    return false;
  last = now;
  anyDrawn = true;
  return true;
}

void Progress::step(std::int64_t done, double loss, std::int64_t tokens) {
  if (!due(style.terminal ? 0.1 : 1.0) && done != total)
    return;
  double seconds = std::chrono::duration<double>(Clock::now() - start - paused).count();
  char text[256];
  int length = std::snprintf(text, sizeof text, "step %lld/%lld  loss %.4f",
                             static_cast<long long>(done), static_cast<long long>(total), loss);
  if (seconds >= kLeastSeconds && done > first) {
    char left[32];
    formatDuration(seconds / static_cast<double>(done - first) *
                       static_cast<double>(total - done),
                   left, sizeof left);
    length += std::snprintf(text + length, sizeof text - length, "  %.0f tokens/s  %s left",
                            static_cast<double>(tokens) / seconds, left);
  }
  if (!style.terminal) {
    std::fprintf(out, "%s\n", text);
    return;
  }
  char bar[512];
  int width = std::clamp(style.columns - length - 4, 0, 40);
  if (width < 4) {
    draw(text);
    return;
  }
  int filled = static_cast<int>(static_cast<double>(width) * static_cast<double>(done) /
                                static_cast<double>(std::max<std::int64_t>(1, total)));
  int at = std::snprintf(bar, sizeof bar, "%s[", style.color ? "\033[32m" : "");
  for (int i = 0; i < width; ++i)
    bar[at++] = i < filled ? '#' : '.';
  std::snprintf(bar + at, sizeof bar - at, "]%s %s", style.color ? "\033[0m" : "", text);
  draw(bar);
}

void Progress::pause() { pausedAt = Clock::now(); }

void Progress::resume() { paused += Clock::now() - pausedAt; }

void Progress::evaluation(std::int64_t done, std::int64_t examples) {
  if (!style.terminal || !due(0.1))
    return;
  char text[96];
  std::snprintf(text, sizeof text, "evaluating %lld/%lld", static_cast<long long>(done),
                static_cast<long long>(examples));
  draw(text);
}

void Progress::draw(const char *text) {
  std::fprintf(out, "\r\033[K%s", text);
  std::fflush(out);
  drawn = true;
}

void Progress::clear() {
  if (!drawn)
    return;
  std::fputs("\r\033[K", out);
  std::fflush(out);
  drawn = false;
}

void Progress::line(std::string_view text) {
  clear();
  std::fprintf(out, "%.*s\n", static_cast<int>(text.size()), text.data());
  std::fflush(out);
}

} // namespace ftc::rt
