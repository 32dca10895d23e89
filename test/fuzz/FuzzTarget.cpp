// libFuzzer's entry point; FTC_FUZZ_PARSER names the parser of this target.
#include "test/fuzz/Parsers.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  static const ftc::test::Parser *parser = ftc::test::findParser(FTC_FUZZ_PARSER);
  // The verdict is not looked at: promises are checked inside, the rest is the sanitizers'.
  (void)parser->parse({reinterpret_cast<const char *>(data), size}).isOk();
  return 0;
}
