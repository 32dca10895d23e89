#include "test/emulator/ptx/Lexer.h"

#include "test/emulator/ptx/Fault.h"

#include <cctype>
#include <string>

namespace ftc::emulator {

static bool isWordStart(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' ||
         c == '.';
}

static bool isWordPart(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '.';
}

std::vector<Token> lexPtx(std::string_view text) {
  std::vector<Token> tokens;
  int line = 1;
  std::size_t i = 0;
  auto add = [&](Token::Kind kind, std::size_t begin, std::size_t end) {
    tokens.push_back({kind, text.substr(begin, end - begin), line});
    i = end;
  };
  while (i < text.size() && text[i] != '\0') {
    char c = text[i];
    if (c == '\n') {
      ++line;
      ++i;
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      ++i;
    } else if (text.substr(i, 2) == "//") {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.substr(i, 2) == "/*") {
      std::size_t end = text.find("*/", i);
      if (end == text.npos)
        fail(FaultKind::InvalidPtx,
             "line " + std::to_string(line) + ": a comment does not end");
      for (; i < end; ++i)
        line += text[i] == '\n';
      i = end + 2;
    } else if (c == '"') {
      std::size_t end = text.find('"', i + 1);
      if (end == text.npos)
        fail(FaultKind::InvalidPtx, "line " + std::to_string(line) + ": a string does not end");
      add(Token::Kind::String, i + 1, end);
      ++i;
    } else if (isWordStart(c)) {
      std::size_t end = i + 1;
      while (end < text.size() && (isWordPart(text[end]) || text.substr(end, 2) == "::" ||
                                   (text[end] == ':' && text[end - 1] == ':' && end >= i + 2)))
        ++end;
      add(Token::Kind::Word, i, end);
    } else if (std::isdigit(static_cast<unsigned char>(c))) {
      std::size_t end = i + 1;
      while (end < text.size() && isWordPart(text[end]))
        ++end;
      add(Token::Kind::Number, i, end);
    } else if (std::string_view(",;:{}[]()<>=+-@!|").find(c) != std::string_view::npos) {
      add(Token::Kind::Punctuation, i, i + 1);
    } else {
      fail(FaultKind::InvalidPtx, "line " + std::to_string(line) + ": unexpected character '" +
                                      std::string(1, c) + "'");
    }
  }
  tokens.push_back({Token::Kind::End, {}, line});
  return tokens;
}

} // namespace ftc::emulator
