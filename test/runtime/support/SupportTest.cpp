// Hashes, quoting, UTF-8, checked integers: against published vectors and edge cases.
#include "runtime/support/Checked.h"
#include "runtime/support/Sha256.h"
#include "runtime/support/Text.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

using namespace ftc::rt;

TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(*sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(*sha256Hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 million;
  std::string part(1000, 'a');
  for (int i = 0; i < 1000; ++i)
    million.update(part);
  EXPECT_EQ(*million.finishHex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  million.update("abc"); // finishHex starts afresh.
  EXPECT_EQ(*million.finishHex(), *sha256Hex("abc"));
}

TEST(Sha256, HexForm) {
  EXPECT_TRUE(isSha256Hex(std::string(64, 'a')));
  EXPECT_FALSE(isSha256Hex(std::string(63, 'a')));
  EXPECT_FALSE(isSha256Hex(std::string(64, 'A')));
}

TEST(Text, QuoteEscapesAndCuts) {
  EXPECT_EQ(quote("plain"), "'plain'");
  EXPECT_EQ(quote("a\nb\x1b[31m\x7f'\\"), "'a\\nb\\x1b[31m\\x7f\\'\\\\'");
  EXPECT_EQ(quote("\xff\xc3\xa9"), "'\\xff\xc3\xa9'");
  EXPECT_EQ(quote("\xc2\x9b"), "'\\xc2\\x9b'");          // C1 control
  EXPECT_EQ(quote("\xe2\x80\xae"), "'\\xe2\\x80\\xae'"); // right-to-left override
  EXPECT_EQ(quote("abcdef", 3), "'abc...'");
  EXPECT_EQ(quote("ab\xc3\xa9", 3), "'ab...'"); // never half a character
  EXPECT_EQ(quote(std::string("\0", 1)), "'\\x00'");
}

TEST(Text, Lists) {
  std::array<std::string, 3> names = {"a", "b", "c"};
  EXPECT_EQ(quoteList(names), "'a', 'b', 'c'");
  EXPECT_EQ(quoteList(names, 2), "'a', 'b' and 1 more");
  EXPECT_EQ(quoteList({}), "none");
  EXPECT_EQ(describeBytes(1), "1 byte");
  EXPECT_EQ(describeBytes(1536), "1536 bytes (1.5 KiB)");
}

TEST(Text, Utf8) {
  auto at = [](std::string_view text) { return findInvalidUtf8(text); };
  EXPECT_FALSE(at("plain ascii, longer than eight bytes"));
  EXPECT_FALSE(at("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
  EXPECT_EQ(at("\xc0\x80"), 0u);         // overlong
  EXPECT_EQ(at("a\xe0\x80\x80"), 1u);    // overlong
  EXPECT_EQ(at("\xed\xa0\x80"), 0u);     // surrogate
  EXPECT_EQ(at("\xf4\x90\x80\x80"), 0u); // above U+10FFFF
  EXPECT_EQ(at("\xf0\x8f\xbf\xbf"), 0u); // overlong
  EXPECT_EQ(at("12345678\xe2\x82"), 8u); // cut
  EXPECT_EQ(at("\x80"), 0u);             // lone continuation
  EXPECT_FALSE(at("\xf4\x8f\xbf\xbf\xee\x80\x80\xed\x9f\xbf"));
}

TEST(Checked, Overflow) {
  EXPECT_EQ(checkedMul<std::uint64_t>(1ull << 32, 1ull << 31), 1ull << 63);
  EXPECT_FALSE(checkedMul<std::uint64_t>(1ull << 32, 1ull << 32));
  EXPECT_FALSE(checkedAdd<std::uint64_t>(~0ull, 1));
  EXPECT_FALSE(checkedAdd<std::int32_t>(2147483647, 1));
  EXPECT_FALSE((checkedCast<std::int32_t>(std::uint64_t(1) << 31)));
  std::array<std::uint64_t, 3> late = {~0ull, 2, 0}, early = {0, ~0ull, 2};
  EXPECT_FALSE(checkedProduct<std::uint64_t>(late));
  EXPECT_EQ(checkedProduct<std::uint64_t>(early), 0u);
  EXPECT_EQ(checkedProduct<std::uint64_t>({}), 1u);
}
