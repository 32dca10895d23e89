// The version both tools print.
#pragma once

namespace ftc::rt {
const char *versionString();
} // namespace ftc::rt
