// The commit protocol and what is found, refused, kept and removed afterwards.
#include "runtime/checkpoint/Checkpoints.h"

#include "test/TemporaryDirectory.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <fstream>

using namespace ftc::rt;
using ftc::test::TemporaryDirectory;

static const std::string artifact(64, 'a');

/// Commits a small checkpoint whose bytes depend on `step`.
static Status save(const std::string &dir, std::int64_t step) {
  std::vector<float> weights(1000);
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<float>(step) + 0.1f * static_cast<float>(i);
  FTC_ASSIGN_OR_RETURN(CheckpointWriter writer, CheckpointWriter::begin(dir, step, artifact));
  std::vector<TensorSource> tensors = {{"w", DType::F32, {10, 100}, weights.data(), {}}};
  FTC_RETURN_IF_ERROR(writer.addTensors("model.safetensors", tensors));
  FTC_RETURN_IF_ERROR(
      writer.addFile("trainer_state.json", "{\"step\":" + std::to_string(step) + "}"));
  return writer.commit();
}

static std::vector<std::string> names(const std::string &dir) { return *listDirectory(dir); }
using Names = std::vector<std::string>;

TEST(Checkpoints, CommitAndFind) {
  TemporaryDirectory dir;
  EXPECT_FALSE(findNewestCheckpoint(dir.file("none"))->step);
  EXPECT_FALSE(findNewestCheckpoint(dir.path())->step);
  ASSERT_TRUE(save(dir.path(), 9));
  ASSERT_TRUE(save(dir.path(), 10));
  auto newest = findNewestCheckpoint(dir.path());
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->step, 10);
  EXPECT_EQ(newest->manifest.artifact, artifact);
  EXPECT_TRUE(newest->warnings.empty());
  EXPECT_EQ(names(newest->path),
            (Names{"manifest.json", "model.safetensors", "trainer_state.json"}));
  EXPECT_EQ(names(dir.path()), (Names{"checkpoint-10", "checkpoint-9"}));
}

TEST(Checkpoints, TensorsComeBackBitForBit) {
  TemporaryDirectory dir;
  // Subnormals, signed zeros and extremes.
  std::vector<float> values = {0.0f, -0.0f, 0x1p-149f, -0x1.fffffep127f, 1.1f};
  auto writer = CheckpointWriter::begin(dir.path(), 1, artifact);
  ASSERT_TRUE(writer);
  std::vector<TensorSource> tensors = {
      {"m", DType::F32, {5}, nullptr, [&](std::uint64_t at, std::span<std::byte> out) {
         std::memcpy(out.data(), reinterpret_cast<const char *>(values.data()) + at,
                     out.size());
         return Status::ok();
       }}};
  ASSERT_TRUE(writer->addTensors("optimizer.safetensors", tensors));
  ASSERT_TRUE(writer->commit());
  auto read = Checkpoint::open(writer->path() + "/optimizer.safetensors");
  ASSERT_TRUE(read) << read.status().message();
  std::vector<float> out(5);
  ASSERT_TRUE(read->readAsF32(*read->find("m"), out.data()));
  EXPECT_EQ(std::memcmp(out.data(), values.data(), 20), 0);
}

TEST(Checkpoints, NothingIsOverwritten) {
  TemporaryDirectory dir;
  ASSERT_TRUE(save(dir.path(), 5));
  Status again = save(dir.path(), 5);
  ASSERT_FALSE(again);
  EXPECT_NE(again.message().find("exists already and is never overwritten"), std::string::npos);
  EXPECT_TRUE(verifyCheckpoint(dir.file("checkpoint-5")));
  EXPECT_FALSE(CheckpointWriter::begin(dir.path(), -1, artifact));
  EXPECT_FALSE(CheckpointWriter::begin(dir.path(), 6, "no hash"));
}

TEST(Checkpoints, AbandonedOnesLeaveNothing) {
  TemporaryDirectory dir;
  {
    auto writer = CheckpointWriter::begin(dir.path(), 1, artifact);
    ASSERT_TRUE(writer && writer->addFile("a", "x"));
    EXPECT_EQ(names(dir.path()), Names{"checkpoint-1.tmp"});
  }
  EXPECT_TRUE(names(dir.path()).empty());
  {
    auto writer = CheckpointWriter::begin(dir.path(), 1, artifact);
    ASSERT_TRUE(writer && writer->addFile("a", "x"));
    EXPECT_FALSE(writer->addFile("a", "y"));
    EXPECT_FALSE(writer->addFile("b", "y")); // Given up after the failure.
    EXPECT_FALSE(writer->commit());
  }
  EXPECT_TRUE(names(dir.path()).empty());
  for (const char *bad : {"../x", "", "manifest.json", "a/b"}) {
    auto writer = CheckpointWriter::begin(dir.path(), 1, artifact);
    EXPECT_FALSE(writer->addFile(bad, "x")) << bad;
  }
  auto writer = CheckpointWriter::begin(dir.path(), 1, artifact);
  EXPECT_EQ(
      writer->addFile("f", 9, [](OutputFile &) { return Status::error("device"); }).message(),
      "saving 'checkpoint-1': device");
}

