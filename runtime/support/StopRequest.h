// StopRequest: how long work that knows nothing of signals is asked to end early.
#pragma once

#include <functional>

namespace ftc::rt {

/// Asked now and then by work that takes its time: true to stop. Absent: never.
using StopRequest = std::function<bool()>;

} // namespace ftc::rt
