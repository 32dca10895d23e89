// GGUF: every rule of the format by a file that breaks it; every cut and flipped bit of a file;
// blocks of each type against what gguf-py made of them.
#include "runtime/io/Gguf.h"

#include "runtime/io/SafeTensors.h"
#include "test/TemporaryDirectory.h"
#include "test/runtime/io/GgufBytes.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace ftc::rt;
using namespace ftc::test;

static const std::string folder = FTC_TEST_DIR "/data/gguf/";

static std::string errorOf(const GgufBytes &bytes) {
  auto file = GgufFile::fromBytes(bytes.text(), "m.gguf");
  return file ? "" : file.status().message();
}

/// "" when `part` is in the error; the whole error otherwise.
static std::string lacks(const std::string &error, std::string_view part) {
  return error.find(part) != error.npos ? ""
                                        : "'" + error + "' lacks '" + std::string(part) + "'";
}
#define EXPECT_ERROR(bytes, part) EXPECT_EQ(lacks(errorOf(bytes), part), "")

TEST(Gguf, ReadsMetadataOfEveryType) {
  GgufBytes bytes;
  bytes.value("u8", GgufType::Uint8, std::uint8_t(200));
  bytes.value("i8", GgufType::Int8, std::int8_t(-3));
  bytes.value("u16", GgufType::Uint16, std::uint16_t(60000));
  bytes.value("i16", GgufType::Int16, std::int16_t(-300));
  bytes.value("u64", GgufType::Uint64, std::uint64_t(1) << 40);
  bytes.value("i64", GgufType::Int64, std::int64_t(-5));
  bytes.value("f64", GgufType::Float64, 0.25);
  bytes.integer("u32", 7).number("f32", 1e-5f).boolean("yes", 1).string("text", "h\xC3\xA9");
  bytes.strings("list", {"a", "", "ccc"});
  bytes.numbers<std::int32_t>("types", GgufType::Int32, {1, -2});
  bytes.numbers<float>("scores", GgufType::Float32, {0.5f});
  for (std::uint32_t version : {2u, 3u}) {
    bytes.version = version;
    auto file = GgufFile::fromBytes(bytes.text(), "m.gguf");
    ASSERT_TRUE(file) << file.status().message();
    EXPECT_EQ(file->version(), version);
    EXPECT_EQ(*file->integer("u8", 0, 255), 200);
    EXPECT_EQ(*file->integer("i8", -9, 0), -3);
    EXPECT_EQ(*file->integer("u16", 0, 65535), 60000);
    EXPECT_EQ(*file->integer("i16", -999, 0), -300);
    EXPECT_EQ(*file->integer("u32", 0, 9), 7);
    EXPECT_EQ(*file->integer("u64", 0, INT64_MAX), std::int64_t(1) << 40);
    EXPECT_EQ(*file->integer("i64", -9, 0), -5);
    EXPECT_EQ(*file->number("f32"), 1e-5); // Not 9.999999747378752e-06.
    EXPECT_EQ(*file->number("f64"), 0.25);
    EXPECT_TRUE(*file->booleanOr("yes", false));
    EXPECT_TRUE(*file->booleanOr("absent", true));
    EXPECT_EQ(*file->string("text"), "h\xC3\xA9");
    EXPECT_EQ(*file->strings("list"), (std::vector<std::string>{"a", "", "ccc"}));
    EXPECT_EQ(*file->int32s("types"), (std::vector<std::int32_t>{1, -2}));
    EXPECT_EQ(*file->float32s("scores"), std::vector<float>{0.5f});
    EXPECT_EQ(file->integer("u32", 8, 9).status().message(),
              "m.gguf: metadata 'u32' is 7, expected an integer from 8 to 9");
    EXPECT_EQ(file->integer("none", 8, 9).status().message(),
              "m.gguf: metadata 'none' is missing, expected an integer from 8 to 9");
    EXPECT_EQ(file->string("u32").status().message(),
              "m.gguf: metadata 'u32' has type UINT32, expected STRING");
    EXPECT_EQ(file->strings("types").status().message(),
              "m.gguf: metadata 'types' is an array of INT32, expected STRING");
  }
}

TEST(Gguf, RefusesAWrongStart) {
  GgufBytes bytes;
  EXPECT_EQ(errorOf(bytes), "");
  bytes.magic = "GGML";
  EXPECT_ERROR(bytes, "begins with 'GGML', expected 'GGUF'");
  bytes.magic = "GGUF";
  bytes.version = 1;
  EXPECT_ERROR(bytes, "version 1 is not supported, expected 2 or 3");
  bytes.version = 4;
  EXPECT_ERROR(bytes, "version 4 is not supported");
  bytes.version = 3u << 24;
  EXPECT_ERROR(bytes, "big-endian");
  bytes.version = 3;
  for (std::uint64_t count : {std::uint64_t(1), std::uint64_t(1) << 63, UINT64_MAX}) {
    GgufBytes values, tensors;
    values.valueCount = tensors.tensorCount = count;
    EXPECT_ERROR(values, "metadata values do not fit into the 0 bytes");
    EXPECT_ERROR(tensors, "tensors do not fit into the 0 bytes");
  }
}

