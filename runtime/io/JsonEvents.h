// The event side of JSON parsing: checks shared by the document parser and the safetensors
// header, which is read without building a document.
#pragma once

#include "runtime/io/Json.h"

namespace ftc::rt {

/// What is checked before any parsing: size, byte order mark, NUL bytes (which the lexer would
/// take for the end of the text).
Status checkJsonText(std::string_view text, std::string_view source, std::uint64_t maxBytes);

/// "source: line 3, column 5 (byte 41): what" with a position in `text` counted from 0.
Status jsonErrorAt(std::string_view text, std::string_view source, std::size_t byte,
                   std::string_view what);

/// The reason in an nlohmann message, without its prefix, fit for one line.
std::string jsonReason(const char *message);

/// The same behind "column C: ", for readers of data files, which know the line.
std::string jsonReasonInLine(const char *message);

} // namespace ftc::rt
