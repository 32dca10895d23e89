// The reader refuses everything that is not exactly a sound artifact: every flipped bit, every
// truncation, and every broken index, size or name behind a correct hash.
#include "runtime/artifact/ArtifactReader.h"
#include "runtime/artifact/Container.h"
#include "runtime/artifact/Expression.h"
#include "test/support/PlanBuilder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

namespace ftc::rt {
namespace {
using test::ArtifactBuilder;
using test::expr;

/// The linear model with a stub in place of its code, to keep the bytes few.
ArtifactBuilder smallModel() {
  ArtifactBuilder builder = test::linearModel(5, 3, 4);
  builder.variant().object = {1, 2, 3};
  return builder;
}

std::string refusal(const std::function<void(abi::ArtifactT &)> &change) {
  ArtifactBuilder builder = smallModel();
  change(builder.artifact);
  auto artifact = builder.read();
  if (artifact)
    return "accepted";
  std::string message = artifact.status().message();
  EXPECT_LE(message.size(), 500u);
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_TRUE(message.starts_with("test.ftb: ")) << message;
  return message;
}

void expectRefused(const std::function<void(abi::ArtifactT &)> &change, const char *reason) {
  std::string message = refusal(change);
  EXPECT_NE(message.find(reason), std::string::npos) << message;
}

abi::BufferT &buffer(abi::ArtifactT &a, std::size_t index) {
  return *a.variants[0]->programs[0]->buffers[index];
}
abi::CommandT &command(abi::ArtifactT &a, std::size_t index) {
  return *a.variants[0]->programs[0]->commands[index];
}

abi::LaunchT &launch(abi::ArtifactT &a, std::size_t index) {
  return *command(a, index).action.AsLaunch();
}

TEST(ArtifactReader, ReadsWhatWasWritten) {
  ArtifactBuilder builder = smallModel();
  auto path = std::filesystem::temp_directory_path() /
              ("ftc-artifact-" + std::to_string(::getpid()) + ".ftb");
  Status written = writeArtifact(path.string(), builder.payload());
  ASSERT_TRUE(written) << written.message();
  auto artifact = ArtifactReader::open(path.string());
  ASSERT_TRUE(artifact) << artifact.status().message();
  EXPECT_EQ((*artifact)->name(), path.string());
  EXPECT_EQ((*artifact)->root().task()->labels()->Get(1)->str(), "positive");
  EXPECT_EQ((*artifact)->symbolIndex("accumulating"), 1);
  EXPECT_EQ((*artifact)->scalarIndex("scale"), 1);
  EXPECT_EQ((*artifact)->scalarIndex("missing"), -1);
  EXPECT_EQ((*artifact)->parameterIndex("linear.weight"), 0);
  EXPECT_EQ((*artifact)->sha256().size(), 64u);
  auto again = builder.read();
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->sha256(), (*artifact)->sha256());
  std::filesystem::remove(path);
  auto missing = ArtifactReader::open(path.string());
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.status().message().find(path.string()), std::string::npos);
}

TEST(ArtifactReader, TheWriterRefusesWhatTheReaderWould) {
  ArtifactBuilder builder = smallModel();
  builder.artifact.variants[0]->programs[0]->arena_bytes = 8;
  EXPECT_FALSE(writeArtifact("/nonexistent/x.ftb", builder.payload()));
  EXPECT_FALSE(writeArtifact("/nonexistent/x.ftb", {}));
}

TEST(ArtifactReader, EveryFlippedBitIsRefused) {
  const auto bytes = smallModel().container();
  ASSERT_FALSE(bytes.empty());
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto altered = bytes;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    auto artifact = ArtifactReader::fromBytes("test.ftb", std::move(altered));
    refused += !artifact && artifact.status().message().find('\n') == std::string::npos;
  }
  EXPECT_EQ(refused, bytes.size() * 8);
}

TEST(ArtifactReader, EveryTruncationAndAnyAdditionIsRefused) {
  const auto bytes = smallModel().container();
  for (std::size_t length = 0; length < bytes.size(); ++length)
    ASSERT_FALSE(
        ArtifactReader::fromBytes("test.ftb", {bytes.begin(), bytes.begin() + length}));
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(ArtifactReader::fromBytes("test.ftb", longer));
  EXPECT_TRUE(ArtifactReader::fromBytes("test.ftb", bytes));
}

TEST(ArtifactReader, AltersBehindACorrectHashDoNotCrash) {
  const auto payload = smallModel().payload();
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < payload.size(); ++at)
    for (int value : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
      auto altered = payload;
      altered[at] = static_cast<std::uint8_t>(value);
      auto container = makeContainer(altered);
      ASSERT_TRUE(container);
      accepted += ArtifactReader::fromBytes("test.ftb", container.take()).isOk();
    }
  EXPECT_LT(accepted, payload.size() * 5); // text and costs may change, structure may not
}

