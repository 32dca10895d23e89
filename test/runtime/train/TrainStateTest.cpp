// State, best model, results and output directory: exact round trips and transformers' rules.
#include "runtime/train/TrainState.h"
#include "runtime/train/BestModel.h"
#include "runtime/train/Checkpointing.h"
#include "runtime/train/OutputDirectory.h"
#include "runtime/train/Results.h"
#include "runtime/train/RunData.h"
#include "runtime/train/Weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

namespace ftc::rt {
namespace {

TrainState sampleState() {
  TrainState state;
  state.step = 12;
  state.updates = 11;
  state.skipped = 1;
  state.lastLogged = 10;
  state.lossSinceLog = 0.1 + 0.2; // no short decimal form
  state.lossTotal = 1.0 / 3;
  state.tokens = 12345;
  state.bestMetric = 0.1234567890123456789;
  state.bestStep = 8;
  state.logHistory.push_back({{"loss", 1.0 / 7}, {"step", 10}});
  return state;
}

TEST(TrainState, RoundTripsBitForBit) {
  TrainState state = sampleState();
  std::string text = dumpJson(state.toJson(), 1);
  Result<Json> json = parseJson(text, "state");
  ASSERT_TRUE(json);
  Result<TrainState> again = TrainState::fromJson(*json, "state");
  ASSERT_TRUE(again) << again.status().message();
  EXPECT_EQ(dumpJson(again->toJson(), 1), text);
  EXPECT_EQ(again->lossSinceLog, state.lossSinceLog);
  EXPECT_EQ(*again->bestMetric, *state.bestMetric);
}

TEST(TrainState, RefusesALostOrWrongField) {
  OrderedJson whole = sampleState().toJson();
  for (const auto &[name, value] : whole.items()) {
    if (name == "best_metric")
      continue; // absent means that there is none
    OrderedJson broken = whole;
    broken.erase(name);
    Json json = Json::parse(broken.dump());
    EXPECT_FALSE(TrainState::fromJson(json, "state")) << name;
    broken[name] = "text";
    json = Json::parse(broken.dump());
    EXPECT_FALSE(TrainState::fromJson(json, "state")) << name;
  }
}

TEST(TrainState, HasTransformersShape) {
  TrainerFacts facts;
  facts.maxSteps = 20;
  OrderedJson json = trainerStateJson(sampleState(), facts);
  // The fields of transformers 4.57's TrainerState.
  for (const char *name : {"best_global_step",
                           "best_metric",
                           "best_model_checkpoint",
                           "epoch",
                           "eval_steps",
                           "global_step",
                           "is_hyper_param_search",
                           "is_local_process_zero",
                           "is_world_process_zero",
                           "log_history",
                           "logging_steps",
                           "max_steps",
                           "num_input_tokens_seen",
                           "num_train_epochs",
                           "save_steps",
                           "stateful_callbacks",
                           "total_flos",
                           "train_batch_size",
                           "trial_name",
                           "trial_params"})
    EXPECT_TRUE(json.contains(name)) << name;
  EXPECT_EQ(json.size(), 20u);
}

TEST(BestModel, FollowsTransformersInference) {
  TrainSettings settings;
  settings.metricForBestModel = "accuracy";
  settings.earlyStoppingPatience = 2;
  Result<BestModel> best = BestModel::make(settings);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->metric(), "eval_accuracy");
  TrainState state;
  // accuracy: greater is better; the third and fourth bring nothing.
  const double values[] = {0.5, 0.7, 0.7, 0.6};
  for (double value : values) {
    ++state.step;
    EXPECT_FALSE(state.stopped);
    ASSERT_TRUE(best->take({{"eval_accuracy", value}, {"eval_loss", 1.0}}, state));
  }
  EXPECT_EQ(state.bestStep, 2);
  EXPECT_TRUE(state.stopped);
  Status missing = best->take({{"eval_loss", 1.0}}, state);
  EXPECT_NE(missing.message().find("'eval_loss'"), std::string::npos);
}

TEST(BestModel, LossIsBetterWhenLess) {
  TrainSettings settings;
  settings.loadBestModelAtEnd = true;
  Result<BestModel> best = BestModel::make(settings);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->metric(), "eval_loss");
  TrainState state;
  for (double value : {1.0, 0.5, 0.8}) {
    ++state.step;
    ASSERT_TRUE(best->take({{"eval_loss", value}}, state));
  }
  EXPECT_EQ(state.bestStep, 2);
  settings.saveStrategy = "no";
  EXPECT_EQ(BestModel::make(settings).status().code(), Code::Usage);
}

