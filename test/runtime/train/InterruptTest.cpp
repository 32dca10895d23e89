// The first signal asks, the second ends the process, each with its line.
#include "runtime/train/Interrupt.h"

#include <csignal>

namespace ftc::rt {
namespace {

TEST(Interrupt, TheFirstSignalAsks) {
  testing::internal::CaptureStderr();
  {
    InterruptScope scope("stopping\n", "stopped\n");
    EXPECT_EQ(interruptSignal(), 0);
    std::raise(SIGINT);
    EXPECT_EQ(interruptSignal(), SIGINT);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "stopping\n");
  InterruptScope next("", "");
  EXPECT_EQ(interruptSignal(), 0) << "of the scope before";
}

TEST(InterruptDeathTest, TheSecondEndsTheProcess) {
  auto twice = [](int first, int second) {
    InterruptScope scope("stopping\n", "stopped\n");
    std::raise(first);
    std::raise(second);
  };
  EXPECT_EXIT(twice(SIGTERM, SIGTERM), testing::ExitedWithCode(1), "^stopping\nstopped\n$");
  EXPECT_EXIT(twice(SIGINT, SIGTERM), testing::ExitedWithCode(1), "^stopping\nstopped\n$");
}

TEST(InterruptDeathTest, BehindTheScopeASignalIsWhatItWas) {
  auto after = [] {
    {
      InterruptScope scope("stopping\n", "stopped\n");
    }
    std::raise(SIGTERM);
  };
  EXPECT_EXIT(after(), testing::KilledBySignal(SIGTERM), "^$");
}

} // namespace
} // namespace ftc::rt