TEST(Gguf, RefusesWrongMetadata) {
  EXPECT_ERROR(GgufBytes().raw("k", 13, "aaaa"),
               "metadata 'k' has type 13, expected 0 (UINT8)");
  EXPECT_ERROR(GgufBytes().boolean("k", 2), "metadata 'k': a BOOL of 2, expected 0 or 1");
  EXPECT_ERROR(GgufBytes().integer("k", 1).integer("k", 1), "metadata 'k' is there twice");
  EXPECT_ERROR(GgufBytes().raw("", 0, "a"), "expected a name in UTF-8");
  EXPECT_ERROR(GgufBytes().raw("\xFF", 0, "a"), "expected a name in UTF-8");
  EXPECT_ERROR(GgufBytes().raw(std::string(65536, 'k'), 0, "a"), "expected at most 65535");
  EXPECT_ERROR(GgufBytes().array("k", 9, 1, std::string(20, '\0')), "array of arrays");
  EXPECT_ERROR(GgufBytes().array("k", 14, 0, ""), "has type 14");
  for (std::uint64_t count : {std::uint64_t(3), std::uint64_t(1) << 62, UINT64_MAX})
    for (std::uint32_t type : {4u, 8u, 10u})
      EXPECT_ERROR(GgufBytes().array("k", type, count, "abcdefg"), "which do not fit");
  EXPECT_ERROR(GgufBytes().raw("k", 8, littleEndian(UINT64_MAX)),
               "truncated: metadata 'k' needs");
  EXPECT_ERROR(GgufBytes().array("k", 7, 2, std::string("\1\3", 2)), "a BOOL of 3");
  EXPECT_ERROR(GgufBytes().integer("general.alignment", 0), "'general.alignment' is 0");
  EXPECT_ERROR(GgufBytes().integer("general.alignment", 24), "expected a power of two");
}

TEST(Gguf, RefusesWrongTensors) {
  std::string four(4, '\0');
  EXPECT_EQ(errorOf(GgufBytes().tensor("t", {}, 0, four)), "");
  EXPECT_ERROR(GgufBytes().tensor("t", {1, 1, 1, 1, 1}, 0, four),
               "5 dimensions, expected at most");
  EXPECT_ERROR(GgufBytes().tensor("t", {0}, 0, four), "a dimension of 0");
  EXPECT_ERROR(GgufBytes().tensor(std::string(65, 't'), {1}, 0, four), "expected at most 64");
  EXPECT_ERROR(GgufBytes().tensor("", {1}, 0, four), "expected a name");
  EXPECT_ERROR(GgufBytes().tensor("t", {1}, 0, four).tensor("t", {1}, 0, four),
               "'t' is there twice");
  EXPECT_ERROR(GgufBytes().tensor("t", {256}, 17, four),
               "type IQ2_XS, which is not supported; expected F32, F16, Q4_0,");
  EXPECT_ERROR(GgufBytes().tensor("t", {1}, 26, four), "type I32, which is not supported");
  EXPECT_ERROR(GgufBytes().tensor("t", {1}, 4, four), "type 4, which ggml does not have");
  EXPECT_ERROR(GgufBytes().tensor("t", {48}, 8, std::string(51, '\0')),
               "rows of 48 elements, expected whole Q8_0 blocks of 32");
  EXPECT_ERROR(
      GgufBytes().tensor("t", {std::uint64_t(1) << 33, std::uint64_t(1) << 33}, 0, four),
      "more elements than 64 bits count");
  EXPECT_ERROR(GgufBytes().tensor("t", {std::uint64_t(1) << 62}, 0, four),
               "more bytes than 64 bits count");
  GgufBytes bytes;
  bytes.data = std::string(64, '\0');
  EXPECT_ERROR(GgufBytes(bytes).info("t", {1}, 0, 4), "offset 4, expected a multiple of");
  EXPECT_ERROR(GgufBytes(bytes).info("t", {1}, 0, 64),
               "truncated: tensor 't' has 4 bytes from");
  EXPECT_ERROR(GgufBytes(bytes).info("t", {17}, 0, 0),
               "truncated: tensor 't' has 68 bytes from");
  EXPECT_ERROR(GgufBytes(bytes).info("t", {1}, 0, UINT64_MAX - 31), "truncated");
  EXPECT_ERROR(GgufBytes(bytes).info("a", {9}, 0, 0).info("b", {1}, 0, 32),
               "tensors 'a' and 'b' overlap at byte");
  EXPECT_EQ(errorOf(GgufBytes(bytes).info("b", {8}, 0, 32).info("a", {8}, 0, 0)), "");
  // An alignment of its own moves the data and loosens offsets.
  bytes.integer("general.alignment", 8).alignment = 8;
  EXPECT_EQ(errorOf(GgufBytes(bytes).info("t", {1}, 0, 8)), "");
}

