// SIGTERM and SIGINT: the first asks the run to finish its step, save and stop; the second ends
// the process at once.
#pragma once

namespace ftc::rt {

/// Installs the handlers while it lives; one at a time. The first signal writes `stopping` to
/// stderr, the second `stopped` and ends the process with 1; both must outlive the scope.
class InterruptScope {
public:
  InterruptScope(const char *stopping, const char *stopped);
  ~InterruptScope();
  InterruptScope(const InterruptScope &) = delete;
  InterruptScope &operator=(const InterruptScope &) = delete;
};

/// The signal that was delivered since the scope began, or 0.
int interruptSignal();
/// "SIGTERM", "SIGINT".
const char *interruptName(int signal);

} // namespace ftc::rt
