// safetensors: every rule of the format by a file that breaks it, conversions bit by bit, the
// writer against bytes that Python wrote.
#include "runtime/io/SafeTensors.h"

#include "test/TemporaryDirectory.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace ftc::rt;
using ftc::test::TemporaryDirectory;

static std::string fileOf(std::string_view header, std::size_t dataBytes) {
  std::uint64_t length = header.size();
  std::string out(reinterpret_cast<const char *>(&length), 8);
  return out + std::string(header) + std::string(dataBytes, '\0');
}

static std::string errorOf(std::string_view header, std::size_t dataBytes) {
  auto parsed = parseSafeTensors(fileOf(header, dataBytes), "m.safetensors");
  return parsed ? "" : parsed.status().message();
}

/// {"a": {FIELDS}} with `dataBytes` of data.
static std::string errorOfTensor(std::string_view fields, std::size_t dataBytes) {
  return errorOf("{\"a\":{" + std::string(fields) + "}}", dataBytes);
}

struct Verdict {
  const char *header;
  std::size_t dataBytes;
  bool accepted;
};

// The verdicts of Python's safetensors 0.8.0, but for the last three: the written deviations.
static const Verdict verdicts[] = {
    {"{}", 0, true},
    {" {}", 0, true},
    {"{} ", 0, true},
    {"\xEF\xBB\xBF{}", 0, false},
    {"[]", 0, false},
    {"", 0, false},
    {"null", 0, false},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, true},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4, true},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":{"y":1,"y":[2]}}})", 4, true},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"dtype":"F32"}})", 4, false},
    {R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, false},
    {R"({"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}})", 0, false},
    {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}})", 0, false},
    {R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})", 0, true},
    {R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4, true},
    {R"({"a":{"dtype":"F32","shape":[18446744073709551615,0],"data_offsets":[0,0]}})", 0, true},
    {R"({"a":{"dtype":"F32","shape":[18446744073709551615,2,0],"data_offsets":[0,0]}})", 0,
     false},
    {R"({"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,0]}})", 0, false},
    {R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})", 4, false},
    {R"({"__metadata__":null})", 0, true},
    {R"({"__metadata__":{}})", 0, true},
    {R"({"__metadata__":{"a":1}})", 0, false},
    {R"({"__metadata__":{"a":null}})", 0, false},
    {R"({"__metadata__":{},"__metadata__":{}})", 0, false},
    {R"({"__metadata__":[]})", 0, false},
    {R"({"a":null})", 0, false},
    {R"({"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", 1, true},
    {R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}})", 1, false},
    {R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", 4, false},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,5]}})", 4, false},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, false},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8, false},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 3, false},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, false},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, false},
    {R"({"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, true},
    {R"({"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, false},
    {R"({"\u0000":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, true},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1e400}})", 4, false},
    {R"({"a":{"dtype":"F32","shape":null,"data_offsets":[0,4]}})", 4, false},
    {R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, false},
    {R"({"a":{"dtype":0,"shape":[1],"data_offsets":[0,4]}})", 4, false},
    {R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, false},
    {R"({"a":{"\u0064type":"F32","shape":[1],"data_offsets":[0,4]}})", 4, true},
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
     R"("b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)"
     R"("c":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}})",
     4, true},
    {R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
     R"("b":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
     4, false},
    // Deviations.
    {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
     R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
     4, false},
    {R"({"a":["F32",[1],[0,4]]})", 4, false},
    {R"({"a":{"dtype":{"F32":null},"shape":[1],"data_offsets":[0,4]}})", 4, false},
};

TEST(SafeTensorsHeader, VerdictsAreThoseOfPython) {
  for (const Verdict &v : verdicts) {
    std::string error = errorOf(v.header, v.dataBytes);
    EXPECT_EQ(error.empty(), v.accepted) << v.header << " -> " << error;
    EXPECT_LT(error.size(), 500u);
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
}

TEST(SafeTensorsHeader, DepthLimitIsPythons) {
  auto nested = [](int levels) {
    return R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"x":)" + std::string(levels, '[') +
           std::string(levels, ']');
  };
  EXPECT_EQ(errorOfTensor(nested(125), 4), "");
  EXPECT_NE(errorOfTensor(nested(126), 4), "");
}

