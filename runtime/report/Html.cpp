// Nothing that came from outside reaches the page but through escapeHtml.
#include "runtime/report/Html.h"

#include "runtime/support/Text.h"

#include <cmath>
#include <cstdio>

namespace ftc::rt {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// The code point of the valid character at text[at].
std::uint32_t codePoint(std::string_view text, std::size_t at, std::size_t length) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if (length == 1)
    return byte(0);
  std::uint32_t value = byte(0) & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    value = value << 6 | (byte(i) & 0x3Fu);
  return value;
}

/// What an HTML parser calls an error: controls beside white space, and noncharacters.
bool isForbidden(std::uint32_t c) {
  return (c >= 0x7F && c <= 0x9F) || (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

const char *entity(char c) {
  switch (c) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&quot;";
  case '\'':
    return "&#39;";
  default:
    return nullptr;
  }
}

} // namespace

std::string escapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = utf8Length(text, at);
    if (length == 0 || isForbidden(codePoint(text, at, length)))
      out += kReplacement;
    else if (const char *name = entity(text[at]))
      out += name;
    else if (static_cast<unsigned char>(text[at]) < 0x20 && text[at] != '\n' &&
             text[at] != '\t')
      out += ' ';
    else
      out += text.substr(at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string clipText(std::string_view text, std::size_t most) {
  std::size_t at = 0;
  for (std::size_t count = 0; at < text.size() && count < most; ++count)
    at += std::max<std::size_t>(utf8Length(text, at), 1);
  if (at >= text.size())
    return std::string(text);
  return std::string(text.substr(0, at)) + "…";
}

std::string isolated(std::string_view text, std::size_t most) {
  return "<bdi>" + escapeHtml(clipText(text, most)) + "</bdi>";
}

std::string readableNumber(double value) {
  if (std::isnan(value))
    return "not a number";
  if (std::isinf(value))
    return value > 0 ? "infinite" : "minus infinite";
  char text[32];
  double size = std::fabs(value);
  if (value == std::floor(value) && size < 1e7)
    std::snprintf(text, sizeof text, "%.0f", value);
  else
    std::snprintf(text, sizeof text, size >= 1000 && size < 1e7 ? "%.0f" : "%.4g", value);
  return text;
}

std::string readableCount(std::int64_t value) {
  std::string digits = std::to_string(value), out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i && (digits.size() - i) % 3 == 0 && digits[i - 1] != '-')
      out += ',';
    out += digits[i];
  }
  return out;
}

std::string section(std::string_view title, const std::string &body) {
  if (body.empty())
    return {};
  return "<section>\n<h2>" + escapeHtml(title) + "</h2>\n" + body + "</section>\n";
}

std::string scrollingTable(std::string_view caption, std::string_view cssClass,
                           const std::string &body) {
  std::string name = escapeHtml(caption);
  return "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"" + name +
         "\"><table class=\"" + std::string(cssClass) + "\"><caption>" + name + "</caption>\n" +
         body + "</table></div>\n";
}

std::string factTable(std::string_view caption, const ReportRows &rows) {
  if (rows.empty())
    return {};
  std::string body;
  for (const auto &[what, value] : rows)
    body += "<tr><th scope=\"row\">" + isolated(what, 120) + "</th><td>" +
            isolated(value, 600) + "</td></tr>\n";
  return scrollingTable(caption, "facts", body);
}

} // namespace ftc::rt
