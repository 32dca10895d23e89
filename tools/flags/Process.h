// What a program does before all else, so that odd surroundings end in one line.
#pragma once

namespace ftc::cli {

/// Opens what is closed of the descriptors 0 to 2 (as /dev/null that cannot be written to), so
/// that no file of ours gets their numbers and with them what is meant for the terminal; and
/// makes a closed pipe and a file at its limit (ulimit -f) errors of the write instead of
/// signals.
void prepareProcess();

} // namespace ftc::cli
