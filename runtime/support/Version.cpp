// The version both tools print.
#include "runtime/support/Version.h"

namespace ftc::rt {
const char *versionString() { return "ftc 0.1.0"; }
} // namespace ftc::rt
