// Files and directories: bounds, atomic replacement, what an error leaves behind.
#include "runtime/support/File.h"

#include "runtime/support/MappedFile.h"
#include "runtime/support/OutputFile.h"
#include "test/TemporaryDirectory.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace ftc::rt;
using ftc::test::TemporaryDirectory;

TEST(File, ReadsWithinBound) {
  TemporaryDirectory dir;
  ASSERT_TRUE(writeFileAtomic(dir.file("a"), "hello"));
  EXPECT_EQ(*readFile(dir.file("a"), 5), "hello");
  auto big = readFile(dir.file("a"), 4);
  ASSERT_FALSE(big);
  EXPECT_NE(big.status().message().find("5 bytes, expected at most 4 bytes"),
            std::string::npos);
}

TEST(File, RefusesWhatIsNotAFile) {
  TemporaryDirectory dir;
  EXPECT_NE(readFile(dir.path(), 9).status().message().find("it is a directory"),
            std::string::npos);
  ASSERT_EQ(::mkfifo(dir.file("fifo").c_str(), 0600), 0);
  EXPECT_NE(readFile(dir.file("fifo"), 9).status().message().find("not a regular file"),
            std::string::npos);
  auto missing = readFile(dir.file("no\nsuch"), 9);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.status().message().find("no\\nsuch': No such file"), std::string::npos);
  EXPECT_FALSE(readFile(std::string("a\0b", 3), 9));
}

TEST(File, ShrunkFileIsAnError) {
  TemporaryDirectory dir;
  ASSERT_TRUE(writeFileAtomic(dir.file("a"), std::string(10000, 'x')));
  auto file = File::open(dir.file("a"));
  ASSERT_TRUE(file);
  ASSERT_EQ(::truncate(dir.file("a").c_str(), 100), 0);
  std::string out(10000, ' ');
  Status status = file->readAt(0, out.data(), out.size());
  ASSERT_FALSE(status);
  EXPECT_NE(status.message().find("it ends at byte 100"), std::string::npos);
}

TEST(OutputFile, AbandonedFileIsRemoved) {
  TemporaryDirectory dir;
  {
    auto file = OutputFile::create(dir.file("a"));
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("half"));
    EXPECT_TRUE(isFile(dir.file("a")));
  }
  EXPECT_EQ(pathKind(dir.file("a")), PathKind::Missing);
}

TEST(OutputFile, HashesWhatItWrote) {
  TemporaryDirectory dir;
  auto file = OutputFile::create(dir.file("a"));
  ASSERT_TRUE(file && file->write("ab") && file->write("c") && file->finish());
  EXPECT_EQ(*file->sha256(), *sha256Hex("abc"));
  EXPECT_EQ(*sha256HexOfFile(dir.file("a")), *sha256Hex("abc"));
  EXPECT_EQ(file->size(), 3u);
}

TEST(AtomicFile, OldContentStandsUntilCommit) {
  TemporaryDirectory dir;
  ASSERT_TRUE(writeFileAtomic(dir.file("a"), "old"));
  {
    auto file = AtomicFile::create(dir.file("a"));
    ASSERT_TRUE(file && file->write("new, not committed"));
    EXPECT_EQ(*readFile(dir.file("a"), 99), "old");
  }
  EXPECT_EQ(*readFile(dir.file("a"), 99), "old");
  EXPECT_EQ(listDirectory(dir.path())->size(), 1u);
  ASSERT_TRUE(writeFileAtomic(dir.file("a"), "new"));
  EXPECT_EQ(*readFile(dir.file("a"), 99), "new");
  EXPECT_EQ(listDirectory(dir.path())->size(), 1u);
}

TEST(AtomicFile, ReplacesWhatALinkLeadsTo) {
  TemporaryDirectory dir;
  ASSERT_TRUE(writeFileAtomic(dir.file("a"), "old"));
  ASSERT_EQ(::symlink(dir.file("a").c_str(), dir.file("link").c_str()), 0);
  EXPECT_TRUE(isSameFile(dir.file("a"), dir.file("link")));
  ASSERT_TRUE(writeFileAtomic(dir.file("link"), "new"));
  EXPECT_EQ(*readFile(dir.file("a"), 99), "new");
  EXPECT_EQ(*linkTarget(dir.file("link")), dir.file("a")); // still a link
}

