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

TEST(Verdict, WhatARunWasSeenToReachNeedsNoMoreData) {
  for (double seen : {94.0, 96.0}) {
    Assessment a = ofTexts(0, 60);
    a.target = 95;
    ModelFacts &model = a.models.front();
    model.tunedCurve = {{300, seen, 0.3}};
    model.tunedAtAll = around(90, 0.5);
    decide(a);
    EXPECT_EQ(a.verdict == Verdict::NeedData, seen < 95) << a.reason;
  }
}

TEST(Verdict, NoMoreDataIsNeededWhereAnyIntervalReachesTheTarget) {
  for (double high : {90.0, 100.0}) {
    Assessment a = ofTexts(0, 1500);
    a.target = 95;
    ModelFacts &model = a.models.front();
    model.zeroShot.reset();
    model.linearProbe = Score{75, 2, 1500};
    model.probeAtAll = around(81.7, 6); // to 91.6
    model.tunedCurve = {{32, 57.7, 2}};
    model.tunedAtAll = around(57.7, 6);
    model.tunedAtAll->high = high;
    decide(a);
    EXPECT_EQ(a.verdict == Verdict::NeedData, high < 95) << a.reason;
  }
}

TEST(Verdict, NothingBeatsAnEvaluationOfOneLabel) {
  Assessment a = ofTexts(100, 200);
  a.baselines = {{"the most frequent label", Score{100, 0, 200}}};
  decide(a);
  EXPECT_EQ(a.verdict, Verdict::Inconclusive) << a.reason;
  EXPECT_NE(a.reason.find("they have one label"), std::string::npos) << a.reason;
}

TEST(Verdict, ACommandIsOfTheRunThatWasAssessed) {
  Assessment a = ofTexts(20, 1500);
  a.recipe.learningRate = 0.00012345678;
  a.runFlags = " --validation_file v.csv --seed 7";
  ModelFacts &model = a.models.front();
  model.tunedCurve = {{300, 60, 0.3}};
  model.tunedAtAll = around(60, 0.5);
  decide(a);
  EXPECT_EQ(a.verdict, Verdict::FineTune) << a.reason;
  EXPECT_NE(a.next.find(" --learning_rate 0.00012345678 "), std::string::npos) << a.next;
  EXPECT_NE(a.next.find(" --validation_file v.csv --seed 7"), std::string::npos) << a.next;
}

TEST(Verdict, AProbeSufficesOnlyWhereTuningCannotAddMuch) {
  Assessment a = ofTexts(0, 763);
  a.detectable = 16.8;
  ModelFacts &model = a.models.front();
  model.zeroShot.reset();
  model.linearProbe = Score{22.4, 2, 763};
  model.probeAtAll = around(33.6, 2);
  model.tunedCurve = {{213, 26.7, 2}};
  model.tunedAtAll = around(37.7, 9); // to 52.5
  decide(a);
  EXPECT_EQ(a.verdict, Verdict::Inconclusive) << a.reason;
  model.tunedAtAll = around(37.7, 0.4); // to 38.4
  decide(a);
  EXPECT_EQ(a.verdict, Verdict::ProbeSuffices) << a.reason;
  model.tunedAtAll = around(37.7, 9);
  a.detectable = 3;
  decide(a);
  EXPECT_EQ(a.verdict, Verdict::FineTune) << a.reason;
}

TEST(Verdict, AnotherModelIsComparedByWhatWasMeasuredOfBoth) {
  Assessment a = ofTexts(10, 100);
  a.models.front().zeroShot.reset();
  a.models.front().tunedCurve = {{300, 40, 1}};
  a.models.push_back(a.models.front());
  a.models[1].model = "two";
  a.models[1].tunedCurve = {{300, 60, 1}};
  decide(a);
  EXPECT_EQ(a.verdict, Verdict::WrongModel) << a.reason;
  EXPECT_EQ(a.reason.find("A short run of two reaches rougeL 60.0, one of this model 40.0: "),
            0u)
      << a.reason;
  a.metric.name = "accuracy";
  a.models[0].linearProbe = Score{30, 1, 100};
  a.models[1].linearProbe = Score{70, 1, 100};
  a.models[1].tunedCurve.clear();
  decide(a);
  EXPECT_EQ(a.verdict, Verdict::WrongModel) << a.reason;
  EXPECT_EQ(
      a.reason.find("two's frozen features reach accuracy 70.0, this model's 30.0 and its "
                    "short runs 40.0: "),
      0u)
      << a.reason;
}

} // namespace
