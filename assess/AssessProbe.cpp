// Frozen features: probes, neighbours, LogME and their curve, of every model.
#include "assess/Assessor.h"

#include "assess/LogMe.h"

namespace ftc::assess {

namespace {

constexpr std::int64_t kLeastEvaluationRows = 200, kMostEvaluationRows = 4000;

constexpr std::int64_t kMostRowsAtOnce = 60000; ///< rows of features that are held

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
  data.classes = opened.session->labels.size();
  if (task->labelPlacement() == rt::LabelPlacement::Span) {
    data.classes = 2;
    for (std::int64_t e = 0; e < features.examples(); ++e)
      data.spans.emplace_back(examples[e].labels[0], examples[e].spanEnd);
  }
  return data;
}

rt::Result<Score> Assessor::scoreLogits(const Opened &opened, const Matrix &logits,
                                        std::int64_t examples, const char *prefix) const {
  rt::OutputSource source = opened.session->outputSource(
      opened.evaluation.all().first(examples), evaluationSet->table, evaluationSet->columns,
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
      rowsFor(kFeatureShare, 200, static_cast<std::int64_t>(opened.train.rows.size()));
  std::int64_t evaluationRows =
      rowsFor(kEvaluationShare, kLeastEvaluationRows,
              std::min<std::int64_t>(kMostEvaluationRows,
                                     static_cast<std::int64_t>(evaluationOrder.size())));
  FTC_ASSIGN_OR_RETURN(
      opened.evaluation,
      encodeRows(session, *evaluationSet, options.questions,
                 {evaluationOrder.begin(), evaluationOrder.begin() + evaluationRows}));
  if (&facts == &result.models.front())
    result.evaluationRows =
        task->hasTargetText() ? std::min(evaluationRows, kWrittenRows) : evaluationRows;
  if (!probes())
    return rt::Status::ok();
  say(rt::format("frozen features of %.0f training and %.0f evaluation rows",
                 static_cast<double>(trainRows), static_cast<double>(evaluationRows)));
  opened.featureRows = trainRows;
  FTC_ASSIGN_OR_RETURN(opened.trainFeatures,
                       computeFeatures(session, opened.train.first(trainRows), stopped));
  FTC_ASSIGN_OR_RETURN(opened.evaluationFeatures,
                       computeFeatures(session, opened.evaluation.all(), stopped));
  facts.probeRows = trainRows;
  ProbeData data = probeData(opened, opened.trainFeatures, opened.train.all());
  opened.probe = fitLinearProbe(data);
  facts.probePenalty = opened.probe.penalty;
  FTC_RETURN_IF_ERROR(probeCurve(opened, facts, data));
  if (data.spans.empty()) {
    auto within = [](const Features &features, std::int64_t rows) {
      auto end = std::upper_bound(features.begins.begin(), features.begins.end(), rows);
      return std::max<std::int64_t>(1, end - features.begins.begin() - 1);
    };
    std::int64_t asked = within(opened.evaluationFeatures, kMostNeighbourQueries);
    NeighbourProbe neighbours = fitNeighbours(
        opened.trainFeatures.prefix(within(opened.trainFeatures, kMostNeighbourRows)),
        opened.evaluationFeatures.prefix(asked), data.classes);
    FTC_ASSIGN_OR_RETURN(facts.neighbours, scoreLogits(opened, neighbours.logits, asked));
    facts.neighbourCount = neighbours.neighbours;
    // Rows whose label counts, up to the most.
    Features some = opened.trainFeatures.prefix(
        opened.train.ends[std::min<std::int64_t>(trainRows, kMostLogMeRows)]);
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
  return rt::Status::ok();
}

rt::Status Assessor::probeCurve(Opened &opened, ModelFacts &facts, const ProbeData &data) {
  std::int64_t rows = opened.featureRows;
  std::span<const rt::Example> examples = opened.train.all();
  for (std::int64_t part : {16, 8, 4, 2, 1}) {
    std::int64_t count = rows / part;
    if (count < 16 && part > 1)
      continue;
    Features some = opened.trainFeatures.prefix(opened.train.ends[count]);
    ProbeData few = probeData(opened, some, examples);
    LinearProbe probe =
        part == 1 ? opened.probe : fitWithPenalty(few, opened.probe.penalty, 40);
    Matrix logits = probe.logits(opened.evaluationFeatures.rows);
    FTC_ASSIGN_OR_RETURN(
        Score score,
        scoreLogits(opened, logits, static_cast<std::int64_t>(opened.evaluation.all().size())));
    facts.probeCurve.push_back(
        {static_cast<double>(count), score.value, std::max(0.3, score.error)});
    if (part == 1)
      facts.linearProbe = score;
  }
  say(rt::format("linear probe: %.2f points with %.0f rows", facts.linearProbe->value,
                 static_cast<double>(rows)));
  return rt::Status::ok();
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
  auto most = static_cast<std::int64_t>(result.models.front().probeRows);
  FTC_ASSIGN_OR_RETURN(opened.train,
                       encodeRows(*opened.session, *trainSet, options.questions,
                                  {trainOrder.begin(), trainOrder.begin() + most}));
  FTC_RETURN_IF_ERROR(probeModel(opened, facts));
  FTC_RETURN_IF_ERROR(zeroShot(opened, facts, index));
  auto seed = static_cast<std::uint32_t>(options.recipe.seed);
  if (facts.linearProbe) {
    facts.probeLaw = fitPowerLaw(facts.probeCurve);
    facts.probeAtAll = extrapolate(facts.probeCurve, static_cast<double>(result.data.trainRows),
                                   facts.linearProbe->error, seed);
  }
  result.models.push_back(std::move(facts));
  return rt::Status::ok();
}

} // namespace ftc::assess