TEST(Gguf, EveryCutAndEveryFlippedBitGetsAVerdict) {
  std::string text = smallLlama().string("tokenizer.ggml.model", "gpt2").text();
  ASSERT_TRUE(GgufFile::fromBytes(text, "m.gguf"));
  for (std::size_t size = 0; size < text.size(); ++size)
    ASSERT_FALSE(GgufFile::fromBytes(text.substr(0, size), "m.gguf")) << size;
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    auto file = GgufFile::fromBytes(flipped, "m.gguf");
    refused += !file;
    if (!file) {
      EXPECT_LE(file.status().message().size(), 500u);
      continue;
    }
    for (const GgufTensor &tensor : file->tensors()) {
      std::vector<float> values(tensor.elements);
      ASSERT_TRUE(file->readAsF32(tensor, values.data(), 0, tensor.elements));
    }
  }
  EXPECT_GT(refused, 500u);
}

TEST(Gguf, BlocksEqualGgufPy) {
  auto file = GgufFile::open(folder + "blocks.gguf");
  ASSERT_TRUE(file) << file.status().message();
  auto expected = Checkpoint::open(folder + "blocks.safetensors");
  ASSERT_TRUE(expected) << expected.status().message();
  ASSERT_EQ(file->tensors().size(), 11u);
  for (const GgufTensor &tensor : file->tensors()) {
    const TensorInfo *info = expected->find(tensor.name);
    ASSERT_TRUE(info && info->elements == tensor.elements) << tensor.name;
    std::vector<float> right(tensor.elements), found(tensor.elements);
    ASSERT_TRUE(expected->readAsF32(*info, right.data()));
    ASSERT_TRUE(file->readAsF32(tensor, found.data(), 0, tensor.elements));
    EXPECT_EQ(std::memcmp(found.data(), right.data(), 4 * right.size()), 0) << tensor.name;
    // Any range is a part of the whole; the element behind it stays.
    for (std::uint64_t first = 0; first <= tensor.elements; first += 7)
      for (std::uint64_t count : {0, 1, 31, 33, 300, 1024}) {
        if (count > tensor.elements - first)
          continue;
        std::vector<float> part(count + 1, -77.0f);
        ASSERT_TRUE(file->readAsF32(tensor, part.data(), first, count));
        EXPECT_EQ(std::memcmp(part.data(), right.data() + first, 4 * count), 0)
            << tensor.name << " " << first << " " << count;
        EXPECT_EQ(part[count], -77.0f);
      }
    EXPECT_FALSE(file->readAsF32(tensor, found.data(), tensor.elements, 1));
  }
}

TEST(Gguf, ReadsLongTensorsInParts) {
  // Longer than what is read at once, and a header of several steps.
  GgufBytes bytes;
  bytes.strings("list", std::vector<std::string>(60000, "0123456789abcdef0123456789abcdef"));
  bytes.count("t", {1 << 18});
  TemporaryDirectory directory;
  ASSERT_TRUE(writeFileAtomic(directory.file("m.gguf"), bytes.text()));
  auto file = GgufFile::open(directory.file("m.gguf"));
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_EQ(file->strings("list")->size(), 60000u);
  std::vector<float> values((1 << 18) - 3);
  ASSERT_TRUE(file->readAsF32(file->tensors()[0], values.data(), 3, values.size()));
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(values[i], static_cast<float>(i + 3));
}

TEST(Gguf, FindsTheFileOfAPath) {
  TemporaryDirectory directory;
  auto found = [&](const std::string &path) {
    auto gguf = findGguf(path);
    return !gguf ? gguf.status().message() : gguf->value_or("none");
  };
  std::string a = directory.file("a.gguf"), other = directory.file("model");
  EXPECT_EQ(found(directory.path()), "none");
  EXPECT_EQ(found(directory.file("missing")), "none");
  ASSERT_TRUE(writeFileAtomic(other, GgufBytes().text()));
  EXPECT_EQ(found(other), other);
  EXPECT_EQ(found(directory.path()), "none");
  ASSERT_TRUE(writeFileAtomic(a, "not one"));
  EXPECT_EQ(found(a), a);
  EXPECT_EQ(found(directory.path()), a);
  ASSERT_TRUE(writeFileAtomic(directory.file("b.gguf"), "x"));
  EXPECT_EQ(lacks(found(directory.path()), "has 2 GGUF files: 'a.gguf', 'b.gguf'"), "");
  ASSERT_TRUE(writeFileAtomic(directory.file("model.safetensors"), "x"));
  EXPECT_EQ(found(directory.path()), "none");
}
