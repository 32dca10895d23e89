// Frozen features: probes, neighbours, LogME and their curve, of every model.
#include "assess/Assessor.h"

#include "assess/InParallel.h"
#include "assess/LogMe.h"
#include "assess/Noise.h"

#include <unordered_map>

namespace ftc::assess {

namespace {

constexpr std::int64_t kMostEvaluationRows = 4000;

constexpr std::int64_t kMostRowsAtOnce = 60000; ///< rows of features that are held

constexpr std::int64_t kFamilies = 8;
constexpr int kIterations = 60, kPartIterations = 40;
/// Of a point of the curve: a law is not held to less.
constexpr double kLeastError = 0.1;

constexpr std::int64_t kMostLogMeRows = 2000, kMostNeighbourRows = 4000,
                       kMostNeighbourQueries = 1500;

std::vector<rt::OutputRow> shifted(const Features &features, std::int64_t examples) {
  std::vector<rt::OutputRow> rows(features.owners.begin(),
                                  features.owners.begin() + features.begins[examples]);
  return rows;
}

} // namespace

ProbeData Assessor::probeData(const Opened &opened, const Features &features,
                              std::span<const rt::Example> examples) const {
  ProbeData data;
  data.features = &features;
  data.classes = task->outputWidth(opened.session->labels);
  if (task->labelPlacement() == rt::LabelPlacement::Span) {
    data.classes = 2;
    data.loss = ProbeLoss::Windows;
    for (std::int64_t e = 0; e < features.examples(); ++e)
      data.spans.emplace_back(examples[e].labels[0], examples[e].spanEnd);
  } else if (task->targetWidth(opened.session->labels) > 0) {
    data.loss =
        task->problemType() == rt::kRegression ? ProbeLoss::Squares : ProbeLoss::Sigmoids;
    data.targets = Matrix(features.rows.rows, data.classes);
    for (std::int64_t r = 0; r < features.rows.rows; ++r) {
      const std::vector<float> &targets = examples[features.owners[r].example].targets;
      std::copy(targets.begin(), targets.end(), data.targets.row(r).begin());
    }
  }
  return data;
}

rt::Result<Score> Assessor::scoreLogits(const Opened &opened, const Matrix &logits,
                                        std::int64_t examples, const char *prefix) const {
  rt::OutputSource source = opened.session->outputSource(
      opened.evaluation.all().first(examples), *evaluationSet->table, evaluationSet->columns,
      options.questions);
  GroupedOutputs outputs(*task, source);
  std::vector<rt::OutputRow> rows = shifted(opened.evaluationFeatures, examples);
  FTC_RETURN_IF_ERROR(
      outputs.add(std::span<const float>(logits.values).first(rows.size() * logits.columns),
                  logits.columns, rows));
  return outputs.score({prefix + result.metric.name, result.metric.scale});
}

rt::Status Assessor::probeModel(Opened &opened, ModelFacts &facts) {
  rt::Session &session = *opened.session;
  // How long a token takes, of a few examples.
  std::span<const rt::Example> all = opened.train.all();
  std::size_t few = std::min<std::size_t>(all.size(), 64);
  double rowsOfFeatures = 1;
  if (hasHead()) {
    FTC_ASSIGN_OR_RETURN(Features trial, computeFeatures(session, all.first(few), stopped));
    opened.forwardPerToken =
        trial.seconds / static_cast<double>(std::max<std::int64_t>(1, trial.tokens));
    rowsOfFeatures = std::max(1.0, static_cast<double>(trial.rows.rows) /
                                       static_cast<double>(std::max<std::size_t>(1, few)));
  }
  auto rowsFor = [&](double share, std::int64_t least, std::int64_t most) {
    auto affordable = static_cast<std::int64_t>(share * passes / kForwardPasses);
    auto held = static_cast<std::int64_t>(kMostRowsAtOnce / rowsOfFeatures);
    return std::min({std::max(least, affordable), std::max<std::int64_t>(16, held), most});
  };
  std::int64_t trainRows =
      rowsFor(kFeatureShare, kLeastRows, static_cast<std::int64_t>(opened.train.rows.size()));
  std::int64_t evaluationRows =
      rowsFor(kEvaluationShare, kLeastRows,
              std::min<std::int64_t>(kMostEvaluationRows,
                                     static_cast<std::int64_t>(evaluationOrder.size())));
  FTC_ASSIGN_OR_RETURN(
      opened.evaluation,
      encodeRows(session, *evaluationSet, options.questions,
                 {evaluationOrder.begin(), evaluationOrder.begin() + evaluationRows}));
  if (&facts == &result.models.front())
    result.evaluationRows =
        task->hasTargetText() ? std::min(evaluationRows, kWrittenRows) : evaluationRows;
  if (!hasHead())
    return rt::Status::ok();
  say(rt::format("frozen features of %.0f training and %.0f evaluation rows",
                 static_cast<double>(trainRows), static_cast<double>(evaluationRows)));
  opened.featureRows = trainRows;
  FTC_ASSIGN_OR_RETURN(opened.trainFeatures,
                       computeFeatures(session, opened.train.first(trainRows), stopped));
  FTC_ASSIGN_OR_RETURN(opened.evaluationFeatures,
                       computeFeatures(session, opened.evaluation.all(), stopped));
  facts.probeRows = trainRows;
  FTC_RETURN_IF_ERROR(probeCurve(opened, facts));
  facts.probePenalty = opened.probe.penalty;
  if (classifies() && task->labelPlacement() != rt::LabelPlacement::Span)
    FTC_RETURN_IF_ERROR(neighbours(opened, facts));
  transferability(opened, facts);
  return rt::Status::ok();
}

rt::Status Assessor::neighbours(Opened &opened, ModelFacts &facts) {
  auto within = [](const Features &features, std::int64_t rows) {
    auto end = std::upper_bound(features.begins.begin(), features.begins.end(), rows);
    return std::max<std::int64_t>(1, end - features.begins.begin() - 1);
  };
  std::int64_t asked = within(opened.evaluationFeatures, kMostNeighbourQueries);
  NeighbourProbe found = fitNeighbours(
      opened.trainFeatures.prefix(within(opened.trainFeatures, kMostNeighbourRows)),
      opened.evaluationFeatures.prefix(asked), opened.session->labels.size());
  FTC_ASSIGN_OR_RETURN(facts.neighbours, scoreLogits(opened, found.logits, asked));
  facts.neighbourCount = found.neighbours;
  return rt::Status::ok();
}

void Assessor::transferability(const Opened &opened, ModelFacts &facts) const {
  if (task->labelPlacement() == rt::LabelPlacement::Span)
    return; // a softmax over tokens is no linear regression of rows
  std::int64_t count = std::min<std::int64_t>(opened.featureRows, kMostLogMeRows);
  Features some = opened.trainFeatures.prefix(opened.train.ends[count]);
  ProbeData data = probeData(opened, some, opened.train.all());
  if (data.loss != ProbeLoss::Softmax) {
    DoubleMatrix targets(data.targets.rows, data.targets.columns);
    std::copy(data.targets.values.begin(), data.targets.values.end(), targets.values.begin());
    if (targets.rows > 1)
      facts.logMe = logMe(some.rows, targets);
    return;
  }
  // Rows whose label counts, up to the most.
  Matrix rows;
  rows.columns = some.rows.columns;
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < some.rows.rows && rows.rows < kMostLogMeRows; ++i)
    if (some.labels[i] >= 0) {
      rows.values.insert(rows.values.end(), some.rows.row(i).begin(), some.rows.row(i).end());
      ++rows.rows;
      labels.push_back(some.labels[i]);
    }
  if (rows.rows > 1)
    facts.logMe = logMeOfClasses(rows, labels);
}

