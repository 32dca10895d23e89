// Signal handlers that do nothing but set a flag, or _exit on the second delivery.
#include "runtime/train/Interrupt.h"

#include <csignal>
#include <cstring>
#include <unistd.h>

namespace ftc::rt {

namespace {

volatile std::sig_atomic_t delivered = 0;
const char *volatile notice = "";
struct sigaction previousTerm, previousInt;

void onSignal(int signal) {
  if (delivered)
    _exit(1);
  delivered = signal;
  [[maybe_unused]] auto written = write(STDERR_FILENO, notice, std::strlen(notice));
}

} // namespace

InterruptScope::InterruptScope(const char *said) {
  delivered = 0;
  notice = said;
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