TEST(SafeTensorsHeader, MessagesSayWhatIsWrong) {
  EXPECT_EQ(
      errorOfTensor(R"("dtype":"F31","shape":[1],"data_offsets":[0,4])", 4),
      "m.safetensors: tensor 'a': its dtype is 'F31', expected one of the format's such as "
      "'F32', 'F16', 'BF16', 'I64'");
  EXPECT_EQ(
      errorOfTensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", 4),
      "m.safetensors: tensor 'a': its data_offsets hold 4 bytes, expected 8 for its shape "
      "and dtype F32");
  EXPECT_EQ(errorOfTensor(R"("dtype":"F32","data_offsets":[0,4])", 4),
            "m.safetensors: tensor 'a': it has no 'shape'");
  EXPECT_EQ(errorOfTensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])", 5),
            "m.safetensors: the tensors cover 4 bytes, but 5 follow the header, expected the "
            "same number");
}

TEST(SafeTensorsHeader, LengthOfHeader) {
  std::uint64_t huge = 100'000'001;
  std::string file(reinterpret_cast<const char *>(&huge), 8);
  EXPECT_NE(parseSafeTensors(file + "{}", "m").status().message().find("at most 100000000"),
            std::string::npos);
  huge = ~0ull;
  std::memcpy(file.data(), &huge, 8);
  EXPECT_FALSE(parseSafeTensors(file + "{}", "m"));
  for (std::size_t n = 0; n < 8; ++n)
    EXPECT_FALSE(parseSafeTensors(std::string(n, '\0'), "m"));
  EXPECT_NE(
      parseSafeTensors(fileOf("{}", 0).substr(0, 9), "m").status().message().find("cut short"),
      std::string::npos);
}

TEST(SafeTensorsIndex, ShardNamesStayInTheirDirectory) {
  auto error = [](std::string_view shard) {
    auto parsed = parseSafeTensorsIndex(R"({"metadata":{"total_size":4},"weight_map":{"a":")" +
                                            std::string(shard) + "\"}}",
                                        "index.json");
    return parsed ? "" : parsed.status().message();
  };
  EXPECT_EQ(error("model-00001-of-00002.safetensors"), "");
  for (const char *bad : {"../x.safetensors", "/etc/x.safetensors", "", "..", "a/b.safetensors",
                          "x.bin", "a\\u0000.safetensors"})
    EXPECT_NE(error(bad), "") << bad;
  EXPECT_FALSE(parseSafeTensorsIndex(R"({"weight_map":{"a":1}})", "i"));
  EXPECT_FALSE(parseSafeTensorsIndex(R"({"weight_map":{}})", "i"));
  EXPECT_FALSE(parseSafeTensorsIndex(R"({})", "i"));
  EXPECT_FALSE(parseSafeTensorsIndex(
      R"({"weight_map":{"a":"x.safetensors","a":"y.safetensors"}})", "i"));
}

TEST(SafeTensorsWriter, BytesArePythons) {
  // data/make.py made the file with safetensors.torch.save_file.
  std::vector<float> b = {1.5f, -2.0f}, weight = {0, 1, 2, 3, 4, 5}, escaped = {7};
  std::vector<std::int64_t> ids = {0, 1, 2};
  std::vector<TensorSource> tensors = {
      {"z.weight", DType::F32, {2, 3}, weight.data(), {}},
      {"b", DType::F32, {2}, b.data(), {}},
      {"scalar \"q\" \\ \n\x01\x7f\xc3\xa9/", DType::F32, {}, escaped.data(), {}},
      {"ids", DType::I64, {1, 3}, ids.data(), {}},
      {"empty", DType::F32, {0, 4}, b.data(), {}},
  };
  TemporaryDirectory dir;
  Status saved = saveSafeTensors(dir.file("m.safetensors"), tensors);
  ASSERT_TRUE(saved) << saved.message();
  auto ours = readFile(dir.file("m.safetensors"), 1 << 20);
  auto theirs = readFile(FTC_TEST_DIR "/data/python.safetensors", 1 << 20);
  ASSERT_TRUE(ours && theirs) << theirs.status().message();
  EXPECT_EQ(*ours, *theirs);
  EXPECT_EQ(*safeTensorsFileBytes(tensors), ours->size());

  // The same from callbacks.
  for (TensorSource &tensor : tensors) {
    const char *data = static_cast<const char *>(std::exchange(tensor.data, nullptr));
    tensor.fill = [data](std::uint64_t at, std::span<std::byte> out) {
      std::memcpy(out.data(), data + at, out.size());
      return Status::ok();
    };
  }
  ASSERT_TRUE(saveSafeTensors(dir.file("n.safetensors"), tensors));
  EXPECT_EQ(*readFile(dir.file("n.safetensors"), 1 << 20), *theirs);
}