TEST(ArtifactReader, AnotherVersionIsNamed) {
  auto bytes = smallModel().container();
  bytes[8] = 8;
  auto artifact = ArtifactReader::fromBytes("artifact.ftb", bytes);
  ASSERT_FALSE(artifact);
  EXPECT_EQ(artifact.status().message(),
            "artifact.ftb: ABI version 8, this ftrt reads 7: compile it again");
  auto other = ArtifactReader::fromBytes("model.safetensors", {1, 2, 3});
  EXPECT_NE(other.status().message().find("not an ftc artifact"), std::string::npos);
}

TEST(ArtifactReader, MomentsAreChecked) {
  auto withMoments = [](auto &&alter) {
    return [=](abi::ArtifactT &a) {
      abi::VariantT &variant = *a.variants[0];
      variant.moments_bytes = 128;
      for (std::uint32_t k : {0u, 1u})
        test::addMoment(variant, 0, k, k ? abi::DType::U8 : abi::DType::F32, {4}, 64 * k);
      alter(variant);
    };
  };
  EXPECT_EQ(refusal(withMoments([](auto &) {})), "accepted");
  expectRefused(withMoments([](auto &v) { v.moments[1]->parameter = 9; }),
                "a moment of parameter 9");
  expectRefused(withMoments([](auto &v) { v.moments[1]->index = 16; }), "one too many");
  expectRefused(withMoments([](auto &v) { v.moments[1]->index = 0; }), "is there twice");
  expectRefused(withMoments([](auto &v) { v.moments[1]->dtype = abi::DType::I64; }),
                "neither f32 nor u8");
  expectRefused(withMoments([](auto &v) { v.moments[1]->elements = 5; }), "do not belong");
  expectRefused(withMoments([](auto &v) { v.moments[1]->shape = {-4}; }), "do not belong");
  expectRefused(withMoments([](auto &v) { v.moments[1]->offset = 125; }),
                "lies outside the moments");
  expectRefused(withMoments([](auto &v) { v.moments[1]->offset = 15; }), "share storage");
  expectRefused(withMoments([](auto &v) { v.moments[0]->offset = 2; }),
                "lies outside the moments");
  expectRefused(withMoments([](auto &v) {
                  v.moments[1]->layout->kind = abi::LayoutKind::PanelsN;
                  v.moments[1]->layout->width = 2;
                  v.moments[1]->shape = {2, 2};
                }),
                "lies in panels, but is not f32");
}

TEST(ArtifactReader, TablesAreChecked) {
  EXPECT_EQ(refusal([](abi::ArtifactT &) {}), "accepted");
  expectRefused([](auto &a) { a.symbols[1]->name = "rows"; }, "two symbols are named 'rows'");
  expectRefused([](auto &a) { a.symbols[1]->name = ""; }, "symbol 1 has no proper name");
  expectRefused([](auto &a) { a.symbols[0]->capacity = -1; }, "capacity -1");
  expectRefused([](auto &a) { a.scalars[1]->name = "learning_rate"; }, "two scalars");
  expectRefused([](auto &a) { a.parameters[0]->shape[0] = 0; }, "impossible shape");
  expectRefused([](auto &a) { a.parameters[0]->shape = {1ll << 40, 1ll << 40}; },
                "impossible shape");
  expectRefused([](auto &a) { a.parameters[0]->tensor = ""; }, "names no tensor");
  expectRefused([](auto &a) { a.task->labels[1] = "negative"; }, "two labels are 'negative'");
  expectRefused([](auto &a) { a.task->labels[1] = "\xff"; }, "not UTF-8");
  expectRefused([](auto &a) { a.task->labels_are_integers = true; }, "not an integer");
  expectRefused([](auto &a) { a.task->max_seq_length = 0; }, "max_seq_length");
  expectRefused([](auto &a) { a.task->max_target_length = 1u << 31; }, "max_target_length");
  expectRefused([](auto &a) { a.task->decoder_start_token_id = -2; },
                "decoder_start_token_id is -2");
  expectRefused(
      [](auto &a) {
        a.parameters[0]->init = abi::Init::Sinusoids;
        a.parameters[0]->trainable = true;
      },
      "is a table of sinusoids");
  expectRefused([](auto &a) { a.task->name = ""; }, "the task has no name");
  expectRefused(
      [](auto &a) {
        a.generation = std::make_unique<abi::GenerationT>();
        a.generation->max_source_length = a.generation->max_target_length = 4;
        a.generation->longest = 8;
      },
      "a capacity of generation is 0");
  expectRefused([](auto &a) { a.variants.clear(); }, "no code for any target");
  expectRefused([](auto &a) { a.variants[0]->object.clear(); }, "no code");
  expectRefused([](auto &a) { a.variants[0]->kernels[1]->name = "add_index"; }, "two kernels");
  expectRefused([](auto &a) { a.variants[0]->kernels[1]->scratch_bytes = -1; }, "scratch");
  expectRefused([](auto &a) { a.variants[0]->moments_bytes = -1; }, "moments");
  expectRefused([](auto &a) { a.variants[0]->state_bytes = -1; }, "persistent state");
  expectRefused(
      [](abi::ArtifactT &a) {
        a.tokenizer_files.push_back(std::make_unique<abi::FileT>());
        a.tokenizer_files[0]->name = "../vocab.txt";
      },
      "not a bare file name");
  expectRefused(
      [](abi::ArtifactT &a) {
        a.checkpoint_files.push_back(std::make_unique<abi::CheckpointFileT>());
        a.checkpoint_files[0]->name = "model.safetensors";
        a.checkpoint_files[0]->sha256 = "beef";
      },
      "no proper hash");
}

