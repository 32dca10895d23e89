// Style: the page's style sheet.
#pragma once

#include <string_view>

namespace ftc::rt {

/// CSS for light and dark screens, for narrow ones and for paper; it names no other resource.
std::string_view reportStyle();

} // namespace ftc::rt