TEST(SafeTensorsWriter, RefusesBadNames) {
  float x = 0;
  TemporaryDirectory dir;
  std::string path = dir.file("m.safetensors");
  std::vector<TensorSource> twice = {{"a", DType::F32, {}, &x, {}},
                                     {"a", DType::I32, {}, &x, {}}};
  EXPECT_EQ(saveSafeTensors(path, twice).message(),
            "tensor 'a' is given twice, expected each name once");
  std::vector<TensorSource> reserved = {{"__metadata__", DType::F32, {}, &x, {}}};
  EXPECT_FALSE(saveSafeTensors(path, reserved));
  std::vector<TensorSource> binary = {{"\xff", DType::F32, {}, &x, {}}};
  EXPECT_FALSE(saveSafeTensors(path, binary));
  std::vector<TensorSource> huge = {{"a", DType::F32, {1ull << 63, 4}, &x, {}}};
  EXPECT_FALSE(saveSafeTensors(path, huge));
  std::vector<TensorSource> failing = {
      {"a", DType::F32, {1}, nullptr, [](std::uint64_t, std::span<std::byte>) {
         return Status::error("no data");
       }}};
  EXPECT_EQ(saveSafeTensors(path, failing).message(), "no data");
  EXPECT_TRUE(listDirectory(dir.path())->empty());
}

TEST(Checkpoint, ReadsAndConverts) {
  TemporaryDirectory dir;
  std::vector<float> f32 = {1, -0.0f, 3.5f};
  std::vector<double> f64 = {0.1, -1e-50, 0x1.fffffefffffffp127};
  std::vector<std::uint16_t> f16 = {0x3C00, 0x8001, 0x7BFF, 0x0400};
  std::vector<std::uint16_t> bf16 = {0x3F80, 0xC0A0};
  std::vector<std::int64_t> i64 = {5};
  std::vector<TensorSource> tensors = {{"f32", DType::F32, {3}, f32.data(), {}},
                                       {"f64", DType::F64, {3}, f64.data(), {}},
                                       {"f16", DType::F16, {2, 2}, f16.data(), {}},
                                       {"bf16", DType::BF16, {2}, bf16.data(), {}},
                                       {"i64", DType::I64, {1}, i64.data(), {}}};
  ASSERT_TRUE(saveSafeTensors(dir.file("model.safetensors"), tensors));
  auto model = Checkpoint::open(dir.path());
  ASSERT_TRUE(model) << model.status().message();
  ASSERT_EQ(model->tensors().size(), 5u);
  EXPECT_EQ(model->tensors()[0].name, "bf16");
  EXPECT_EQ(model->find("nope"), nullptr);
  EXPECT_EQ(describeTensor(*model->find("f16")), "F16 [2, 2]");

  std::vector<float> out(4);
  ASSERT_TRUE(model->readAsF32(*model->find("f32"), out.data()));
  EXPECT_EQ(std::memcmp(out.data(), f32.data(), 12), 0);
  ASSERT_TRUE(model->readAsF32(*model->find("f64"), out.data()));
  EXPECT_EQ(out[0], 0.1f);
  EXPECT_EQ(out[1], -0.0f);
  EXPECT_TRUE(std::signbit(out[1]));
  EXPECT_EQ(out[2], std::numeric_limits<float>::max());
  ASSERT_TRUE(model->readAsF32(*model->find("f16"), out.data()));
  EXPECT_EQ(out, (std::vector<float>{1.0f, -0x1p-24f, 65504.0f, 0x1p-14f}));
  ASSERT_TRUE(model->readAsF32(*model->find("bf16"), out.data(), 1, 1));
  EXPECT_EQ(out[0], -5.0f);
  EXPECT_NE(model->readAsF32(*model->find("i64"), out.data())
                .message()
                .find("tensor 'i64' has dtype I64, expected F32, F16, BF16 or F64"),
            std::string::npos);
  EXPECT_FALSE(model->readAsF32(*model->find("f32"), out.data(), 4));

  auto bytes = model->data(*model->find("f32"));
  ASSERT_TRUE(bytes);
  EXPECT_EQ(std::memcmp(bytes->data(), f32.data(), 12), 0);
  model->dropPages(*model->find("f32"));
  EXPECT_EQ(std::memcmp(bytes->data(), f32.data(), 12), 0);
  EXPECT_EQ(*model->sha256(0), *sha256HexOfFile(dir.file("model.safetensors")));
}