/// Without the fsyncs of writeFileAtomic: hundreds of damaged files are made.
static void overwrite(const std::string &path, const std::string &content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

TEST(Checkpoints, EveryFlippedByteIsFoundAndTheOneBeforeTaken) {
  TemporaryDirectory dir;
  ASSERT_TRUE(save(dir.path(), 1));
  ASSERT_TRUE(save(dir.path(), 2));
  for (const char *name : {"manifest.json", "model.safetensors", "trainer_state.json"}) {
    std::string path = dir.file("checkpoint-2/") + name;
    std::string good = *readFile(path, 1 << 20);
    for (std::size_t i = 0; i < good.size(); i += good.size() > 1000 ? 97 : 1) {
      std::string bad = good;
      bad[i] ^= 0x04; // In the manifest, turns no white space into other white space.
      overwrite(path, bad);
      auto newest = findNewestCheckpoint(dir.path());
      ASSERT_TRUE(newest);
      ASSERT_EQ(newest->step, 1) << name << " byte " << i;
      ASSERT_EQ(newest->damagedSteps, std::vector<std::int64_t>{2});
      ASSERT_TRUE(newest->warnings[0].starts_with("checkpoint-2 is damaged and passed over: "));
    }
    // Cut and missing.
    overwrite(path, good.substr(0, good.size() / 2));
    ASSERT_EQ(findNewestCheckpoint(dir.path())->step, 1);
    ASSERT_TRUE(removeFile(path));
    ASSERT_EQ(findNewestCheckpoint(dir.path())->step, 1);
    overwrite(path, good);
    ASSERT_EQ(findNewestCheckpoint(dir.path())->step, 2);
  }
}

TEST(Checkpoints, RenamedDirectoryIsRefusedAndSetAside) {
  TemporaryDirectory dir;
  ASSERT_TRUE(save(dir.path(), 1));
  ASSERT_TRUE(renamePath(dir.file("checkpoint-1"), dir.file("checkpoint-3")));
  auto newest = findNewestCheckpoint(dir.path());
  EXPECT_FALSE(newest->step);
  EXPECT_NE(newest->warnings.at(0).find("it is of step 1, expected 3"), std::string::npos);
  ASSERT_TRUE(setAsideCheckpoint(dir.path(), 3));
  ASSERT_TRUE(save(dir.path(), 3));
  ASSERT_TRUE(setAsideCheckpoint(dir.path(), 3));
  EXPECT_EQ(names(dir.path()), (Names{"checkpoint-3.damaged", "checkpoint-3.damaged-2"}));
  EXPECT_TRUE(checkpointSteps(dir.path())->empty());
}

TEST(Checkpoints, HalfWrittenIsRemovedAndNothingElse) {
  TemporaryDirectory dir;
  ASSERT_TRUE(save(dir.path(), 1));
  ASSERT_TRUE(makeDirectories(dir.file("checkpoint-2.tmp/sub")));
  ASSERT_TRUE(makeDirectories(dir.file("checkpoint-x.tmp")));
  ASSERT_TRUE(makeDirectories(dir.file("mine.tmp")));
  for (const char *name : {"model.safetensors.12-0.tmp", "step.ftb.7-31.tmp", "notes.1-0.tmp",
                           "model.json.tmp", "config.json"})
    ASSERT_TRUE(writeFileAtomic(dir.file(name), "x"));
  ASSERT_TRUE(removeHalfWritten(dir.path()));
  EXPECT_EQ(names(dir.path()), (Names{"checkpoint-1", "checkpoint-x.tmp", "config.json",
                                      "mine.tmp", "model.json.tmp", "notes.1-0.tmp"}));
  EXPECT_TRUE(removeHalfWritten(dir.file("none")));
}

TEST(Checkpoints, Rotation) {
  struct Case {
    std::int64_t limit;
    std::optional<std::int64_t> best;
    bool finished;
    std::vector<std::int64_t> left;
  };
  const Case cases[] = {
      {3, {}, false, {20, 30, 40}}, {1, {}, false, {30, 40}},        {1, {}, true, {40}},
      {2, 10, false, {10, 30, 40}}, {2, 10, true, {10, 40}},         {1, 10, true, {10, 40}},
      {1, 40, true, {40}},          {9, {}, true, {10, 20, 30, 40}},
  };
  for (const Case &c : cases) {
    TemporaryDirectory dir;
    for (std::int64_t step : {10, 20, 30, 40})
      ASSERT_TRUE(makeDirectory(checkpointPath(dir.path(), step)));
    ASSERT_TRUE(rotateCheckpoints(dir.path(), c.limit, c.best, c.finished));
    EXPECT_EQ(*checkpointSteps(dir.path()), c.left)
        << c.limit << " " << c.best.value_or(-1) << " " << c.finished;
  }
}

TEST(Checkpoints, Names) {
  EXPECT_EQ(checkpointStep("checkpoint-0"), 0);
  EXPECT_EQ(checkpointStep("checkpoint-12"), 12);
  for (const char *bad : {"checkpoint-", "checkpoint-01", "checkpoint-1.tmp", "checkpoint--1",
                          "checkpoint-+1", "checkpoint-99999999999999999999", "best-1"})
    EXPECT_FALSE(checkpointStep(bad)) << bad;
}

TEST(Manifest, RefusesWhatItCannotMean) {
  auto parse = [](const Manifest &manifest) {
    return parseManifest(*writeManifest(manifest), "manifest.json");
  };
  Manifest good{7, artifact, {{"a", 5, artifact}}};
  auto back = parse(good);
  ASSERT_TRUE(back) << back.status().message();
  EXPECT_EQ(back->step, 7);
  EXPECT_EQ(back->files[0].bytes, 5u);
  EXPECT_FALSE(parse({7, artifact, {{"../a", 5, artifact}}}));
  EXPECT_FALSE(parse({7, artifact, {{"a", 5, artifact}, {"a", 5, artifact}}}));
  EXPECT_FALSE(parse({7, artifact, {{"a", 5, "short"}}}));
  EXPECT_FALSE(parse({-7, artifact, {}}));
  EXPECT_FALSE(parse({7, "short", {}}));
  EXPECT_FALSE(parse({7, artifact, {{"a", ~0ull, artifact}}}));
  EXPECT_FALSE(parseManifest("{}", "m"));
  EXPECT_FALSE(parseManifest("", "m"));
}
