// The order of an assessment: data, frozen features, probes, short runs, costs, verdict. Each
// part gets a share of the time that all may take.
#include "assess/Assess.h"

#include "assess/LogMe.h"
#include "runtime/metrics/Baselines.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/TrunkCache.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>
#include <unordered_set>

namespace ftc::assess {

namespace {

using Clock = std::chrono::steady_clock;

/// An assessment's work in passes of a row: a forward pass is 1, a step 3. Shares of the full
/// run's work: frozen features to fit with and to judge with, short runs, their evaluations.
/// What is not counted (compiling, probes) takes it to about 14 % of the run's time.
constexpr double kForwardPasses = 1, kStepPasses = 3;
constexpr double kFeatureShare = 0.03, kEvaluationShare = 0.02, kRunShare = 0.045,
                 kShortEvaluationShare = 0.015;
/// By how much the gain of tuning over the probe grows each time that as many examples again
/// are seen, where there is one: what wnut17 showed with MiniLM (docs/assess.md).
constexpr double kGainGrowth = 0.1;
/// Errors of two models on the same examples go together; of a difference so much is left.
constexpr double kPairedError = 0.77;
/// Work that is always done, as rows of 16 tokens in a model of 22 million parameters: seconds.
constexpr double kLeastPasses = 6000, kLeastTokens = 16, kLeastParameters = 22e6;
constexpr std::int64_t kLeastEvaluationRows = 200, kMostEvaluationRows = 4000;
constexpr std::int64_t kWrittenRows = 64;
constexpr std::size_t kMostBaselineRows = 500;
constexpr std::int64_t kMostRowsAtOnce = 60000; ///< rows of features that are held
constexpr std::int64_t kMostLogMeRows = 2000, kMostNeighbourRows = 4000,
                       kMostNeighbourQueries = 1500;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A directory that goes when this does.
class Scratch {
public:
  static rt::Result<std::unique_ptr<Scratch>> make() {
    const char *parent = std::getenv("TMPDIR");
    std::string path = rt::joinPath(parent && *parent ? parent : "/tmp", "ftc-assess-XXXXXX");
    if (!::mkdtemp(path.data()))
      return rt::Status::io(path +
                            ": a directory for trial artifacts cannot be made; set TMPDIR "
                            "to one that can be written to");
    auto scratch = std::make_unique<Scratch>();
    scratch->directory = path;
    return scratch;
  }
  ~Scratch() {
    if (rt::Status gone = rt::removeTree(directory); !gone)
      std::fprintf(stderr, "%s\n", gone.message().c_str());
  }
  std::string file(const std::string &name) const { return rt::joinPath(directory, name); }
  const std::string &path() const { return directory; }

private:
  std::string directory;
};

std::string text(const char *pattern, double a, double b = 0, double c = 0) {
  char out[200];
  std::snprintf(out, sizeof out, pattern, a, b, c);
  return out;
}

double rougeOf(const rt::RougeMean &mean, std::string_view metric) {
  return metric == "rouge1"      ? mean.rouge1()
         : metric == "rouge2"    ? mean.rouge2()
         : metric == "rougeLsum" ? mean.rougeLsum()
                                 : mean.rougeL();
}

std::vector<rt::OutputRow> shifted(const Features &features, std::int64_t examples) {
  std::vector<rt::OutputRow> rows(features.owners.begin(),
                                  features.owners.begin() + features.begins[examples]);
  return rows;
}

/// config.json's labels by class id; empty where there are none of its own.
std::vector<std::string> checkpointLabels(const std::string &model) {
  rt::Result<rt::Json> config = rt::readJsonFile(rt::joinPath(model, "config.json"));
  std::vector<std::string> labels;
  if (!config || !config->is_object() || !config->contains("id2label"))
    return labels;
  const rt::Json &map = (*config)["id2label"];
  for (std::size_t id = 0; map.is_object() && id < map.size(); ++id) {
    auto found = map.find(std::to_string(id));
    if (found == map.end() || !found->is_string())
      return {};
    labels.push_back(found->get<std::string>());
  }
  return labels;
}

class Assessor {
public:
  Assessor(const AssessOptions &options, const Say &say, const rt::StopRequest &stopped)
      : options(options), say(say), stopped(stopped) {}