TEST(ArtifactReader, StorageIsChecked) {
  expectRefused([](auto &a) { a.variants[0]->storage.clear(); }, "storage for 0 of 1");
  expectRefused([](auto &a) { a.variants[0]->storage[0]->elements = 15; }, "takes 20 elements");
  expectRefused([](auto &a) { a.variants[0]->storage[0]->layout->width = 0; }, "layout");
  expectRefused([](auto &a) { a.variants[0]->storage[0]->offset = 1; }, "outside its part");
  expectRefused([](auto &a) { a.variants[0]->storage[0]->offset = -4; }, "outside its part");
  expectRefused([](auto &a) { a.parameters[0]->trainable = false; }, "outside its part");
  expectRefused([](auto &a) { a.parameters[0]->decay = true; }, "outside its part");
  expectRefused([](auto &a) { a.variants[0]->trainable_elements = 21; }, "impossible sizes");
  expectRefused(
      [](abi::ArtifactT &a) {
        a.parameters.push_back(std::make_unique<abi::ParameterT>(*a.parameters[0]));
        a.parameters[1]->name = "other";
        a.variants[0]->storage.push_back(
        std::make_unique<abi::ParameterStorageT>(*a.variants[0]->storage[0]));
      },
      "share storage");
}

TEST(ArtifactReader, ProgramsAreChecked) {
  expectRefused([](auto &a) { a.variants[0]->programs[1]->name = "train_accumulate"; },
                "two programs");
  expectRefused([](auto &a) { buffer(a, 0).elements->terms[0] = abi::Term(0, 0, 5); },
                "divides by zero");
  expectRefused([](auto &a) { buffer(a, 0).elements->terms[0] = abi::Term(2, 1, 5); },
                "names symbol 2 of 2");
  expectRefused([](auto &a) { buffer(a, 0).elements->terms[0] = abi::Term(1, 1, 5); },
                "counter 'accumulating'");
  expectRefused([](auto &a) { buffer(a, 0).elements->terms[0] = abi::Term(0, 1, 1ll << 62); },
                "size");
  expectRefused([](auto &a) { buffer(a, 0).elements->constant = -1000; }, "size");
  expectRefused([](auto &a) { buffer(a, 0).name = ""; }, "proper name");
  expectRefused([](auto &a) { buffer(a, 1).name = "x"; }, "used twice");
  expectRefused([](auto &a) { buffer(a, 2).offset = 1; }, "the Params segment ends at 20");
  expectRefused([](auto &a) { buffer(a, 2).offset = -1; }, "the Params segment ends at 20");
  expectRefused([](auto &a) { buffer(a, 2).dtype = abi::DType::BF16; }, "f32, not bf16");
  expectRefused([](auto &a) { buffer(a, 3).elements->constant = 21; },
                "the Grads segment ends at 20");
  expectRefused([](auto &a) { buffer(a, 3).segment = abi::Segment::Moments; },
                "the Moments segment ends at 0");
  expectRefused([](auto &a) { buffer(a, 3).segment = abi::Segment::State; },
                "the State segment");
  expectRefused([](auto &a) { buffer(a, 4).offset = 68; }, "the Arena segment ends at 256");
  expectRefused([](auto &a) { buffer(a, 4).offset = 3; }, "not a multiple");
  expectRefused([](auto &a) { buffer(a, 4).offset = INT64_MAX - 3; },
                "the Arena segment ends at 256");
  expectRefused([](auto &a) { a.variants[0]->programs[0]->arena_bytes = -1; },
                "an arena of -1 bytes");
  for (auto spoil : std::initializer_list<void (*)(abi::VariantT &)>{
           [](auto &v) { v.overlaid_from = -16; }, [](auto &v) { v.overlaid_from = 1 << 20; },
           [](auto &v) { v.overlaid_at = -2; }, [](auto &v) { v.overlaid_at = 32; },
           [](auto &v) { v.overlaid_at = INT64_MAX - 63; },
           [](auto &v) { v.overlaid_compact_at = 8; },
           [](auto &v) { v.overlaid_compact_at = -64; },
           [](auto &v) { v.unused_overlaid_bytes = 1; }})
    expectRefused([&](auto &a) { spoil(*a.variants[0]); },
                  "an impossible place of gradients in the arena");
  expectRefused(
      [](auto &a) {
        a.variants[0]->overlaid_at = 0;
        a.variants[0]->overlaid_from = 16;
      },
      "lies on both sides of element 16, where gradients in the arena begin");
  expectRefused([](auto &a) { command(a, 0).unless_symbol = 2; }, "depends on symbol 2 of 2");
  expectRefused([](auto &a) { command(a, 0).unless_symbol = -2; }, "depends on symbol -2 of 2");
  expectRefused([](auto &a) { command(a, 0).action.AsFill()->buffer = 6; }, "buffer 6 of 6");
  expectRefused([](auto &a) { command(a, 0).action.AsFill()->buffer = 0; }, "writes an input");
  expectRefused([](auto &a) { launch(a, 1).kernel = 11; },
                "kernel 11 of 11");
  expectRefused([](auto &a) { launch(a, 1).operands[0] = abi::Operand(6, abi::Access::Read); },
                "buffer 6");
  expectRefused([](auto &a) { launch(a, 1).operands[0] = abi::Operand(0, abi::Access::Write); },
                "writes an input");
  expectRefused([](auto &a) { launch(a, 2).scalars[0] = 2; },
                "scalar 2 of 2");
  expectRefused([](auto &a) { launch(a, 1).grid->constant = -100; },
                "grid");
  expectRefused([](auto &a) { launch(a, 1).grid->constant = INT64_MAX; },
                "grid");
  expectRefused([](auto &a) { launch(a, 1).grid->terms[0] = abi::Term(1, 1, 1); },
                "counter");
}

