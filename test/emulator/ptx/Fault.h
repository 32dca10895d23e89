// How the emulator reports that a program is wrong: thrown inside the library, caught where a
// launch or a module is asked for, never across the driver's C interface.
#pragma once

#include <string>
#include <utility>

namespace ftc::emulator {

/// What kind of wrong, so that the driver can answer with the code that CUDA has for it.
enum class FaultKind {
  InvalidPtx,
  Address,
  Misaligned,
  Uninitialised,
  Race,
  Barrier,
  InFlight,
  Other
};

struct Fault {
  FaultKind kind;
  std::string message; // one line
};

[[noreturn]] inline void fail(FaultKind kind, std::string message) {
  throw Fault{kind, std::move(message)};
}

} // namespace ftc::emulator