TEST(BestModel, ChecksTheMetricsName) {
  const std::string names[] = {"accuracy", "f1"};
  TrainSettings settings;
  auto check = [&](const char *metric) {
    settings.metricForBestModel = metric;
    Result<BestModel> best = BestModel::make(settings);
    return best ? best->check(names) : best.takeStatus();
  };
  for (const char *good : {"", "loss", "eval_loss", "accuracy", "eval_f1"})
    EXPECT_TRUE(check(good)) << good;
  for (const char *bad : {"acuracy", "runtime", "eval_samples_per_second", "epoch", "step"})
    EXPECT_EQ(check(bad).code(), Code::Usage) << bad;
  EXPECT_EQ(check("eval_runtime").message(), "--metric_for_best_model: expected one of 'loss', "
                                             "'accuracy', 'f1', got 'runtime'");
}

TEST(DataSet, FingerprintIsOfWhatTrainingSees) {
  auto fingerprint = [](std::string_view text, std::vector<std::int64_t> rows) {
    DataSet set;
    set.table = std::make_shared<DataTable>(parseData("train.csv", std::string(text)).take());
    set.columns.text = *set.table->findColumn("text");
    set.columns.label = *set.table->findColumn("label");
    set.rows = std::move(rows);
    return set.fingerprint().take();
  };
  std::string_view data = "text,label\nab,c\nd,e\nf,g\n";
  std::string base = fingerprint(data, {0, 1});
  EXPECT_EQ(base.size(), 64u);
  // Other columns and unused rows do not matter, nor does the format of the file.
  EXPECT_EQ(fingerprint("id,text,label\n7,ab,c\n8,d,e\n", {0, 1}), base);
  EXPECT_NE(fingerprint(data, {1, 0}), base);
  EXPECT_NE(fingerprint(data, {0, 1, 2}), base);
  EXPECT_NE(fingerprint("text,label\nab,c\nd,g\n", {0, 1}), base);
  EXPECT_NE(fingerprint("text,label\nabd,c\n\"\",e\n", {0, 1}), base);
}

TEST(RunIdentity, NamesTheFileWhoseDataDiffers) {
  RunIdentity one, other;
  one.trainData = "aa";
  other.trainData = "bb";
  Json json = Json::parse(one.toJson().dump());
  EXPECT_TRUE(one.compare(json, "state"));
  EXPECT_NE(other.compare(json, "state").message().find("--train_file"), std::string::npos);
  json.erase("train_data");
  EXPECT_NE(one.compare(json, "state").message().find("not recorded"), std::string::npos);
}

TEST(RunIdentity, NamesTheFlagThatDiffers) {
  RunIdentity one, other;
  one.batchSize = 8;
  other.batchSize = 16;
  Json json = Json::parse(one.toJson().dump());
  EXPECT_TRUE(one.compare(json, "state"));
  Status status = other.compare(json, "state");
  EXPECT_NE(status.message().find("--per_device_train_batch_size was 8 and is now 16"),
            std::string::npos)
      << status.message();
}

