// Lines of at most 79 columns.
#include "catalog/PullProgress.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace ftc::catalog {

PullProgress::PullProgress(std::string name, std::int64_t size)
    : name(rt::escape(name)), size(size), terminal(::isatty(STDERR_FILENO)),
      start(std::chrono::steady_clock::now()), next(start) {}

PullProgress::~PullProgress() {
  if (drawn)
    std::fputs("\n", stderr);
}

std::string PullProgress::line(std::int64_t bytes) const {
  double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  char text[160];
  std::string total = size >= 0 ? " of " + rt::mebibytes(size) : "";
  std::snprintf(text, sizeof text, "%-34.34s %10s%s  %.1f MiB/s", name.c_str(),
                rt::mebibytes(bytes).c_str(), total.c_str(),
                static_cast<double>(came()) / 1048576 / std::max(seconds, 0.001));
  return std::string(text).substr(0, 79);
}

void PullProgress::show(std::int64_t bytes) {
  if (first < 0)
    first = bytes;
  last = bytes;
  auto now = std::chrono::steady_clock::now();
  if (!terminal || now < next)
    return;
  next = now + std::chrono::milliseconds(250);
  std::fprintf(stderr, "\r%-79s", line(bytes).c_str());
  drawn = true;
}

void PullProgress::done() {
  std::string text = line(std::max(last, size));
  if (drawn)
    std::fprintf(stderr, "\r%-79s\n", text.c_str());
  else
    std::fprintf(stderr, "%s\n", text.c_str());
  drawn = false;
}

} // namespace ftc::catalog
