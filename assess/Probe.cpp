// One objective serves all heads: a linear map, whose outputs a loss turns into its gradient.
#include "assess/Probe.h"

#include "assess/Lbfgs.h"

#include <algorithm>
#include <cmath>

namespace ftc::assess {

namespace {

/// Of the summed loss; from strong to weak. Features have variance 1.
constexpr double kPenalties[] = {100, 30, 10, 3, 1};
/// Of squares, whose targets have variance 1 and mostly noise of nearly that.
constexpr double kRidgePenalties[] = {10000, 3000, 1000, 300, 100, 30, 10};
constexpr int kTrialIterations = 25;
constexpr std::int64_t kFolds = 5;

struct Standard {
  std::vector<float> mean, scale;
};

Standard standardOf(const Matrix &rows) {
  Standard out{std::vector<float>(rows.columns), std::vector<float>(rows.columns)};
  std::vector<double> sum(rows.columns), squares(rows.columns);
  for (std::int64_t i = 0; i < rows.rows; ++i)
    for (std::int64_t j = 0; j < rows.columns; ++j) {
      double value = static_cast<double>(rows.row(i)[j]);
      sum[j] += value;
      squares[j] += value * value;
    }
  auto n = static_cast<double>(std::max<std::int64_t>(1, rows.rows));
  for (std::int64_t j = 0; j < rows.columns; ++j) {
    double mean = sum[j] / n, variance = std::max(0.0, squares[j] / n - mean * mean);
    out.mean[j] = static_cast<float>(mean);
    out.scale[j] = static_cast<float>(1 / std::sqrt(variance + 1e-8));
  }
  return out;
}

/// The rows that a fit reads, standardized, and what they are to be.
struct Problem {
  Matrix x;
  std::vector<std::int32_t> labels; ///< of rows; empty for spans
  std::vector<std::int64_t> begins; ///< of windows
  std::vector<std::pair<std::int32_t, std::int32_t>> spans;
  Matrix targets;
  std::int64_t classes = 0;
  ProbeLoss loss = ProbeLoss::Softmax;

