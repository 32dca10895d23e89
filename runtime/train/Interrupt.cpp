// Signal handlers that do nothing but set a flag, or _exit on the second delivery.
#include "runtime/train/Interrupt.h"

#include <csignal>
#include <cstdio>
#include <unistd.h>

namespace ftc::rt {

namespace {

volatile std::sig_atomic_t delivered = 0;
struct sigaction previousTerm, previousInt;

void onSignal(int signal) {
  if (delivered)
    _exit(1);
  delivered = signal;
  static const char text[] = "\nftrt: stopping after this step; once more stops at once\n";
  [[maybe_unused]] auto written = write(STDERR_FILENO, text, sizeof text - 1);
}

} // namespace

InterruptScope::InterruptScope() {
  delivered = 0;
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
