// How long a failing network is tried again: a bounded number of times, waiting longer each
// time.
#pragma once

#include "catalog/Http.h"
#include "catalog/Hub.h"

namespace ftc::catalog {

class Patience {
public:
  explicit Patience(const Persistence &persistence) : persistence(persistence) {}

  /// Waits before another try after a failure that may pass, for `askedSeconds` where the
  /// server named a time (-1: it did not); a wait of a second or more is told on stderr. Fails
  /// with `what: reason` when it was tried often enough; `kept`: bytes of the file that stay
  /// for the next pull.
  rt::Status again(const std::string &what, const std::string &reason, std::int64_t kept,
                   double askedSeconds = -1);
  /// Bytes came: the failures before were not in a row.
  void progressed() { failures = 0; }

private:
  const Persistence &persistence;
  int failures = 0, total = 0;
};

/// Whether another try may help: no answer, a transfer that broke, 408, 429 and 5xx, and
/// refusals of a store that the hub led to, whose addresses are good for a while.
bool mayPass(const HttpResponse &response);
/// "the connection broke: …", "the hub answers 503": for messages.
std::string describeFailure(const HttpResponse &response);

} // namespace ftc::catalog
