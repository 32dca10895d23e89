// ScratchFile: what is appended stays, large pieces have chunks of their own, nothing has a name.
#include "runtime/support/ScratchFile.h"

#include "test/TemporaryDirectory.h"

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace ftc::rt;

namespace {

/// `bytes` at `address`, all of one value.
bool holds(const std::byte *address, std::int64_t bytes, int value) {
  for (std::int64_t i = 0; i < bytes; ++i)
    if (address[i] != std::byte(value))
      return false;
  return true;
}

TEST(ScratchFile, KeepsWhatIsAppendedWhereItIs) {
  ftc::test::TemporaryDirectory directory;
  auto file = ScratchFile::make(directory.path());
  ASSERT_TRUE(file) << file.status().message();
  // Pieces within a chunk, larger than the next one would be, and larger than any.
  const std::int64_t sizes[] = {1, 60'000'000, 30'000'000, 70'000'000, 0, 12345};
  std::vector<std::byte *> places;
  for (int i = 0; i < 6; ++i) {
    places.push_back((*file)->append(sizes[i]));
    ASSERT_NE(places[i], nullptr) << i;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(places[i]) % 64, 0u);
    EXPECT_TRUE(holds(places[i], sizes[i], 0)) << i;
    std::memset(places[i], i + 1, static_cast<std::size_t>(sizes[i]));
  }
  for (int i = 0; i < 6; ++i)
    EXPECT_TRUE(holds(places[i], sizes[i], i + 1)) << i;
  EXPECT_GE((*file)->bytes(), 160'012'346);
  EXPECT_LE((*file)->bytes(), 300'000'000);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(ScratchFile, SaysWhenThereIsNoRoom) {
  ftc::test::TemporaryDirectory directory;
  auto file = ScratchFile::make(directory.path());
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_EQ((*file)->append(std::int64_t(1) << 60), nullptr);
  EXPECT_EQ((*file)->append(1), nullptr) << "full is full";

  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  auto limited = ScratchFile::make(directory.path());
  rlimit small{1 << 19, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::byte *place = (*limited)->append(1);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(place, nullptr);
}

/// Who asks can do without: what else the process needs must not fail for it.
TEST(ScratchFile, LeavesHalfOfTheAddresses) {
  constexpr rlim_t mebibyte = 1 << 20;
  rlimit before{};
  getrlimit(RLIMIT_AS, &before);
  for (bool fits : {true, false}) {
    ftc::test::TemporaryDirectory directory;
    auto file = ScratchFile::make(directory.path());
    ASSERT_TRUE(file) << file.status().message();
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlim_t used = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
    // The first chunk takes 1 MiB, which either limit has.
    rlimit small{used + (fits ? 3 * mebibyte : 3 * mebibyte / 2), before.rlim_max};
    setrlimit(RLIMIT_AS, &small);
    std::byte *place = (*file)->append(1);
    setrlimit(RLIMIT_AS, &before);
    EXPECT_EQ(place != nullptr, fits);
    EXPECT_EQ((*file)->append(1) != nullptr, fits) << "full is full";
  }
}

TEST(ScratchFile, NamesADirectoryThatTakesNone) {
  auto file = ScratchFile::make("/nowhere/at all");
  ASSERT_FALSE(file);
  EXPECT_NE(file.status().message().find("/nowhere/at all"), std::string::npos);
}

} // namespace