TEST(AtomicFile, MakesWhatALinkLeadsTo) {
  TemporaryDirectory dir;
  ASSERT_TRUE(makeDirectory(dir.file("below")));
  // A chain, by relative names, of which the last does not exist.
  ASSERT_EQ(::symlink("below/second", dir.file("first").c_str()), 0);
  ASSERT_EQ(::symlink("../made", dir.file("below/second").c_str()), 0);
  EXPECT_TRUE(checkWritableFile(dir.file("first")));
  EXPECT_FALSE(isFile(dir.file("made")));
  ASSERT_TRUE(writeFileAtomic(dir.file("first"), "text"));
  EXPECT_EQ(*readFile(dir.file("made"), 99), "text");
  EXPECT_TRUE(isSameFile(dir.file("first"), dir.file("made")));
  EXPECT_NE(*linkTarget(dir.file("first")), dir.file("first"));
  EXPECT_EQ(listDirectory(dir.path())->size(), 3u);
  EXPECT_EQ(listDirectory(dir.file("below"))->size(), 1u);
}

TEST(AtomicFile, RefusesLinksThatLeadNowhere) {
  TemporaryDirectory dir;
  ASSERT_EQ(::symlink("b", dir.file("a").c_str()), 0);
  ASSERT_EQ(::symlink("a", dir.file("b").c_str()), 0);
  ASSERT_EQ(::symlink("no/where", dir.file("c").c_str()), 0);
  for (const char *name : {"a", "c"}) {
    EXPECT_FALSE(checkWritableFile(dir.file(name))) << name;
    EXPECT_FALSE(writeFileAtomic(dir.file(name), "text")) << name;
  }
  EXPECT_NE(checkWritableFile(dir.file("a")).message().find("follow the link"),
            std::string::npos);
  EXPECT_EQ(listDirectory(dir.path())->size(), 3u);
}

TEST(AtomicFile, WritesIntoAPipe) {
  TemporaryDirectory dir;
  std::string path = dir.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  Status status = writeFileAtomic(path, "lines");
  EXPECT_TRUE(status) << status.message();
  char got[9] = {};
  EXPECT_EQ(::read(reader, got, sizeof got), 5);
  EXPECT_EQ(std::string(got), "lines");
  ::close(reader);
  EXPECT_EQ(pathKind(path), PathKind::Other);
  EXPECT_EQ(listDirectory(dir.path())->size(), 1u);
}

TEST(AtomicFile, NeedsNoNameThatOthersCouldTake) {
  TemporaryDirectory dir;
  ASSERT_TRUE(writeFileAtomic(dir.file("victim"), "keep"));
  std::string process = std::to_string(::getpid());
  for (std::string name : {"a.tmp", "a.0-0.tmp"})
    ASSERT_EQ(::symlink(dir.file("victim").c_str(), dir.file(name).c_str()), 0);
  for (int n = 0; n < 3; ++n)
    ASSERT_EQ(::symlink(dir.file("victim").c_str(),
                        dir.file("a." + process + "-" + std::to_string(n) + ".tmp").c_str()),
              0);
  std::size_t before = listDirectory(dir.path())->size();
  {
    // Two writers of one file: each has its own, the last commit stands.
    auto one = AtomicFile::create(dir.file("a")), two = AtomicFile::create(dir.file("a"));
    ASSERT_TRUE(one && two && one->write("one") && two->write("two"));
    ASSERT_TRUE(two->commit());
    EXPECT_EQ(*readFile(dir.file("a"), 99), "two");
    ASSERT_TRUE(one->commit());
    EXPECT_EQ(*readFile(dir.file("a"), 99), "one");
  }
  EXPECT_EQ(*readFile(dir.file("victim"), 99), "keep");
  EXPECT_EQ(listDirectory(dir.path())->size(), before + 1);
  EXPECT_FALSE(writeFileAtomic(dir.file("none/a"), "x"));
}