std::vector<std::int64_t> Assessor::familyOrder(std::int64_t rows, std::int64_t family) const {
  std::vector<std::int64_t> first(trainOrder.begin(), trainOrder.begin() + rows);
  std::unordered_map<std::int64_t, std::int64_t> places;
  for (std::int64_t place = 0; place < rows; ++place)
    places[first[place]] = place;
  auto seed = static_cast<std::uint32_t>(options.recipe.seed + 2 + family);
  std::vector<std::int64_t> order = stratifiedOrder(*task, *trainSet, std::move(first), seed);
  for (std::int64_t &row : order)
    row = places[row];
  return order;
}

LinearProbe Assessor::fitPart(const Opened &opened, std::span<const std::int64_t> rows,
                              double penalty) const {
  std::vector<std::int64_t> places;
  std::vector<rt::Example> examples;
  for (std::int64_t row : rows)
    for (std::int64_t e = opened.train.ends[row]; e < opened.train.ends[row + 1]; ++e) {
      places.push_back(e);
      examples.push_back(opened.train.all()[e]);
    }
  Features some = opened.trainFeatures.pick(places);
  return fitWithPenalty(probeData(opened, some, examples), penalty, kPartIterations);
}

rt::Status Assessor::probeCurve(Opened &opened, ModelFacts &facts) {
  // Families of nested parts, each in a stratified order of its own. In parts smaller than an
  // eighth a model may have yet to begin: no law of its later course fits them.
  struct Part {
    std::int64_t family = 0, rows = 0;
    std::size_t size = 0; ///< which point of the curve
  };
  std::int64_t all = opened.featureRows;
  std::vector<Part> parts{{0, all, 0}};
  std::vector<Replicates> sizes{{static_cast<double>(all), {}}};
  for (std::int64_t part : {2, 4, 8}) {
    if (all / part < 32)
      break;
    for (std::int64_t family = 0; family < kFamilies; ++family)
      parts.push_back({family, all / part, sizes.size()});
    sizes.push_back({static_cast<double>(all / part), {}});
  }
  std::vector<std::vector<std::int64_t>> orders; // of the rows by their places
  for (std::int64_t family = 0; family < kFamilies; ++family)
    orders.push_back(familyOrder(all, family));
  std::span<const rt::Example> examples = opened.train.all();
  ProbeData whole = probeData(opened, opened.trainFeatures, examples);
  double penalty = choosePenalty(whole);
  std::vector<LinearProbe> probes(parts.size());
  std::vector<Matrix> logits(parts.size());
  inParallel(
      static_cast<std::int64_t>(parts.size()), options.recipe.threads, [&](std::int64_t i) {
        if (stopped && stopped())
          return;
        std::span<const std::int64_t> rows(orders[parts[i].family].data(), parts[i].rows);
        probes[i] = i == 0 ? fitWithPenalty(whole, penalty, kIterations)
                           : fitPart(opened, rows, penalty);
        logits[i] = probes[i].logits(opened.evaluationFeatures.rows);
      });
  if (stopped && stopped())
    return rt::Status::interrupted("stopped while probes were fitted");
  auto evaluated = static_cast<std::int64_t>(opened.evaluation.all().size());
  FTC_ASSIGN_OR_RETURN(facts.linearProbe, scoreLogits(opened, logits[0], evaluated));
  opened.probe = std::move(probes[0]);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    double value = facts.linearProbe->value;
    if (i > 0) {
      FTC_ASSIGN_OR_RETURN(value, valueOf(opened, logits[i]));
    }
    sizes[parts[i].size].values.push_back(value);
  }
  // What the evaluated rows do to all points, and these training rows to all their parts, is no
  // noise of the curve's course: the parts' scatter is. Of all rows there is one value; what it
  // is off by beside that shift is taken for the halves'.
  // Of rows too few for parts nothing tells what others would do: the evaluation's rows stand
  // in.
  double families = std::sqrt(static_cast<double>(kFamilies));
  for (std::size_t size = sizes.size(); size-- > 0;) {
    double error = sizes.size() > 1
                       ? sizes[std::max<std::size_t>(size, 1)].deviation() / families
                       : facts.linearProbe->error;
    facts.probeCurve.push_back(
        {sizes[size].rows, sizes[size].mean(), std::max(kLeastError, error)});
  }
  facts.noise.subsets = subsetDeviation(sizes, static_cast<double>(all));
  facts.noise.subsetCount = sizes.size() > 1 ? kFamilies : 0;
  say(rt::format("linear probe: %.2f points with %.0f rows", facts.linearProbe->value,
                 static_cast<double>(all)));
  return rt::Status::ok();
}

