// Reads inputs, each after its length as 4 bytes, from stdin; prints a line for each: "ok", or
// the message of the refusal. Drives comparisons with other readers.
#include "test/fuzz/Parsers.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

int main(int argc, char **argv) {
  const ftc::test::Parser *parser = argc == 2 ? ftc::test::findParser(argv[1]) : nullptr;
  if (!parser) {
    std::fprintf(stderr, "error: expected the name of a parser\n");
    return 2;
  }
  std::string input;
  for (std::uint32_t length; std::fread(&length, 1, 4, stdin) == 4;) {
    input.resize(length);
    if (std::fread(input.data(), 1, length, stdin) != length)
      return 1;
    ftc::rt::Status status = parser->parse(input);
    std::puts(status ? "ok" : status.message().c_str());
  }
  return 0;
}
