// What is decided from figures as they stand, and in which order.
#include "assess/Assess.h"

#include <gtest/gtest.h>

using namespace ftc::assess;

namespace {

/// Of texts written: 300 training rows, and a model that reaches `zeroShot` as it is.
Assessment ofTexts(double zeroShot, std::int64_t evaluationRows) {
  Assessment a;
  a.task = "summarization";
  a.metric = {"rougeL", 1};
  a.method = "full";
  a.data.trainRows = 300;
  a.evaluationRows = a.evaluationSize = evaluationRows;
  a.detectable = 4;
  ModelFacts model;
  model.model = "one";
  model.zeroShot = Score{zeroShot, 0.3, evaluationRows};
  a.models.push_back(model);
  return a;
}

TEST(Verdict, ATargetThatAFewRowsReachIsNotSatisfied) {
  Assessment a = ofTexts(100, 10);
  a.target = 90;
  decide(a);
  EXPECT_EQ(a.verdict, Verdict::Inconclusive) << a.reason;
  EXPECT_NE(a.reason.find("Only 10 rows"), std::string::npos) << a.reason;
  a = ofTexts(100, 30);
  a.target = 90;
  decide(a);
  EXPECT_EQ(a.verdict, Verdict::AlreadySatisfies) << a.reason;
}

} // namespace