  double items() const {
    return static_cast<double>(
        loss == ProbeLoss::Windows ? static_cast<std::int64_t>(spans.size()) : x.rows);
  }
};

/// What a probe's features, and of squares its targets, are standardized by.
struct Scaling {
  Standard features, targets;
};

Scaling scalingOf(const ProbeData &data) {
  Scaling out{standardOf(data.features->rows), {}};
  if (data.loss == ProbeLoss::Squares)
    out.targets = standardOf(data.targets);
  return out;
}

/// Examples e with (e % kFolds == 0) == held, or all.
Problem makeProblem(const ProbeData &data, const Scaling &scaling, std::optional<bool> held) {
  const Features &f = *data.features;
  const Standard &standard = scaling.features;
  Problem out;
  out.classes = data.classes;
  out.loss = data.loss;
  out.targets.columns = data.targets.columns;
  out.x.columns = f.rows.columns;
  out.begins.push_back(0);
  for (std::int64_t e = 0; e < f.examples(); ++e) {
    if (held && (e % kFolds == 0) != *held)
      continue;
    for (std::int64_t r = f.begins[e]; r < f.begins[e + 1]; ++r) {
      if (data.loss == ProbeLoss::Softmax && f.labels[r] < 0)
        continue;
      for (std::int64_t j = 0; j < f.rows.columns; ++j)
        out.x.values.push_back((f.rows.row(r)[j] - standard.mean[j]) * standard.scale[j]);
      ++out.x.rows;
      if (data.loss == ProbeLoss::Softmax)
        out.labels.push_back(f.labels[r]);
      for (std::int64_t j = 0; j < data.targets.columns; ++j) {
        float target = data.targets.row(r)[j];
        if (data.loss == ProbeLoss::Squares)
          target = (target - scaling.targets.mean[j]) * scaling.targets.scale[j];
        out.targets.values.push_back(target);
      }
      out.targets.rows += data.targets.columns > 0;
    }
    out.begins.push_back(out.x.rows);
    if (data.loss == ProbeLoss::Windows)
      out.spans.push_back(data.spans[e]);
  }
  return out;
}

/// Softmax over each row's classes: the loss; `logits` becomes its gradient.
double rowLoss(const Problem &problem, Matrix &logits) {
  double loss = 0;
  for (std::int64_t i = 0; i < logits.rows; ++i) {
    std::span<float> row = logits.row(i);
    float most = *std::max_element(row.begin(), row.end());
    float own = row[problem.labels[i]];
    double sum = 0;
    for (float &value : row) {
      value = std::exp(value - most);
      sum += static_cast<double>(value);
    }
    loss += std::log(sum) + static_cast<double>(most - own);
    for (float &value : row)
      value = static_cast<float>(static_cast<double>(value) / sum);
    row[problem.labels[i]] -= 1;
  }
  return loss;
}

/// Softmax over each window's tokens, for starts (column 0) and ends (column 1).
double windowLoss(const Problem &problem, Matrix &logits) {
  double loss = 0;
  for (std::size_t w = 0; w < problem.spans.size(); ++w)
    for (int column = 0; column < 2; ++column) {
      std::int64_t begin = problem.begins[w], end = problem.begins[w + 1];
      std::int64_t target =
          begin + (column == 0 ? problem.spans[w].first : problem.spans[w].second);
      if (end == begin || target < begin || target >= end) {
        for (std::int64_t i = begin; i < end; ++i)
          logits.row(i)[column] = 0;
        continue;
      }
      float most = logits.row(begin)[column], own = logits.row(target)[column];
      for (std::int64_t i = begin; i < end; ++i)
        most = std::max(most, logits.row(i)[column]);
      double sum = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        float &value = logits.row(i)[column];
        value = std::exp(value - most);
        sum += static_cast<double>(value);
      }
      loss += std::log(sum) + static_cast<double>(most - own);
      for (std::int64_t i = begin; i < end; ++i)
        logits.row(i)[column] =
            static_cast<float>(static_cast<double>(logits.row(i)[column]) / sum);
      logits.row(target)[column] -= 1;
    }
  return loss;
}

/// A binary cross-entropy for each logit.
double sigmoidLoss(const Problem &problem, Matrix &logits) {
  double loss = 0;
  for (std::size_t i = 0; i < logits.values.size(); ++i) {
    auto logit = static_cast<double>(logits.values[i]),
         target = static_cast<double>(problem.targets.values[i]);
    // log(1 + e^z) without overflow.
    loss += std::max(logit, 0.0) + std::log1p(std::exp(-std::abs(logit))) - target * logit;
    logits.values[i] = static_cast<float>(1 / (1 + std::exp(-logit)) - target);
  }
  return loss;
}

/// Half the squared distance.
double squaredLoss(const Problem &problem, Matrix &logits) {
  double loss = 0;
  for (std::size_t i = 0; i < logits.values.size(); ++i) {
    float away = logits.values[i] -= problem.targets.values[i];
    loss += static_cast<double>(away) * static_cast<double>(away) / 2;
  }
  return loss;
}

/// Of the problem's kind; `logits` become the gradient.
double outputLoss(const Problem &problem, Matrix &logits) {
  switch (problem.loss) {
  case ProbeLoss::Softmax:
    return rowLoss(problem, logits);
  case ProbeLoss::Windows:
    return windowLoss(problem, logits);
  case ProbeLoss::Sigmoids:
    return sigmoidLoss(problem, logits);
  case ProbeLoss::Squares:
    return squaredLoss(problem, logits);
  }
  return 0;
}

/// The unregularized loss of parameters `w` ([d, c], then [c]), and the gradient.
double lossOf(const Problem &problem, const std::vector<float> &w,
              std::vector<float> *gradient) {
  std::int64_t d = problem.x.columns, c = problem.classes;
  Matrix weights(d, c), logits, product;
  std::copy_n(w.begin(), d * c, weights.values.begin());
  multiplyAdd(problem.x, weights, std::span<const float>(w).subspan(d * c, c), logits);
  double loss = outputLoss(problem, logits);
  if (!gradient)
    return loss;
  multiplyTransposed(problem.x, logits, product);
  std::copy(product.values.begin(), product.values.end(), gradient->begin());
  for (std::int64_t j = 0; j < c; ++j) {
    double sum = 0;
    for (std::int64_t i = 0; i < logits.rows; ++i)
      sum += static_cast<double>(logits.row(i)[j]);
    (*gradient)[d * c + j] = static_cast<float>(sum);
  }
  return loss;
}

void fit(const Problem &problem, double penalty, int iterations, std::vector<float> &w) {
  std::int64_t size = problem.x.columns * problem.classes;
  double scale = 1 / std::max(1.0, problem.items());
  minimize(
      [&](const std::vector<float> &x, std::vector<float> &gradient) {
        double loss = lossOf(problem, x, &gradient), squares = 0;
        for (std::int64_t i = 0; i < size; ++i) {
          squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
          gradient[i] += static_cast<float>(penalty) * x[i];
        }
        for (float &value : gradient)
          value *= static_cast<float>(scale);
        return (loss + penalty / 2 * squares) * scale;
      },
      w, iterations);
}

/// Parameters of standardized features and targets as parameters of them as they are.
LinearProbe unstandardized(const std::vector<float> &w, const Scaling &scaling,
                           std::int64_t classes, double penalty) {
  const Standard &from = scaling.features, &to = scaling.targets;
  auto d = static_cast<std::int64_t>(from.mean.size());
  LinearProbe probe{Matrix(d, classes), std::vector<float>(w.begin() + d * classes, w.end()),
                    penalty};
  for (std::int64_t j = 0; j < d; ++j)
    for (std::int64_t k = 0; k < classes; ++k) {
      float weight = w[j * classes + k] * from.scale[j];
      probe.weights.row(j)[k] = weight;
      probe.bias[k] -= weight * from.mean[j];
    }
  for (std::int64_t k = 0; k < static_cast<std::int64_t>(to.mean.size()); ++k) {
    for (std::int64_t j = 0; j < d; ++j)
      probe.weights.row(j)[k] /= to.scale[k];
    probe.bias[k] = probe.bias[k] / to.scale[k] + to.mean[k];
  }
  return probe;
}

} // namespace

