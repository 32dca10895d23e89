// Drawing is limited in time: ten bars a second, or one plain line, later fewer.
#include "runtime/train/Progress.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ftc::rt {

namespace {

constexpr int kLeastColumns = 20, kMostColumns = 80, kMostBar = 24, kLeastBar = 6;

/// Controls made visible; whole UTF-8 characters stay as they are.
std::string printable(std::string_view text) {
  std::string out(text);
  for (char &c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      c = '?';
  return out;
}

/// Bytes that begin a character: about the columns that `text` takes.
std::size_t widthOf(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

/// At most kLongestLine bytes, cut at a character.
std::string shortened(std::string text) {
  if (text.size() <= Progress::kLongestLine)
    return text;
  std::size_t end = Progress::kLongestLine - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return text.substr(0, end) + "...";
}

/// One line broken at spaces, what follows a break being indented. A word alone may be longer.
std::string broken(const std::string &text, std::size_t columns) {
  std::string out, line;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t word = text.find_first_not_of(' ', at);
    std::size_t end = word == std::string::npos ? text.size() : text.find(' ', word);
    end = std::min(end, text.size());
    std::string_view next = std::string_view(text).substr(at, end - at);
    if (!line.empty() && widthOf(line) + widthOf(next) > columns) {
      out += line + "\n";
      line = "  " + std::string(next.substr(std::min(next.size(), word - at)));
    } else {
      line += next;
    }
    at = end;
  }
  return out + line;
}

} // namespace

ProgressStyle detectProgressStyle() {
  ProgressStyle style;
  const char *term = std::getenv("TERM");
  style.terminal = isatty(STDERR_FILENO) && (!term || std::strcmp(term, "dumb") != 0);
  const char *noColor = std::getenv("NO_COLOR");
  style.color = style.terminal && !(noColor && *noColor);
  style.columns = terminalColumns(STDERR_FILENO);
  return style;
}

int terminalColumns(int fd) {
  winsize window = {};
  if (fd < 0 || !isatty(fd) || ioctl(fd, TIOCGWINSZ, &window) != 0 || window.ws_col == 0)
    return kMostColumns;
  return std::clamp<int>(window.ws_col, kLeastColumns, kMostColumns);
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

int Progress::columns() const {
  int fd = style.terminal ? fileno(out) : -1;
  return fd >= 0 && isatty(fd) ? terminalColumns(fd) : style.columns;
}

double Progress::lineInterval() const {
  double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return std::clamp(seconds / 50, 1.0, 60.0);
}

void Progress::step(std::int64_t done, double loss, std::int64_t tokens, double learningRate) {
  if (!due(style.terminal ? 0.1 : lineInterval()) && done != total)
    return;
  double seconds = std::chrono::duration<double>(Clock::now() - start - paused).count();
  // As they stand in the line, with the rank by which they find room.
  enum Piece { Steps, Loss, Rate, Speed, Left, kPieces };
  constexpr Piece ranks[] = {Loss, Left, Speed, Rate};
  char pieces[kPieces][64] = {};
  std::snprintf(pieces[Steps], sizeof pieces[0], "step %lld/%lld", static_cast<long long>(done),
                static_cast<long long>(total));
  std::snprintf(pieces[Loss], sizeof pieces[0], "  loss %.4f", loss);
  if (!std::isnan(learningRate))
    std::snprintf(pieces[Rate], sizeof pieces[0], "  lr %.2e", learningRate);
  if (seconds >= kLeastSeconds && done > first) {
    char left[32];
    formatDuration(seconds / static_cast<double>(done - first) *
                       static_cast<double>(total - done),
                   left, sizeof left);
    std::snprintf(pieces[Speed], sizeof pieces[0], "  %.0f tokens/s",
                  static_cast<double>(tokens) / seconds);
    std::snprintf(pieces[Left], sizeof pieces[0], "  %s left", left);
  }
  // A terminal's last column stays free: some go on to the next line when it is filled.
  int room = columns() - 1, length = static_cast<int>(std::strlen(pieces[Steps]));
  for (Piece piece : ranks) {
    int more = static_cast<int>(std::strlen(pieces[piece]));
    if (length + more > room)
      pieces[piece][0] = 0;
    else
      length += more;
  }
  char text[kPieces * 64 + 128];
  int at = 0, bar = std::min(room - length - 3, kMostBar);
  if (style.terminal && bar >= kLeastBar) {
    int filled = static_cast<int>(static_cast<double>(bar) * static_cast<double>(done) /
                                  static_cast<double>(std::max<std::int64_t>(1, total)));
    at = std::snprintf(text, sizeof text, "%s[", style.color ? "\033[32m" : "");
    for (int i = 0; i < bar; ++i)
      text[at++] = i < filled ? '#' : '.';
    at += std::snprintf(text + at, sizeof text - at, "]%s ", style.color ? "\033[0m" : "");
  }
  for (const char *piece : pieces)
    at += std::snprintf(text + at, sizeof text - at, "%s", piece);
  if (style.terminal)
    draw(text);
  else
    std::fprintf(out, "%s\n", text);
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
  for (;;) {
    std::size_t end = text.find('\n');
    std::string one = printable(text.substr(0, end));
    if (style.terminal)
      one = broken(one, static_cast<std::size_t>(columns()) - 1);
    else
      one = shortened(std::move(one));
    std::fprintf(out, "%s\n", one.c_str());
    if (end == std::string_view::npos)
      break;
    text.remove_prefix(end + 1);
  }
  std::fflush(out);
}

} // namespace ftc::rt