TEST(ArtifactReader, GroupsOfLaunchesAreChecked) {
  auto group = [](auto &a, std::uint32_t members) {
    a.variants[0]->kernels[10]->members = 2;
    launch(a, 1).group = 10;
    launch(a, 1).members = members;
  };
  expectRefused([&](auto &a) { group(a, 3); }, "impossible group");
  expectRefused([&](auto &a) { group(a, 2), launch(a, 1).group = 11; }, "impossible group");
  expectRefused([&](auto &a) { group(a, 2), launch(a, 2).members = 2, launch(a, 2).group = 10; },
                "impossible group");
  expectRefused([&](auto &a) { group(a, 2), command(a, 2).unless_symbol = 0; },
                "stands among a group's launches");
  expectRefused([&](auto &a) { group(a, 2), command(a, 1).unless_symbol = 0; },
                "stands among a group's launches");
  expectRefused([&](auto &a) { group(a, 2), launch(a, 2).kernel = 10; }, "one of groups");
  expectRefused([](auto &a) { a.variants[0]->kernels[launch(a, 1).kernel]->grouped = true; },
                "stands alone");
}

TEST(Expression, RoundsUpAndReportsOverflow) {
  auto evaluated = [](std::unique_ptr<abi::ExprT> source, std::vector<std::int64_t> symbols) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(abi::CreateExpr(builder, source.get()));
    std::int64_t value = 0;
    bool good = evaluate(*flatbuffers::GetRoot<abi::Expr>(builder.GetBufferPointer()), symbols,
                         value);
    return good ? std::to_string(value) : std::string("refused");
  };
  EXPECT_EQ(evaluated(expr(7), {}), "7");
  EXPECT_EQ(evaluated(expr(1, {{0, 3, 16}}), {33}), "10");
  EXPECT_EQ(evaluated(expr(1, {{0, 3, 16}}), {32}), "7");
  EXPECT_EQ(evaluated(expr(0, {{0, -2}, {1, 5}}), {3, 4}), "14");
  EXPECT_EQ(evaluated(expr(0, {{0, 1, 0}}), {3}), "refused");
  EXPECT_EQ(evaluated(expr(0, {{1}}), {3}), "refused");
  EXPECT_EQ(evaluated(expr(0, {{0, INT64_MAX}}), {2}), "refused");
  EXPECT_EQ(evaluated(expr(INT64_MAX, {{0}}), {1}), "refused");
  EXPECT_EQ(evaluated(expr(0, {{0, 1, 2}}), {INT64_MAX}), "4611686018427387904");
}

} // namespace
} // namespace ftc::rt