rt::Result<double> Assessor::valueOf(const Opened &opened, const Matrix &logits) const {
  rt::OutputSource source = opened.session->outputSource(
      opened.evaluation.all(), *evaluationSet->table, evaluationSet->columns, options.questions);
  std::unique_ptr<rt::TaskOutputs> outputs = task->makeOutputs(source);
  FTC_RETURN_IF_ERROR(
      outputs->add(logits.values, logits.columns, opened.evaluationFeatures.owners));
  return metricOf(*outputs, result.metric);
}

rt::Status Assessor::assessOther(std::size_t index) {
  Opened opened;
  FTC_RETURN_IF_ERROR(open(opened, options.models[index], index));
  ModelFacts facts;
  facts.model = options.models[index];
  DataFacts counted;
  FTC_RETURN_IF_ERROR(measureLengths(*opened.session, *trainSet, counted));
  facts.unknownShare = counted.unknownShare;
  facts.tokensPerWord = counted.tokensPerWord;
  // As many rows as the first model's probe had, or as its short run takes of texts.
  std::int64_t most =
      hasHead() ? result.models.front().probeRows
                : static_cast<std::int64_t>(result.models.front().tunedCurve.front().rows);
  FTC_ASSIGN_OR_RETURN(opened.train,
                       encodeRows(*opened.session, *trainSet, options.questions,
                                  {trainOrder.begin(), trainOrder.begin() + most}));
  FTC_RETURN_IF_ERROR(probeModel(opened, facts));
  FTC_RETURN_IF_ERROR(zeroShot(opened, facts, index));
  if (!hasHead()) // nothing frozen to compare by: what a short run reaches is
    FTC_RETURN_IF_ERROR(shortRuns(opened, facts));
  predict(opened, facts);
  result.models.push_back(std::move(facts));
  return rt::Status::ok();
}

} // namespace ftc::assess