Matrix LinearProbe::logits(const Matrix &rows) const {
  Matrix out;
  multiplyAdd(rows, weights, bias, out);
  return out;
}

LinearProbe fitWithPenalty(const ProbeData &data, double penalty, int iterations) {
  Scaling scaling = scalingOf(data);
  Problem all = makeProblem(data, scaling, {});
  std::vector<float> w(static_cast<std::size_t>((all.x.columns + 1) * data.classes));
  fit(all, penalty, iterations, w);
  return unstandardized(w, scaling, data.classes, penalty);
}

double choosePenalty(const ProbeData &data) {
  Scaling scaling = scalingOf(data);
  std::size_t size = static_cast<std::size_t>((data.features->rows.columns + 1) * data.classes);
  std::span<const double> penalties = kPenalties;
  if (data.loss == ProbeLoss::Squares)
    penalties = kRidgePenalties;
  double best = penalties.front();
  Problem rest = makeProblem(data, scaling, false), held = makeProblem(data, scaling, true);
  if (held.items() <= 0 || rest.items() <= 0)
    return best;
  std::vector<float> w(size);
  double least = 0;
  for (double penalty : penalties) {
    fit(rest, penalty, kTrialIterations, w);
    double loss = lossOf(held, w, nullptr);
    if (penalty != penalties.front() && loss >= least)
      break; // weaker penalties fit the training rows alone from here on
    least = loss;
    best = penalty;
  }
  return best;
}