  rt::Result<Assessment> run();

private:
  /// One model with what was compiled of it.
  struct Opened {
    CompileOptions compile;
    std::optional<CompiledMethod> head;
    std::unique_ptr<rt::Session> session; ///< of the head, or of the method where there is none
    EncodedRows train, evaluation;
    Features trainFeatures, evaluationFeatures;
    LinearProbe probe;
    std::int64_t featureRows = 0;
    double forwardPerToken = 0;
  };

  rt::Status open(Opened &opened, const std::string &model, std::size_t index);
  rt::Status readData(Opened &first);
  rt::Status placeEvaluation(const rt::Session &session);
  rt::Status baselines(Opened &first);
  rt::Status textBaselines();
  rt::Status calibrate(Opened &first);
  rt::Status probeModel(Opened &opened, ModelFacts &facts);
  rt::Status probeCurve(Opened &opened, ModelFacts &facts, const ProbeData &data);
  rt::Status zeroShot(Opened &opened, ModelFacts &facts, std::size_t index);
  rt::Status assessOther(std::size_t index);
  rt::Status shortRuns(Opened &first, ModelFacts &facts);
  rt::Result<Trained> oneRun(Opened &first, std::int64_t rows, const LinearProbe *start,
                             const rt::Session *fitted, Evaluated &evaluated);
  void predict(ModelFacts &facts);
  rt::Status costs(Opened &first, ModelFacts &facts);
  rt::Result<Score> scoreLogits(const Opened &opened, const Matrix &logits,
                                std::int64_t examples, const char *prefix = "") const;
  ProbeData probeData(const Opened &opened, const Features &features,
                      std::span<const rt::Example> examples) const;
  bool classifies() const {
    return task->hasLabelSet() && task->problemType() != rt::kRegression &&
           task->problemType() != rt::kMultiLabel;
  }
  bool hasHead() const { return !task->hasTargetText(); }
  bool probes() const {
    return hasHead() && (classifies() || task->labelPlacement() == rt::LabelPlacement::Span);
  }

