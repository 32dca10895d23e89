// SIGTERM and SIGINT: the first asks the run to finish its step, save and stop; the second ends
// the process at once.
#pragma once

namespace ftc::rt {

/// Installs the handlers while it lives; one at a time. The first signal writes `notice`, which must
/// outlive the scope, to stderr.
class InterruptScope {
public:
  explicit InterruptScope(const char *notice);
  ~InterruptScope();
  InterruptScope(const InterruptScope &) = delete;
  InterruptScope &operator=(const InterruptScope &) = delete;
};

/// The signal that was delivered since the scope began, or 0.
int interruptSignal();
/// "SIGTERM", "SIGINT".
const char *interruptName(int signal);

} // namespace ftc::rt
