// Signal handlers that do nothing but set a flag and write a line, or _exit on the second
// delivery.
#include "runtime/train/Interrupt.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <unistd.h>

namespace ftc::rt {

namespace {

// Two threads may each be handed a signal at once.
std::atomic<int> delivered = 0;
static_assert(std::atomic<int>::is_always_lock_free);
const char *volatile notice = "";
const char *volatile lastWords = "";
struct sigaction previousTerm, previousInt;

void say(const char *text) {
  [[maybe_unused]] auto written = write(STDERR_FILENO, text, std::strlen(text));
}

void onSignal(int signal) {
  int savedErrno = errno, none = 0;
  if (!delivered.compare_exchange_strong(none, signal)) {
    say(lastWords);
    _exit(1);
  }
  say(notice);
  errno = savedErrno;
}

} // namespace

InterruptScope::InterruptScope(const char *stopping, const char *stopped) {
  delivered = 0;
  notice = stopping;
  lastWords = stopped;
  struct sigaction action = {};
  action.sa_handler = onSignal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, &previousTerm);
  sigaction(SIGINT, &action, &previousInt);
}

InterruptScope::~InterruptScope() {
  sigaction(SIGTERM, &previousTerm, nullptr);
  sigaction(SIGINT, &previousInt, nullptr);
}

int interruptSignal() { return delivered; }

const char *interruptName(int signal) { return signal == SIGTERM ? "SIGTERM" : "SIGINT"; }

} // namespace ftc::rt
