// A run that goes on: steps without a label that counts are no updates, and two parts give the
// bits of one.
#include "assess/Runs.h"
#include "test/TemporaryDirectory.h"

#include <gtest/gtest.h>

#include <fstream>

using namespace ftc;
using namespace ftc::assess;

namespace {

const std::string kModel =
    FTC_SOURCE_DIR "/test/oracle/recordings/bert-text-classification/model";

/// A small BERT without dropout, compiled; one example of it; and one without a label.
struct RunsTest : testing::Test {
  void SetUp() override {
    std::ofstream(directory.file("rows.csv")) << "text,label\nlo un zo,a\nmi fo xi ka,b\n";
    CompileOptions options;
    options.model = kModel;
    options.task = "text-classification";
    options.trainFile = {directory.file("rows.csv")};
    rt::Result<CompiledMethod> made = compileMethod(options, "full", directory.file("s.ftb"));
    ASSERT_TRUE(made) << made.status().message();
    compiled = made.take();
    recipe = {.epochs = 1, .batchSize = 1, .learningRate = 1e-3, .threads = 1};
    std::unique_ptr<rt::Session> session = open();
    auto set = rt::readDataSet(*session, options.trainFile, {}, true, -1);
    ASSERT_TRUE(set) << set.status().message();
    rt::Result<EncodedRows> rows = encodeRows(*session, **set, {}, {0, 1});
    ASSERT_TRUE(rows) << rows.status().message();
    labelled = rows->all()[0];
    unlabelled = rows->all()[1];
    unlabelled.labels = {rt::kIgnoredLabel};
  }

  std::unique_ptr<rt::Session> open() const {
    auto opened = openSession(compiled, recipe, {"train_accumulate", "apply"});
    EXPECT_TRUE(opened) << opened.status().message();
    return opened.take();
  }

  Trained train(rt::Session &session, const std::vector<rt::Example> &examples, double epochs,
                const Course &course) const {
    Recipe once = recipe;
    once.epochs = epochs;
    rt::Result<Trained> done = trainRows(session, examples, once, {}, course);
    EXPECT_TRUE(done) << done.status().message();
    return done.take();
  }

  static std::vector<float> weights(const rt::Session &session) {
    std::vector<float> all;
    for (std::uint32_t i = 0; i < (*session.artifact)->parameters()->size(); ++i) {
      std::vector<float> values(
          static_cast<std::size_t>(session.executor->parameterElements(i)));
      EXPECT_TRUE(session.executor->storeParameter(i, values));
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

  test::TemporaryDirectory directory;
  CompiledMethod compiled;
  Recipe recipe;
  rt::Example labelled, unlabelled;
};

TEST_F(RunsTest, AStepWithoutALabelIsNoUpdate) {
  std::unique_ptr<rt::Session> session = open();
  Trained all = train(*session, {labelled, unlabelled}, 2, {});
  EXPECT_EQ(all.steps, 4);
  EXPECT_EQ(all.updates, 2);
  EXPECT_EQ(all.examples, 4);
  all.add(train(*session, {labelled}, 3, {}));
  EXPECT_EQ(all.steps, 7);
  EXPECT_EQ(all.updates, 5);
}

TEST_F(RunsTest, GoesOnAfterTheUpdatesOfBefore) {
  std::unique_ptr<rt::Session> whole = open();
  train(*whole, {labelled}, 3, {.schedule = "constant"});
  std::unique_ptr<rt::Session> parts = open();
  Trained first = train(*parts, {labelled, unlabelled}, 1, {.schedule = "constant"});
  train(*parts, {labelled}, 2,
        {.schedule = "constant", .steps = first.steps, .updates = first.updates});
  std::vector<float> reached = weights(*whole);
  EXPECT_EQ(reached, weights(*parts));
  EXPECT_NE(reached, weights(*open()));
  // Moments as of a step more are other weights.
  std::unique_ptr<rt::Session> late = open();
  train(*late, {labelled}, 1, {.schedule = "constant"});
  train(*late, {labelled}, 2, {.schedule = "constant", .steps = 2, .updates = 2});
  EXPECT_NE(reached, weights(*late));
}

TEST_F(RunsTest, BothPartsOfAFileHaveOneTable) {
  std::ofstream file(directory.file("split.csv"));
  file << "text,label\n";
  for (int row = 0; row < 20; ++row)
    file << "lo un zo," << (row % 2 ? "a\n" : "b\n");
  file.close();
  rt::TrainSettings settings;
  settings.trainFile = {directory.file("split.csv")};
  settings.validationSplitPercentage = 20;
  std::unique_ptr<rt::Session> session = open();
  auto data = rt::readRunData(*session, settings);
  ASSERT_TRUE(data) << data.status().message();
  EXPECT_EQ((*data)->train->size(), 16);
  EXPECT_EQ((*data)->validation->size(), 4);
  EXPECT_EQ((*data)->train->table, (*data)->validation->table);
  EXPECT_EQ((*data)->train->table->rows(), 20);
}

} // namespace
