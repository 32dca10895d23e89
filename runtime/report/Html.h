// Html: text from outside made safe, numbers made readable, and the few elements that all
// sections are put together from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ftc::rt {

/// Rows of a two-column table: what, value.
using ReportRows = std::vector<std::pair<std::string, std::string>>;

/// `text`, any bytes, as HTML text or as the value of a quoted attribute: &, <, > and quotes
/// escaped; what is not UTF-8, controls of C1 and noncharacters become U+FFFD, other controls
/// but tabs and line feeds spaces.
std::string escapeHtml(std::string_view text);

/// The first `most` characters (code points) of `text`, unescaped, and how many bytes are left
/// out after them where some are.
std::string clipText(std::string_view text, std::size_t most);

/// escapeHtml(clipText()) in <bdi>, whose direction is its own: what it holds moves nothing
/// around it.
std::string isolated(std::string_view text, std::size_t most);

/// Four significant digits ("0.8531", "12.3", "1.2e-05"); what is not finite in words.
std::string readableNumber(double value);
/// "12,345".
std::string readableCount(std::int64_t value);

/// <section> with a heading of level 2; empty where `body` is.
std::string section(std::string_view title, const std::string &body);
/// A table that scrolls sideways within itself where it is too wide. `body`: its rows.
std::string scrollingTable(std::string_view caption, std::string_view cssClass,
                           const std::string &body);
/// A table of two columns, the first of row headers; empty without rows.
std::string factTable(std::string_view caption, const ReportRows &rows);

} // namespace ftc::rt