TEST(Checkpoint, HalfPrecisionIsExactForAllValues) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    int exponent = (bits >> 10) & 31;
    double fraction = bits & 1023, sign = bits & 0x8000 ? -1 : 1;
    float value = halfToFloat(static_cast<std::uint16_t>(bits));
    if (exponent == 31) {
      ASSERT_EQ(std::isinf(value), fraction == 0) << bits;
      continue;
    }
    double expected =
        exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24);
    ASSERT_EQ(value, sign * expected) << bits;
    ASSERT_EQ(std::signbit(value), sign < 0) << bits;
  }
}

TEST(Checkpoint, NamesTheFirstValueThatIsNotFinite) {
  TemporaryDirectory dir;
  std::vector<float> weights(200000, 1.0f);
  weights[150001] = std::nanf("");
  weights[150002] = INFINITY;
  std::vector<double> wide = {1, 1e39};
  std::vector<TensorSource> tensors = {{"w", DType::F32, {200000}, weights.data(), {}},
                                       {"d", DType::F64, {2}, wide.data(), {}}};
  ASSERT_TRUE(saveSafeTensors(dir.file("model.safetensors"), tensors));
  auto model = Checkpoint::open(dir.path());
  ASSERT_TRUE(model);
  std::vector<float> out(200000);
  EXPECT_NE(model->readAsF32(*model->find("w"), out.data())
                .message()
                .find("tensor 'w' has a value that is NaN (as F32) at element 150001"),
            std::string::npos);
  EXPECT_NE(model->readAsF32(*model->find("w"), out.data(), 150002, 5)
                .message()
                .find("infinite (as F32) at element 150002"),
            std::string::npos);
  EXPECT_NE(model->readAsF32(*model->find("d"), out.data()).message().find("at element 1"),
            std::string::npos);
  EXPECT_TRUE(model->readAsF32(*model->find("w"), out.data(), 0, 150001));
}

TEST(Checkpoint, Shards) {
  TemporaryDirectory dir;
  float one = 1, two = 2;
  std::vector<TensorSource> first = {{"a", DType::F32, {}, &one, {}},
                                     {"unlisted", DType::F32, {}, &one, {}}};
  std::vector<TensorSource> second = {{"b", DType::F32, {1}, &two, {}}};
  ASSERT_TRUE(saveSafeTensors(dir.file("m-1.safetensors"), first));
  ASSERT_TRUE(saveSafeTensors(dir.file("m-2.safetensors"), second));
  auto index = [&](const char *text) {
    EXPECT_TRUE(writeFileAtomic(dir.file("model.safetensors.index.json"), text));
    return Checkpoint::open(dir.path());
  };
  auto model = index(R"({"weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors"}})");
  ASSERT_TRUE(model) << model.status().message();
  ASSERT_EQ(model->tensors().size(), 2u);
  EXPECT_EQ(model->fileCount(), 2u);
  EXPECT_EQ(model->fileName(model->find("b")->file), "m-2.safetensors");
  float out = 0;
  ASSERT_TRUE(model->readAsF32(*model->find("b"), &out));
  EXPECT_EQ(out, 2.0f);

  auto missing = index(R"({"weight_map":{"a":"m-1.safetensors","c":"m-2.safetensors"}})");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.status().message().find("tensor 'c' is placed in 'm-2.safetensors', which "
                                            "does not have it"),
            std::string::npos);
  auto absent = index(R"({"weight_map":{"a":"m-9.safetensors"}})");
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.status().message().find("m-9.safetensors': No such file"),
            std::string::npos);
}

TEST(Checkpoint, SaysWhatToDoWithoutSafetensors) {
  TemporaryDirectory dir;
  auto error = [&] { return Checkpoint::open(dir.path()).status().message(); };
  EXPECT_NE(error().find("has no weights: expected model.safetensors"), std::string::npos);
  ASSERT_TRUE(writeFileAtomic(dir.file("tf_model.h5"), "x"));
  EXPECT_NE(error().find("'tf_model.h5', which is not supported"), std::string::npos);
  ASSERT_TRUE(writeFileAtomic(dir.file("pytorch_model.bin"), "x"));
  EXPECT_NE(error().find("a pickle, which is never read"), std::string::npos);
  EXPECT_NE(error().find("safe_serialization=True"), std::string::npos);
  EXPECT_LT(error().size(), 500u);
  EXPECT_NE(Checkpoint::open(dir.file("none")).status().message().find("does not exist"),
            std::string::npos);
}
