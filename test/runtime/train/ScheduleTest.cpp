// Schedules against rates recorded from transformers 4.57's get_scheduler at peak 3e-4.
#include "runtime/train/Schedule.h"

#include <gtest/gtest.h>

namespace ftc::rt {
namespace {

struct Recorded {
  const char *type;
  std::int64_t warmup, total, step;
  double rate;
};

// get_scheduler(type, SGD(lr=3e-4), warmup, total), get_last_lr() before each step.
const Recorded kRecorded[] = {
    {"linear", 0, 7, 0, 0.0003},
    {"linear", 0, 7, 1, 0.0002571428571428571},
    {"linear", 0, 7, 2, 0.00021428571428571427},
    {"linear", 0, 7, 3, 0.0001714285714285714},
    {"linear", 0, 7, 6, 4.285714285714285e-05},
    {"linear", 3, 20, 0, 0.0},
    {"linear", 3, 20, 1, 9.999999999999999e-05},
    {"linear", 3, 20, 2, 0.00019999999999999998},
    {"linear", 3, 20, 3, 0.0003},
    {"linear", 3, 20, 10, 0.0001764705882352941},
    {"linear", 3, 20, 19, 1.764705882352941e-05},
    {"linear", 5, 5, 0, 0.0},
    {"linear", 5, 5, 1, 5.9999999999999995e-05},
    {"linear", 5, 5, 2, 0.00011999999999999999},
    {"linear", 5, 5, 3, 0.00017999999999999998},
    {"linear", 5, 5, 4, 0.00023999999999999998},
    {"cosine", 0, 7, 0, 0.0003},
    {"cosine", 0, 7, 1, 0.0002851453301853628},
    {"cosine", 0, 7, 2, 0.00024352347027881003},
    {"cosine", 0, 7, 3, 0.00018337814009344714},
    {"cosine", 0, 7, 6, 1.4854669814637143e-05},
    {"cosine", 3, 20, 0, 0.0},
    {"cosine", 3, 20, 1, 9.999999999999999e-05},
    {"cosine", 3, 20, 2, 0.00019999999999999998},
    {"cosine", 3, 20, 3, 0.0003},
    {"cosine", 3, 20, 10, 0.00019104944851081244},
    {"cosine", 3, 20, 19, 2.554035047414732e-06},
    {"cosine", 5, 5, 0, 0.0},
    {"cosine", 5, 5, 1, 5.9999999999999995e-05},
    {"cosine", 5, 5, 2, 0.00011999999999999999},
    {"cosine", 5, 5, 3, 0.00017999999999999998},
    {"cosine", 5, 5, 4, 0.00023999999999999998},
    {"cosine_with_restarts", 0, 7, 0, 0.0003},
    {"cosine_with_restarts", 0, 7, 1, 0.0002851453301853628},
    {"cosine_with_restarts", 0, 7, 2, 0.00024352347027881003},
    {"cosine_with_restarts", 0, 7, 3, 0.00018337814009344714},
    {"cosine_with_restarts", 0, 7, 6, 1.4854669814637143e-05},
    {"cosine_with_restarts", 3, 20, 0, 0.0},
    {"cosine_with_restarts", 3, 20, 1, 9.999999999999999e-05},
    {"cosine_with_restarts", 3, 20, 2, 0.00019999999999999998},
    {"cosine_with_restarts", 3, 20, 3, 0.0003},
    {"cosine_with_restarts", 3, 20, 10, 0.00019104944851081244},
    {"cosine_with_restarts", 3, 20, 19, 2.554035047414732e-06},
    {"cosine_with_restarts", 5, 5, 0, 0.0},
    {"cosine_with_restarts", 5, 5, 1, 5.9999999999999995e-05},
    {"cosine_with_restarts", 5, 5, 2, 0.00011999999999999999},
    {"cosine_with_restarts", 5, 5, 3, 0.00017999999999999998},
    {"cosine_with_restarts", 5, 5, 4, 0.00023999999999999998},
    {"polynomial", 0, 7, 0, 0.0003},
    {"polynomial", 0, 7, 1, 0.00025715714285714283},
    {"polynomial", 0, 7, 2, 0.0002143142857142857},
    {"polynomial", 0, 7, 3, 0.00017147142857142856},
    {"polynomial", 0, 7, 6, 4.294285714285716e-05},
    {"polynomial", 3, 20, 0, 0.0},
    {"polynomial", 3, 20, 1, 9.999999999999999e-05},
    {"polynomial", 3, 20, 2, 0.00019999999999999998},
    {"polynomial", 3, 20, 3, 0.0003},
    {"polynomial", 3, 20, 10, 0.00017651176470588235},
    {"polynomial", 3, 20, 19, 1.7741176470588236e-05},
    {"constant", 0, 7, 0, 0.0003},
    {"constant", 0, 7, 1, 0.0003},
    {"constant", 0, 7, 2, 0.0003},
    {"constant", 0, 7, 3, 0.0003},
    {"constant", 0, 7, 6, 0.0003},
    {"constant", 3, 20, 0, 0.0003},
    {"constant", 3, 20, 1, 0.0003},
    {"constant", 3, 20, 2, 0.0003},
    {"constant", 3, 20, 3, 0.0003},
    {"constant", 3, 20, 10, 0.0003},
    {"constant", 3, 20, 19, 0.0003},
    {"constant", 5, 5, 0, 0.0003},
    {"constant", 5, 5, 1, 0.0003},
    {"constant", 5, 5, 2, 0.0003},
    {"constant", 5, 5, 3, 0.0003},
    {"constant", 5, 5, 4, 0.0003},
    {"constant_with_warmup", 0, 7, 0, 0.0003},
    {"constant_with_warmup", 0, 7, 1, 0.0003},
    {"constant_with_warmup", 0, 7, 2, 0.0003},
    {"constant_with_warmup", 0, 7, 3, 0.0003},
    {"constant_with_warmup", 0, 7, 6, 0.0003},
    {"constant_with_warmup", 3, 20, 0, 0.0},
    {"constant_with_warmup", 3, 20, 1, 9.999999999999999e-05},
    {"constant_with_warmup", 3, 20, 2, 0.00019999999999999998},
    {"constant_with_warmup", 3, 20, 3, 0.0003},
    {"constant_with_warmup", 3, 20, 10, 0.0003},
    {"constant_with_warmup", 3, 20, 19, 0.0003},
    {"constant_with_warmup", 5, 5, 0, 0.0},
    {"constant_with_warmup", 5, 5, 1, 5.9999999999999995e-05},
    {"constant_with_warmup", 5, 5, 2, 0.00011999999999999999},
    {"constant_with_warmup", 5, 5, 3, 0.00017999999999999998},
    {"constant_with_warmup", 5, 5, 4, 0.00023999999999999998},
};

TEST(Schedule, GivesTheRecordedRates) {
  for (const Recorded &r : kRecorded) {
    Result<Schedule> schedule = Schedule::make(r.type, 3e-4, r.warmup, r.total);
    ASSERT_TRUE(schedule) << schedule.status().message();
    // Doubles in the same order of operations: a few units in the last place.
    EXPECT_NEAR(schedule->rate(r.step), r.rate, 1e-18)
        << r.type << " warmup " << r.warmup << " total " << r.total << " step " << r.step;
  }
}

TEST(Schedule, RefusesOthersByName) {
  for (const std::string &name : Schedule::unsupportedNames()) {
    Result<Schedule> schedule = Schedule::make(name, 1e-3, 0, 10);
    ASSERT_FALSE(schedule);
    EXPECT_EQ(schedule.status().code(), Code::Usage);
    EXPECT_NE(schedule.status().message().find(name), std::string::npos);
  }
  EXPECT_FALSE(Schedule::make("polynomial", 0, 0, 10));
}

TEST(Schedule, ARateOfZeroIsADryRun) {
  Result<Schedule> schedule = Schedule::make("linear", 0, 2, 10);
  ASSERT_TRUE(schedule);
  for (int step = 0; step < 10; ++step)
    EXPECT_EQ(schedule->rate(step), 0);
}

} // namespace
} // namespace ftc::rt