  const AssessOptions &options;
  const Say &say;
  const rt::StopRequest &stopped;
  Clock::time_point start = Clock::now();
  double passes = 0; ///< of rows, that shares are shares of
  std::unique_ptr<Scratch> scratch;
  Assessment result;
  const rt::Task *task = nullptr;
  std::unique_ptr<rt::DataSet> trainSet, validationSet, testSet, heldOut;
  const rt::DataSet *evaluationSet = nullptr;
  std::vector<std::int64_t> trainOrder, evaluationOrder;
  std::optional<CompiledMethod> tuned;
  double trainPerToken = 0, tokensPerRow = 0;
  bool startedFromProbe = false; ///< the model's head is one linear layer
  std::int64_t shortRows = 0;    ///< of the evaluation, that short runs are judged by
  Score probeAtRuns;             ///< the probe that short runs begin with, on their evaluation
};

rt::Status Assessor::open(Opened &opened, const std::string &model, std::size_t index) {
  opened.compile = options.compile;
  opened.compile.model = model;
  std::string stem = "model" + std::to_string(index);
  FTC_ASSIGN_OR_RETURN(const rt::Task *named, rt::findTask(options.compile.task));
  std::vector<std::string> programs{rt::kTrunk, "evaluate"};
  say("compiling " + model);
  if (!named->hasTargetText()) {
    FTC_ASSIGN_OR_RETURN(opened.head,
                         compileMethod(opened.compile, "head", scratch->file(stem + ".ftb")));
    FTC_ASSIGN_OR_RETURN(opened.session, openSession(*opened.head, options.recipe, programs));
    opened.session->encode.questions = options.questions;
    return rt::Status::ok();
  }
  if (index > 0)
    return rt::Status::ok();
  FTC_ASSIGN_OR_RETURN(
      tuned, compileMethod(opened.compile, options.method, scratch->file("tuned.ftb")));
  FTC_ASSIGN_OR_RETURN(
      opened.session, openSession(*tuned, options.recipe, {"evaluate"}, {"prefill", "decode"}));
  return rt::Status::ok();
}

rt::Status Assessor::readData(Opened &first) {
  rt::Session &session = *first.session;
  task = session.task;
  const rt::ColumnFlags &columns = options.compile.columns;
  FTC_ASSIGN_OR_RETURN(trainSet,
                       rt::readDataSet(session, options.compile.trainFile, columns, true, -1));
  for (auto [files, set] : {std::pair(&options.validationFile, &validationSet),
                            std::pair(&options.testFile, &testSet)})
    if (!files->empty()) {
      FTC_ASSIGN_OR_RETURN(
          *set, rt::readDataSet(session, *files, columns, set == &validationSet, -1));
    }
  rt::EncodeSettings settings = session.encode;
  settings.questions = options.questions;
  for (rt::DataSet *set : {trainSet.get(), validationSet.get()})
    if (set)
      FTC_RETURN_IF_ERROR(rt::checkRows(rt::encodeSource(session, *set, settings)));
  FTC_ASSIGN_OR_RETURN(result.metric,
                       chooseMetric(*task, session.labels, options.questions, options.metric));
  countTraining(*task, *trainSet, result.data);
  FTC_RETURN_IF_ERROR(measureLengths(session, *trainSet, result.data));
  result.data.validationRows = validationSet ? validationSet->size() : 0;
  result.data.testRows = testSet ? testSet->size() : 0;
  if (testSet)
    result.data.leakedTest =
        static_cast<std::int64_t>(leakedRows(*trainSet, trainSet->rows, *testSet).size());
  return placeEvaluation(session);
}

rt::Status Assessor::placeEvaluation(const rt::Session &session) {
  auto seed = static_cast<std::uint32_t>(options.recipe.seed);
  std::unordered_set<std::int64_t> leaked;
  if (validationSet) {
    for (std::int64_t row : leakedRows(*trainSet, trainSet->rows, *validationSet))
      leaked.insert(row);
    result.data.leakedValidation = static_cast<std::int64_t>(leaked.size());
    std::vector<std::int64_t> clean;
    for (std::int64_t row : validationSet->rows)
      if (!leaked.count(row))
        clean.push_back(row);
    bool enough = static_cast<std::int64_t>(clean.size()) >=
                  std::max<std::int64_t>(30, validationSet->size() / 10);
    if (enough || leaked.empty()) {
      result.leakedLeftOut = result.data.leakedValidation;
      evaluationSet = validationSet.get();
      result.evaluationSource = "the validation file";
      evaluationOrder = stratifiedOrder(*task, *validationSet, std::move(clean), seed + 1);
      trainOrder = stratifiedOrder(*task, *trainSet, trainSet->rows, seed);
      return rt::Status::ok();
    }
    result.notes.push_back(
        std::to_string(leaked.size()) + " of " + std::to_string(validationSet->size()) +
        " validation rows are training rows: it is not used, a part of the training file is");
  }
  // A part of the training file, without the texts that the rest has too.
  std::vector<std::int64_t> order = stratifiedOrder(*task, *trainSet, trainSet->rows, seed);
  auto size = static_cast<std::int64_t>(order.size());
  std::int64_t held = std::max<std::int64_t>(1, size * options.validationSplitPercentage / 100);
  heldOut = std::make_unique<rt::DataSet>();
  heldOut->path = trainSet->path;
  heldOut->table = trainSet->table;
  heldOut->columns = trainSet->columns;
  heldOut->rows.assign(order.end() - held, order.end());
  trainOrder.assign(order.begin(), order.end() - held);
  for (std::int64_t row : leakedRows(*trainSet, trainOrder, *heldOut))
    leaked.insert(row);
  result.leakedLeftOut = 0;
  std::vector<std::int64_t> clean;
  for (std::int64_t row : heldOut->rows)
    if (!leaked.count(row))
      clean.push_back(row);
  result.leakedLeftOut = static_cast<std::int64_t>(heldOut->rows.size() - clean.size());
  result.data.split = true;
  result.evaluationSource =
      std::to_string(options.validationSplitPercentage) + " % of the training file";
  evaluationSet = heldOut.get();
  evaluationOrder = stratifiedOrder(*task, *heldOut, std::move(clean), seed + 1);
  if (evaluationOrder.empty())
    return rt::Status::error(trainSet->path +
                             ": expected rows to evaluate with that are not training rows too, "
                             "got none; give a --validation_file");
  return rt::Status::ok();
}

rt::Status Assessor::textBaselines() {
  std::size_t rows = std::min<std::size_t>(evaluationOrder.size(), kMostBaselineRows);
  bool summaries = task->name() == "summarization";
  // All rows last, after groups of them whose scatter is the error.
  constexpr std::size_t kGroups = GroupedOutputs::kGroups;
  std::vector<std::vector<double>> values(summaries ? 2 : 1);
  for (std::size_t group = 0; group <= kGroups; ++group) {
    rt::LeadBaselines lead;
    rt::CopyBaseline copied;
    for (std::size_t i = 0; i < rows; ++i) {
      if (group < kGroups && i % kGroups != group)
        continue;
      std::int64_t row = evaluationOrder[i];
      std::string_view from = evaluationSet->table.text(row, evaluationSet->columns.text);
      std::string_view to = evaluationSet->table.text(row, evaluationSet->columns.label);
      if (summaries && !lead.add(from, to, stopped))
        return rt::Status::interrupted("stopped while baselines were scored");
      if (!summaries)
        copied.add(from, to);
    }
    if (summaries) {
      values[0].push_back(100 * rougeOf(lead.lead1(), result.metric.name));
      values[1].push_back(100 * rougeOf(lead.lead3(), result.metric.name));
    } else {
      values[0].push_back(result.metric.name == "chrf" ? copied.chrf().score()
                                                       : copied.bleu().score().score);
    }
  }
  const char *const names[] = {summaries ? "Lead-1" : "copying the source", "Lead-3"};
  for (std::size_t k = 0; k < values.size(); ++k) {
    double whole = values[k].back(), sum = 0, squares = 0;
    for (std::size_t group = 0; group < kGroups; ++group) {
      sum += values[k][group];
      squares += values[k][group] * values[k][group];
    }
    double n = kGroups, variance = std::max(0.0, (squares - sum * sum / n) / (n - 1));
    result.baselines.push_back(
        {names[k], {whole, std::sqrt(variance / n), static_cast<std::int64_t>(rows)}});
  }
  return rt::Status::ok();
}

rt::Status Assessor::baselines(Opened &first) {
  if (task->hasTargetText())
    return textBaselines();
  // Logits that answer without looking: the most frequent class, no entity, one answer for all.
  if (task->labelPlacement() == rt::LabelPlacement::Span) {
    FTC_ASSIGN_OR_RETURN(Score score,
                         scoreLogits(first, first.probe.logits(first.evaluationFeatures.rows),
                                     static_cast<std::int64_t>(first.evaluation.all().size()),
                                     "baseline_"));
    result.baselines.push_back({"one answer for all", score});
  }
  if (!classifies() || task->labelPlacement() == rt::LabelPlacement::Span)
    return rt::Status::ok();
  const rt::LabelSet &labels = first.session->labels;
  std::int64_t classes = labels.size(), frequent = 0;
  bool tokens = task->labelPlacement() == rt::LabelPlacement::Token;
  if (tokens)
    frequent = std::max<std::int64_t>(0, labels.find("O"));
  else if (!result.data.labels.empty())
    frequent = std::max<std::int64_t>(0, labels.find(result.data.labels.front().label));
  std::span<const rt::Example> examples = first.evaluation.all();
  rt::OutputSource source = first.session->outputSource(
      examples, evaluationSet->table, evaluationSet->columns, options.questions);
  GroupedOutputs outputs(*task, source);
  std::vector<rt::OutputRow> rows;
  for (std::size_t e = 0; e < examples.size(); ++e)
    for (std::size_t t = 0; t < (tokens ? examples[e].labels.size() : 1); ++t)
      if (examples[e].labels[t] != rt::kIgnoredLabel)
        rows.push_back({static_cast<std::int64_t>(e),
                        tokens ? static_cast<std::int32_t>(t) : std::int32_t(-1)});
  Matrix logits(static_cast<std::int64_t>(rows.size()), classes);
  for (std::int64_t i = 0; i < logits.rows; ++i)
    logits.row(i)[frequent] = 1;
  FTC_RETURN_IF_ERROR(outputs.add(logits.values, classes, rows));
  FTC_ASSIGN_OR_RETURN(Score score, outputs.score(result.metric));
  result.baselines.push_back({tokens ? "no entity (all O)" : "most frequent label", score});
  return rt::Status::ok();
}

rt::Status Assessor::calibrate(Opened &first) {
  if (!tuned) {
    FTC_ASSIGN_OR_RETURN(
        tuned, compileMethod(first.compile, options.method, scratch->file("tuned.ftb")));
  }
  bool heavy = task->windowed() || task->hasTargetText();
  auto rows = static_cast<std::int64_t>(trainOrder.size());
  std::int64_t most = heavy ? std::min<std::int64_t>(rows, 1200) : rows;
  FTC_ASSIGN_OR_RETURN(first.train,
                       encodeRows(*first.session, *trainSet, options.questions,
                                  {trainOrder.begin(), trainOrder.begin() + most}));
  std::int64_t tokens = 0;
  for (const rt::Example &example : first.train.all())
    tokens += example.tokens() + example.targetTokens();
  tokensPerRow =
      static_cast<double>(tokens) / static_cast<double>(std::max<std::int64_t>(1, most));
  FTC_ASSIGN_OR_RETURN(
      std::unique_ptr<rt::Session> session,
      openSession(*tuned, options.recipe, {"train_accumulate", "apply", "train_step"}));
  FTC_ASSIGN_OR_RETURN(Trained timed,
                       trainRows(*session, first.train.all(), options.recipe, 5, stopped));
  double seconds = timed.stepsWithoutFirst ? timed.secondsWithoutFirst : timed.seconds;
  std::int64_t seen = timed.stepsWithoutFirst ? timed.tokensWithoutFirst : timed.tokens;
  trainPerToken = seconds / static_cast<double>(std::max<std::int64_t>(1, seen));
  result.fullRunSeconds = options.recipe.epochs * tokensPerRow *
                          static_cast<double>(result.data.trainRows) * trainPerToken;
  // Deterministic: what is done follows from the data's size and the model's alone, unless a
  // time is given, which is then compared with this machine's speed.
  double run = kStepPasses * options.recipe.epochs * static_cast<double>(result.data.trainRows);
  double least = kLeastPasses * kLeastTokens / std::max(1.0, tokensPerRow) * kLeastParameters /
                 std::max(1.0, static_cast<double>(tuned->parameters));
  passes = std::max(run, least / (kFeatureShare + kEvaluationShare + kRunShare));
  if (options.timeBudget) {
    double spare = std::max(0.2, *options.timeBudget - since(start));
    double rate =
        kStepPasses / std::max(1e-12, tokensPerRow * trainPerToken); // passes a second
    double wanted = 0.8 * spare * rate / (kFeatureShare + kEvaluationShare + kRunShare);
    if (wanted < passes)
      result.leftOut.push_back(text("rows beyond %.0f %% of those that an unlimited assessment "
                                    "looks at (--time_budget)",
                                    100 * wanted / passes));
    passes = std::min(passes, wanted);
  }
  say(text("a full run takes about %.0f s here", result.fullRunSeconds));
  return rt::Status::ok();
}

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
  result.evaluationRows =
      task->hasTargetText() ? std::min(evaluationRows, kWrittenRows) : evaluationRows;
  if (!probes())
    return rt::Status::ok();
  say(text("frozen features of %.0f training and %.0f evaluation rows",
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
  say(text("linear probe: %.2f points with %.0f rows", facts.linearProbe->value,
           static_cast<double>(rows)));
  return rt::Status::ok();
}

rt::Result<Trained> Assessor::oneRun(Opened &first, std::int64_t rows, const LinearProbe *probe,
                                     const rt::Session *fitted, Evaluated &evaluated) {
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                       openSession(*tuned, options.recipe,
                                   {"train_accumulate", "apply", "train_step", "evaluate",
                                    "trunk", "evaluate_head"},
                                   {"prefill", "decode"}));
  if (probe) {
    FTC_ASSIGN_OR_RETURN(bool set, setHead(*session, *first.session, *probe));
    startedFromProbe = set;
  } else if (fitted) {
    FTC_RETURN_IF_ERROR(copyHead(*session, *fitted));
    startedFromProbe = true;
  }
  Recipe once = options.recipe;
  once.epochs = 1;
  FTC_ASSIGN_OR_RETURN(Trained trained,
                       trainRows(*session, first.train.first(rows), once, 0, stopped));
  FTC_ASSIGN_OR_RETURN(
      evaluated,
      evaluateRows(*session, *evaluationSet, first.evaluation.first(shortRows),
                   std::span<const std::int64_t>(first.evaluation.rows).first(shortRows),
                   result.metric, options.questions, options.generation, stopped));
  return trained;
}

rt::Status Assessor::shortRuns(Opened &first, ModelFacts &facts) {
  bool writes = task->hasTargetText();
  auto evaluable = static_cast<std::int64_t>(first.evaluation.rows.size());
  shortRows = writes ? kWrittenRows : static_cast<std::int64_t>(kShortEvaluationShare * passes);
  shortRows = std::min(evaluable, std::max<std::int64_t>(shortRows, writes ? 1 : 100));
  // One pass over new rows tells more than several over a part of them.
  auto rows = static_cast<std::int64_t>(first.train.rows.size());
  auto count = static_cast<std::int64_t>(kRunShare * passes / kStepPasses);
  count = std::clamp<std::int64_t>(count, std::min(rows, 2 * options.recipe.batchSize), rows);
  bool probe = probes() && first.probe.weights.columns > 0;
  std::unique_ptr<rt::Session> fitted;
  if (hasHead() && !(probe && isLinearHead(*first.session, first.probe))) {
    // Its own steps fit a head that no probe has the form of.
    probe = false;
    std::int64_t fit = std::max(count, first.featureRows);
    FTC_ASSIGN_OR_RETURN(fitted, fitHead(*first.head, first.train.first(std::min(rows, fit)),
                                         options.recipe, scratch->path(), stopped));
    FTC_ASSIGN_OR_RETURN(
        Evaluated evaluated,
        evaluateRows(*fitted, *evaluationSet, first.evaluation.first(shortRows),
                     std::span<const std::int64_t>(first.evaluation.rows).first(shortRows),
                     result.metric, options.questions, options.generation, stopped));
    probeAtRuns = evaluated.score;
    if (probes()) { // the better of both heads is what tuning has to beat
      FTC_ASSIGN_OR_RETURN(Score linear,
                           scoreLogits(first, first.probe.logits(first.evaluationFeatures.rows),
                                       first.evaluation.ends[shortRows]));
      if (linear.value > probeAtRuns.value)
        probeAtRuns = linear;
    }
  } else if (probe) {
    FTC_ASSIGN_OR_RETURN(probeAtRuns,
                         scoreLogits(first, first.probe.logits(first.evaluationFeatures.rows),
                                     first.evaluation.ends[shortRows]));
  }
  Evaluated evaluated;
  FTC_ASSIGN_OR_RETURN(Trained trained, oneRun(first, count, probe ? &first.probe : nullptr,
                                               fitted.get(), evaluated));
  facts.tunedFromProbe = startedFromProbe;
  if (!hasHead() && facts.zeroShot) // what the model writes as it is stands for the probe
    probeAtRuns = *facts.zeroShot;
  facts.tunedCurve.push_back({static_cast<double>(count), evaluated.score.value,
                              std::max(0.3, evaluated.score.error)});
  if (facts.tunedFromProbe || (!hasHead() && facts.zeroShot))
    facts.gain = {evaluated.score.value - probeAtRuns.value,
                  kPairedError * std::hypot(evaluated.score.error, probeAtRuns.error) /
                      std::sqrt(2.0),
                  shortRows};
  if (trained.stepsWithoutFirst > 3)
    trainPerToken = trained.secondsWithoutFirst /
                    static_cast<double>(std::max<std::int64_t>(1, trained.tokensWithoutFirst));
  say(text("short run on %.0f rows: %.2f points (probe %.2f)", static_cast<double>(count),
           evaluated.score.value, probeAtRuns.value));
  result.fullRunSeconds = options.recipe.epochs * tokensPerRow *
                          static_cast<double>(result.data.trainRows) * trainPerToken;
  return rt::Status::ok();
}

rt::Status Assessor::zeroShot(Opened &opened, ModelFacts &facts, std::size_t index) {
  if (task->hasTargetText()) {
    std::int64_t rows = std::min<std::int64_t>(
        kWrittenRows, static_cast<std::int64_t>(opened.evaluation.rows.size()));
    FTC_ASSIGN_OR_RETURN(
        Evaluated evaluated,
        evaluateRows(*opened.session, *evaluationSet, opened.evaluation.first(rows),
                     std::span<const std::int64_t>(opened.evaluation.rows).first(rows),
                     result.metric, options.questions, options.generation, stopped));
    facts.zeroShot = evaluated.score;
    return rt::Status::ok();
  }
  std::vector<std::int32_t> columns;
  const rt::LabelSet &labels = opened.session->labels;
  CompiledMethod compiled = *opened.head;
  std::unique_ptr<rt::Session> other;
  rt::Session *session = opened.session.get();
  if (task->hasLabelSet()) {
    std::vector<std::string> known = checkpointLabels(opened.compile.model);
    std::map<std::string, std::int32_t> ids;
    for (std::size_t i = 0; i < known.size(); ++i)
      ids[known[i]] = static_cast<std::int32_t>(i);
    for (const std::string &label : labels.names()) {
      auto found = ids.find(label);
      if (found == ids.end()) {
        facts.zeroShotNote = "no head for these labels";
        return rt::Status::ok();
      }
      columns.push_back(found->second);
    }
    if (static_cast<std::int64_t>(known.size()) != labels.size()) {
      // A head of more classes than the data has.
      CompileOptions all = opened.compile;
      all.labels = known;
      FTC_ASSIGN_OR_RETURN(
          compiled,
          compileMethod(all, "head", scratch->file("asis" + std::to_string(index) + ".ftb")));
      FTC_ASSIGN_OR_RETURN(other, openSession(compiled, options.recipe, {"evaluate"}));
      session = other.get();
    }
  }
  for (const abi::Parameter *parameter : *(*session->artifact)->parameters())
    if (parameter->trainable() && !parameter->tensor()) {
      facts.zeroShotNote = "its head is new";
      return rt::Status::ok();
    }
  FTC_ASSIGN_OR_RETURN(Evaluated evaluated,
                       evaluateRows(*session, *evaluationSet, opened.evaluation.all(),
                                    opened.evaluation.rows, result.metric, options.questions,
                                    options.generation, stopped, columns));
  facts.zeroShot = evaluated.score;
  say(text("the model as it is: %.2f points", evaluated.score.value));
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

void Assessor::predict(ModelFacts &facts) {
  auto rows = static_cast<double>(result.data.trainRows);
  auto seed = static_cast<std::uint32_t>(options.recipe.seed);
  double noise = facts.linearProbe ? facts.linearProbe->error : 0;
  if (!facts.probeCurve.empty()) {
    facts.probeLaw = fitPowerLaw(facts.probeCurve);
    facts.probeAtAll = extrapolate(facts.probeCurve, rows, noise, seed);
  }
  if (facts.tunedCurve.empty())
    return;
  const CurvePoint &run = facts.tunedCurve.back();
  std::optional<Prediction> base = facts.probeAtAll;
  if (!base && facts.gain) { // the model as it is, or the head as it was fitted: no curve
    base = around(probeAtRuns.value, probeAtRuns.error);
    facts.probeLaw = {probeAtRuns.value, 0, 1};
  }
  if (!facts.gain || !base) {
    // Nothing to add a gain to: what the short run reached, of which only more can be said.
    facts.tunedLaw = {run.value, 0, 1};
    facts.tunedAtAll = around(run.value, run.error);
    facts.tunedAtAll->high = 100;
    return;
  }
  double doublings = std::max(0.0, std::log2(options.recipe.epochs * rows / run.rows));
  double growth = facts.gain->value > 0 ? 1 + kGainGrowth * doublings : 1;
  double gain = facts.gain->value;
  if (gain > 0) { // a share of what is missing, which is less with all rows
    double missing = std::max(0.5, 100 - probeAtRuns.value);
    double share = std::min(0.9, growth * gain / missing);
    gain = share * (100 - base->value);
    growth *= (100 - base->value) / missing;
  }
  facts.tunedLaw = facts.probeLaw;
  facts.tunedLaw.top = std::min(100.0, facts.tunedLaw.top + gain);
  double spread = (base->high - base->low) / 3.29;
  facts.tunedAtAll = around(std::clamp(base->value + gain, 0.0, 100.0),
                            std::hypot(spread, growth * facts.gain->error));
}

rt::Status Assessor::costs(Opened &first, ModelFacts &facts) {
  if (first.head) {
    MethodCost cost{
        "head", first.head->peakBytes, first.head->trainable, first.head->parameters, {}};
    // The trunk once for each example; what the head takes itself is small beside it.
    cost.seconds =
        first.forwardPerToken * tokensPerRow * static_cast<double>(result.data.trainRows);
    facts.costs.push_back(cost);
  }
  facts.costs.push_back({tuned->method, tuned->peakBytes, tuned->trainable, tuned->parameters,
                         result.fullRunSeconds});
  return rt::Status::ok();
}

rt::Result<Assessment> Assessor::run() {
  result.task = options.compile.task;
  result.recipe = options.recipe;
  result.method = options.method;
  result.target = options.target;
  FTC_ASSIGN_OR_RETURN(const rt::Task *named, rt::findTask(options.compile.task));
  if (named->hasTargetText() && options.models.size() > 1)
    return rt::Status::usage(
        "MODEL: " + options.compile.task +
        " has no head to compare frozen models by; expected one model, got " +
        std::to_string(options.models.size()));
  FTC_ASSIGN_OR_RETURN(scratch, Scratch::make());
  Opened first;
  FTC_RETURN_IF_ERROR(open(first, options.models.front(), 0));
  FTC_RETURN_IF_ERROR(readData(first));
  FTC_RETURN_IF_ERROR(calibrate(first));
  result.models.reserve(options.models.size());
  result.models.resize(1);
  ModelFacts &facts = result.models.front();
  facts.model = options.models.front();
  facts.unknownShare = result.data.unknownShare;
  facts.tokensPerWord = result.data.tokensPerWord;
  FTC_RETURN_IF_ERROR(probeModel(first, facts));
  FTC_RETURN_IF_ERROR(baselines(first));
  FTC_RETURN_IF_ERROR(zeroShot(first, facts, 0));
  FTC_RETURN_IF_ERROR(shortRuns(first, facts));
  predict(facts);
  FTC_RETURN_IF_ERROR(costs(first, facts));
  for (std::size_t index = 1; index < options.models.size(); ++index)
    FTC_RETURN_IF_ERROR(assessOther(index).withContext(options.models[index]));
  double error = facts.linearProbe ? facts.linearProbe->error : facts.tunedCurve.back().error;
  result.detectable = detectableDifference(error);
  decide(result);
  result.seconds = since(start);
  return std::move(result);
}

} // namespace

rt::Result<Assessment> assess(const AssessOptions &options, const Say &say,
                              const rt::StopRequest &stopped) {
  Assessor assessor(options, say, stopped);
  return assessor.run();
}

} // namespace ftc::assess