LinearProbe fitLinearProbe(const ProbeData &data, int iterations) {
  return fitWithPenalty(data, choosePenalty(data), iterations);
}

NeighbourProbe fitNeighbours(const Features &train, const Features &queries,
                             std::int64_t classes) {
  constexpr std::int64_t kChoices[] = {1, 5, 15};
  constexpr std::int64_t kMost = 15;
  auto normalized = [](const Features &f) {
    Matrix out = f.rows;
    for (std::int64_t i = 0; i < out.rows; ++i) {
      double sum = 0;
      for (float value : out.row(i))
        sum += static_cast<double>(value) * static_cast<double>(value);
      auto scale = static_cast<float>(1 / std::sqrt(std::max(1e-20, sum)));
      for (float &value : out.row(i))
        value *= scale;
    }
    return out;
  };
  Matrix base = normalized(train), asked = normalized(queries),
         transposed(base.columns, base.rows);
  for (std::int64_t i = 0; i < base.rows; ++i)
    for (std::int64_t j = 0; j < base.columns; ++j)
      transposed.row(j)[i] = base.row(i)[j];
  // Rows are compared with all of `base` so many at a time.
  constexpr std::int64_t kRowsAtOnce = 64;
  std::vector<float> zero(base.rows);
  Matrix some, similarities;
  auto compare = [&](const Matrix &rows, std::int64_t begin) {
    std::int64_t end = std::min(rows.rows, begin + kRowsAtOnce);
    some = Matrix(end - begin, rows.columns);
    std::copy(rows.values.begin() + begin * rows.columns,
              rows.values.begin() + end * rows.columns, some.values.begin());
    multiplyAdd(some, transposed, zero, similarities);
  };
  // The nearest of a compared row, nearest first; `self` is left out.
  auto nearest = [&](std::span<const float> near, std::int64_t self) {
    std::vector<std::int64_t> order;
    for (std::int64_t i = 0; i < base.rows; ++i)
      if (i != self && train.labels[i] >= 0)
        order.push_back(i);
    std::size_t keep = std::min<std::size_t>(kMost, order.size());
    std::partial_sort(order.begin(), order.begin() + keep, order.end(),
                      [&](std::int64_t a, std::int64_t b) {
                        return std::pair(-near[a], a) < std::pair(-near[b], b);
                      });
    order.resize(keep);
    return order;
  };
  auto vote = [&](const std::vector<std::int64_t> &order, std::int64_t k,
                  std::span<float> out) {
    std::fill(out.begin(), out.end(), 0.01f);
    for (std::size_t i = 0; i < order.size() && static_cast<std::int64_t>(i) < k; ++i)
      out[train.labels[order[i]]] += 1;
    for (float &value : out)
      value = std::log(value);
  };
  std::int64_t hits[3] = {0, 0, 0};
  std::vector<float> votes(classes);
  std::int64_t tried = std::min<std::int64_t>(base.rows, 500);
  for (std::int64_t i = 0; i < tried; ++i) {
    if (i % kRowsAtOnce == 0)
      compare(base, i);
    if (train.labels[i] < 0)
      continue;
    std::vector<std::int64_t> order = nearest(similarities.row(i % kRowsAtOnce), i);
    for (int choice = 0; choice < 3; ++choice) {
      vote(order, kChoices[choice], votes);
      hits[choice] +=
          std::max_element(votes.begin(), votes.end()) - votes.begin() == train.labels[i];
    }
  }
  NeighbourProbe probe;
  probe.neighbours = kChoices[std::max_element(hits, hits + 3) - hits];
  probe.logits = Matrix(asked.rows, classes);
  for (std::int64_t i = 0; i < asked.rows; ++i) {
    if (i % kRowsAtOnce == 0)
      compare(asked, i);
    vote(nearest(similarities.row(i % kRowsAtOnce), -1), probe.neighbours, probe.logits.row(i));
  }
  return probe;
}

} // namespace ftc::assess
