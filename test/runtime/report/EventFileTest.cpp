// Event files: frames, tags, names. test/e2e/test_events.py reads whole files back.
#include "runtime/report/EventFile.h"
#include "runtime/support/Crc32c.h"
#include "runtime/support/FileSystem.h"
#include "test/TemporaryDirectory.h"

#include <gtest/gtest.h>

#include <limits>

namespace ftc::rt {
namespace {

TEST(Crc32c, AnswersOfRfc3720) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
}

TEST(EventFile, FramesARecord) {
  // As TensorFlow's own writer frames it: length, its masked checksum, data, its masked
  // checksum.
  std::string frame = frameRecord("abc");
  ASSERT_EQ(frame.size(), 8u + 4 + 3 + 4);
  EXPECT_EQ(frame.substr(0, 8), std::string("\3\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(frame.substr(12, 3), "abc");
  std::uint32_t crc = crc32c("abc"), masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(static_cast<unsigned char>(frame[15 + i]), (masked >> (8 * i)) & 0xFF);
}

TEST(EventFile, TagsAreTransformersOwn) {
  EXPECT_EQ(eventTag("loss"), "train/loss");
  EXPECT_EQ(eventTag("eval_loss"), "eval/loss");
  EXPECT_EQ(eventTag("test_f1"), "test/f1");
  EXPECT_EQ(eventTag("train_runtime"), "train/train_runtime");
}

TEST(EventFile, EachProcessHasAFileOfItsOwn) {
  test::TemporaryDirectory directory;
  std::string logs = joinPath(directory.path(), "a/b");
  Result<EventFile> first = EventFile::create(logs, 0), second = EventFile::create(logs, 3);
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->path(), second->path());
  EXPECT_LT(first->path(), second->path());
  OrderedJson entry = {{"loss", std::numeric_limits<double>::quiet_NaN()},
                       {"eval_perplexity", 1e300},
                       {"name", "a text"},
                       {"list", {1, 2}},
                       {"step", 7}};
  EXPECT_TRUE(first->addEntry(entry).isOk());
  Result<std::string> bytes = readFile(first->path(), 1 << 20);
  ASSERT_TRUE(bytes);
  EXPECT_NE(bytes->find("eval/perplexity"), std::string::npos);
  EXPECT_NE(bytes->find("train/name/text_summary"), std::string::npos);
  EXPECT_EQ(bytes->find("train/list"), std::string::npos);
  EXPECT_EQ(bytes->find("train/step"), std::string::npos);
}

} // namespace
} // namespace ftc::rt