TEST(AtomicFile, AKilledProcessLeavesNoName) {
  TemporaryDirectory dir;
  pid_t child = ::fork();
  if (child == 0) {
    auto file = AtomicFile::create(dir.file("a"));
    ::_exit(file && file->write("half") && ::kill(::getpid(), SIGKILL) == 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  for (const std::string &name : *listDirectory(dir.path())) // only where O_TMPFILE is not known
    EXPECT_EQ(temporaryStem(name), "a");
  int unnamed = ::open(dir.path().c_str(), O_WRONLY | O_TMPFILE, 0600);
  if (unnamed >= 0)
    EXPECT_EQ(listDirectory(dir.path())->size(), 0u);
  ::close(unnamed);
}

TEST(AtomicFile, LeftoversAreRecognised) {
  EXPECT_EQ(temporaryStem("a.json.12-0.tmp"), "a.json");
  for (const char *name : {"a.tmp", "a.json.tmp", "12-0.tmp", "a.12.tmp", "a.-0.tmp", "a.12-.tmp",
                           "a.1x-0.tmp", "a.12-0", "a.12-0.tmpx", ""})
    EXPECT_EQ(temporaryStem(name), "") << name;
}

TEST(OutputFile, NoSpaceNamesBytesNeeded) {
  TemporaryDirectory dir;
  auto file = OutputFile::create(dir.file("a"), 5000);
  ASSERT_TRUE(file);
  // A limit on file size stands in for a full disk: EFBIG takes the same path as ENOSPC.
  struct rlimit before, small;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  small = before;
  small.rlim_cur = 1000;
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  Status status = file->write(std::string(2000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status);
  EXPECT_NE(status.message().find("4000 bytes (3.9 KiB) more are needed"), std::string::npos)
      << status.message();
}

TEST(MappedFile, MapsAndDropsPages) {
  TemporaryDirectory dir;
  std::string content(100000, 'q');
  ASSERT_TRUE(writeFileAtomic(dir.file("a"), content));
  ASSERT_TRUE(writeFileAtomic(dir.file("empty"), ""));
  auto mapped = MappedFile::open(dir.file("a"));
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->text(), content);
  mapped->dropPages(0, 100000);
  mapped->dropPages(99999999, 1);
  EXPECT_EQ(mapped->text(), content);
  EXPECT_EQ(MappedFile::open(dir.file("empty"))->size(), 0u);
  EXPECT_FALSE(MappedFile::open(dir.file("none")));
}

TEST(MappedFileDeathTest, BusErrorExitsWithOneLine) {
  TemporaryDirectory dir;
  ASSERT_TRUE(writeFileAtomic(dir.file("a"), std::string(100000, 'q')));
  auto mapped = MappedFile::open(dir.file("a"));
  ASSERT_TRUE(mapped);
  EXPECT_EXIT(
      {
        installBusErrorHandler();
        if (::truncate(dir.file("a").c_str(), 0) != 0)
          ::_exit(3);
        volatile char c = mapped->text()[50000];
        (void)c;
      },
      testing::ExitedWithCode(1), "error: a mapped file could not be read");
}

TEST(FileSystem, Paths) {
  EXPECT_EQ(parentDirectory("a/b/c"), "a/b");
  EXPECT_EQ(parentDirectory("a/b//"), "a");
  EXPECT_EQ(parentDirectory("c"), ".");
  EXPECT_EQ(parentDirectory("/c"), "/");
  EXPECT_EQ(baseName("a/b/"), "b");
  EXPECT_EQ(baseName("b"), "b");
  EXPECT_EQ(joinPath("a/", "b"), "a/b");
  EXPECT_TRUE(isBareFileName("model-1.safetensors"));
  for (const char *bad : {"", ".", "..", "a/b", "/etc/passwd"})
    EXPECT_FALSE(isBareFileName(bad)) << bad;
}

TEST(FileSystem, TreesAreMadeAndRemoved) {
  TemporaryDirectory dir, outside;
  ASSERT_TRUE(makeDirectories(dir.file("x/y/z")));
  ASSERT_TRUE(makeDirectories(dir.file("x/y/z")));
  EXPECT_FALSE(makeDirectory(dir.file("x")));
  ASSERT_TRUE(writeFileAtomic(outside.file("keep"), "1"));
  ASSERT_EQ(::symlink(outside.path().c_str(), dir.file("x/y/link").c_str()), 0);
  ASSERT_TRUE(writeFileAtomic(dir.file("x/y/f"), "1"));
  ASSERT_TRUE(removeTree(dir.file("x")));
  EXPECT_EQ(pathKind(dir.file("x")), PathKind::Missing);
  EXPECT_TRUE(isFile(outside.file("keep")));
  EXPECT_TRUE(removeTree(dir.file("x")));
  EXPECT_FALSE(listDirectory(dir.file("x")));
}
