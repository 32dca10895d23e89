// Probes on features whose answer is known.
#include "assess/Probe.h"
#include "assess/Lbfgs.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

using namespace ftc;
using namespace ftc::assess;

namespace {

/// Two features: the class is whether the first exceeds the second by `margin`; the third is
/// noise.
Features separable(std::int64_t rows, std::uint32_t seed) {
  Features out;
  out.rows = Matrix(rows, 3);
  std::uint32_t state = seed;
  auto next = [&] {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(state >> 8) / 16777216.0f;
  };
  for (std::int64_t i = 0; i < rows; ++i) {
    std::span<float> row = out.rows.row(i);
    row[0] = next();
    row[1] = next();
    row[2] = 40 * next() + 7;
    out.labels.push_back(row[0] > row[1]);
    out.owners.push_back({i, -1});
    out.begins.push_back(i);
  }
  out.begins.push_back(rows);
  return out;
}

double accuracy(const Matrix &logits, const Features &features) {
  double hits = 0;
  for (std::int64_t i = 0; i < logits.rows; ++i)
    hits += (logits.row(i)[1] > logits.row(i)[0]) == (features.labels[i] == 1);
  return hits / static_cast<double>(logits.rows);
}

TEST(Lbfgs, FindsTheMinimumOfAQuadratic) {
  std::vector<float> x{5, -3, 8};
  double reached = minimize(
      [](const std::vector<float> &at, std::vector<float> &gradient) {
        double value = 1;
        for (std::size_t i = 0; i < at.size(); ++i) {
          double scale = std::pow(10.0, static_cast<double>(i)),
                 away = at[i] - static_cast<double>(i);
          value += scale * away * away;
          gradient[i] = static_cast<float>(2 * scale * away);
        }
        return value;
      },
      x, 100);
  EXPECT_NEAR(reached, 1, 1e-3);
  EXPECT_NEAR(x[2], 2, 1e-2);
}

TEST(Probe, ALinearBorderIsFoundWhateverTheScales) {
  Features train = separable(400, 1), queries = separable(300, 2);
  LinearProbe probe = fitLinearProbe({&train, 2});
  EXPECT_GT(accuracy(probe.logits(queries.rows), queries), 0.97);
}

TEST(Probe, NeighboursVote) {
  Features train = separable(800, 3), queries = separable(200, 4);
  for (Features *features : {&train, &queries})
    for (std::int64_t i = 0; i < features->rows.rows; ++i)
      features->rows.row(i)[2] = 0;
  NeighbourProbe probe = fitNeighbours(train, queries, 2);
  EXPECT_GT(accuracy(probe.logits, queries), 0.95);
}

TEST(Probe, SpansAreASoftmaxOverEachWindowsTokens) {
  // In windows of six tokens the answer's first token has feature 0, its last feature 1.
  Features train;
  train.rows.columns = 2;
  std::vector<std::pair<std::int32_t, std::int32_t>> spans;
  for (int w = 0; w < 60; ++w) {
    train.begins.push_back(train.rows.rows);
    std::int32_t first = w % 4, last = first + w % 2;
    spans.emplace_back(first, last);
    for (std::int32_t t = 0; t < 6; ++t) {
      train.rows.values.push_back(t == first ? 1.0f : 0.0f);
      train.rows.values.push_back(t == last ? 1.0f : 0.0f);
      train.owners.push_back({w, t});
      train.labels.push_back(rt::kIgnoredLabel);
      ++train.rows.rows;
    }
  }
  train.begins.push_back(train.rows.rows);
  LinearProbe probe = fitLinearProbe({&train, 2, spans, ProbeLoss::Windows});
  Matrix logits = probe.logits(train.rows);
  for (int w = 0; w < 60; ++w)
    for (std::int32_t t = 0; t < 6; ++t) {
      if (t != spans[w].first)
        EXPECT_GT(logits.row(w * 6 + spans[w].first)[0], logits.row(w * 6 + t)[0]);
      if (t != spans[w].second)
        EXPECT_GT(logits.row(w * 6 + spans[w].second)[1], logits.row(w * 6 + t)[1]);
    }
}

TEST(Probe, SeveralLabelsAreALogisticRegressionEach) {
  Features train = separable(400, 5), queries = separable(300, 6);
  ProbeData data{&train, 2};
  data.loss = ProbeLoss::Sigmoids;
  data.targets = Matrix(train.rows.rows, 2);
  auto labels = [](const Features &features, std::int64_t i) {
    return std::array{features.rows.row(i)[0] > 0.5f,
                      features.rows.row(i)[0] + features.rows.row(i)[1] > 1};
  };
  for (std::int64_t i = 0; i < train.rows.rows; ++i)
    for (int label = 0; label < 2; ++label)
      data.targets.row(i)[label] = labels(train, i)[label] ? 1.0f : 0.0f;
  Matrix logits = fitLinearProbe(data).logits(queries.rows);
  double hits = 0;
  for (std::int64_t i = 0; i < logits.rows; ++i)
    for (int label = 0; label < 2; ++label)
      hits += (logits.row(i)[label] > 0) == labels(queries, i)[label];
  EXPECT_GT(hits / static_cast<double>(2 * logits.rows), 0.96);
}

TEST(Probe, ValuesAreRidgeRegressionInTheirOwnUnits) {
  Features train = separable(400, 7), queries = separable(300, 8);
  ProbeData data{&train, 1};
  data.loss = ProbeLoss::Squares;
  data.targets = Matrix(train.rows.rows, 1);
  auto value = [](const Features &features, std::int64_t i) {
    return 300 + 50 * features.rows.row(i)[0] - 20 * features.rows.row(i)[1];
  };
  for (std::int64_t i = 0; i < train.rows.rows; ++i)
    data.targets.row(i)[0] = value(train, i);
  // Its own solution: standardized features are nearly uncorrelated here, of 400 rows, so that
  // a penalty of 400 would halve the weights and one of 10 leaves them within 3 %.
  LinearProbe weak = fitWithPenalty(data, 10, 60), strong = fitWithPenalty(data, 400, 60);
  EXPECT_NEAR(weak.weights.row(0)[0], 50, 2);
  EXPECT_NEAR(weak.weights.row(1)[0], -20, 2);
  EXPECT_NEAR(strong.weights.row(0)[0], 25, 2.5);
  LinearProbe chosen = fitLinearProbe(data);
  EXPECT_EQ(chosen.penalty, 10); // nothing here is noise
  Matrix found = chosen.logits(queries.rows);
  for (std::int64_t i = 0; i < found.rows; ++i)
    EXPECT_NEAR(found.row(i)[0], value(queries, i), 2);
}

} // namespace