TEST(Results, AreSortedAndRounded) {
  std::string directory = (std::filesystem::path(testing::TempDir()) / "ftrt-results").string();
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  OrderedJson metrics;
  metrics["train_loss"] = 0.25;
  addSpeed(metrics, "train", 2.00004, 100, 10);
  ASSERT_TRUE(writeResults(directory, "train_results.json", metrics));
  std::ifstream file(directory + "/train_results.json");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, "{\n    \"train_loss\": 0.25,\n    \"train_runtime\": 2.0,\n"
                  "    \"train_samples_per_second\": 49.999,\n"
                  "    \"train_steps_per_second\": 5.0\n}\n");
}

TEST(OutputDirectory, RefusesWhatIsNotEmptyAndOverwritesOnlyItsOwn) {
  std::filesystem::path directory = std::filesystem::path(testing::TempDir()) / "ftrt-out";
  std::filesystem::remove_all(directory);
  TrainSettings settings;
  settings.outputDir = directory.string();
  EXPECT_TRUE(checkOutputDirectory(settings));
  EXPECT_FALSE(std::filesystem::exists(directory));
  FileDescriptor first;
  ASSERT_TRUE(prepareOutputDirectory(settings, first));
  EXPECT_GE(first.get(), 0);
  EXPECT_FALSE(lockOutputDirectory(settings.outputDir));
  first.reset();
  std::ofstream(directory / "mine.txt") << "keep";
  std::ofstream(directory / "eval_results.json") << "{}";
  std::filesystem::create_directories(directory / "checkpoint-3");
  std::filesystem::create_directories(directory / "checkpoint-x");
  EXPECT_FALSE(checkOutputDirectory(settings));
  settings.overwriteOutputDir = true;
  ASSERT_TRUE(checkOutputDirectory(settings));
  Result<FileDescriptor> lock = lockOutputDirectory(settings.outputDir);
  ASSERT_TRUE(lock);
  ASSERT_TRUE(prepareOutputDirectory(settings, *lock));
  EXPECT_TRUE(std::filesystem::exists(directory / "mine.txt"));
  EXPECT_TRUE(std::filesystem::exists(directory / "checkpoint-x"));
  EXPECT_FALSE(std::filesystem::exists(directory / "checkpoint-3"));
  EXPECT_FALSE(std::filesystem::exists(directory / "eval_results.json"));
}

/// Nothing was there when a run looked for a checkpoint: what came since is not written over.
TEST(OutputDirectory, WhatAnotherRunWroteMeanwhileIsKept) {
  std::filesystem::path directory = std::filesystem::path(testing::TempDir()) / "ftrt-late";
  std::filesystem::remove_all(directory);
  TrainSettings settings;
  settings.outputDir = directory.string();
  settings.resumeFromCheckpoint = "true";
  Result<FileDescriptor> lock = lockOutputDirectory(settings.outputDir);
  ASSERT_TRUE(lock);
  EXPECT_LT(lock->get(), 0);
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "model.safetensors") << "another's";
  EXPECT_FALSE(prepareOutputDirectory(settings, *lock));
  std::filesystem::remove(directory / "model.safetensors");
  FileDescriptor fresh;
  lock->reset();
  EXPECT_TRUE(prepareOutputDirectory(settings, fresh));
}

TEST(Weights, InitialValuesAreNormalAndFixed) {
  double sum = 0, squares = 0;
  constexpr int count = 20000;
  for (int i = 0; i < count; ++i) {
    double value = initialNormal(42, 7, i, 0.02);
    sum += value;
    squares += value * value;
  }
  // Mean within 4 standard errors of 0, standard deviation within 3 %.
  EXPECT_LT(std::fabs(sum / count), 4 * 0.02 / std::sqrt(count));
  EXPECT_NEAR(std::sqrt(squares / count), 0.02, 0.0006);
  EXPECT_EQ(initialNormal(42, 7, 5, 0.02), initialNormal(42, 7, 5, 0.02));
  EXPECT_NE(initialNormal(42, 7, 5, 0.02), initialNormal(42, 8, 5, 0.02));
  EXPECT_NE(initialNormal(42, 7, 5, 0.02), initialNormal(43, 7, 5, 0.02));
}

} // namespace
} // namespace ftc::rt
