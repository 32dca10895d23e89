// Text for messages and checks of text from outside: quoting of untrusted strings, lists,
// byte counts, UTF-8 validity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ftc::rt {

/// `text` made safe to print on one line: control characters, DEL, backslashes, single quotes
/// and bytes that are not UTF-8 are escaped (\n, \t, \xNN); at most `maxBytes` bytes of output
/// (a cut never splits a character or an escape) followed by "..." when something was cut.
std::string escape(std::string_view text, std::size_t maxBytes = 80);

/// escape() between single quotes: how messages show a name or value that came from outside.
std::string quote(std::string_view text, std::size_t maxBytes = 80);

/// "'a', 'b', 'c' and 5 more": at most `maxItems` quoted names; "none" for an empty list.
std::string quoteList(std::span<const std::string> names, std::size_t maxItems = 5);

/// "1536 bytes (1.5 KiB)"; below 1 KiB only "N bytes".
std::string describeBytes(std::uint64_t bytes);

/// "1.5 MiB", with one decimal.
std::string mebibytes(std::int64_t bytes);

/// The offset of the first byte that does not belong to valid UTF-8 (overlong forms,
/// surrogates and values above U+10FFFF are invalid), or nothing.
std::optional<std::size_t> findInvalidUtf8(std::string_view text);
inline bool isValidUtf8(std::string_view text) { return !findInvalidUtf8(text); }

/// The number of bytes, 1 to 4, of the valid UTF-8 character at text[at], or 0.
std::size_t utf8Length(std::string_view text, std::size_t at);

} // namespace ftc::rt
