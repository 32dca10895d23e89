// The loop is Trainer's without what a run leaves behind: no files, no checkpoints, no log.
#include "assess/Runs.h"

#include "runtime/artifact/PlannedMemory.h"
#include "runtime/devices/CpuDevice.h"
#include "runtime/support/Text.h"
#include "runtime/train/Evaluation.h"
#include "runtime/train/Generation.h"
#include "runtime/train/Sampler.h"
#include "runtime/train/Schedule.h"
#include "runtime/train/StepPlan.h"
#include "runtime/train/StepRunner.h"
#include "runtime/train/Weights.h"

#include <chrono>

namespace ftc::assess {

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A task's collector behind a permutation of the logits' columns: those of a checkpoint's head
/// whose classes stand in another order than the data's.
class PermutedOutputs final : public rt::TaskOutputs {
public:
  PermutedOutputs(rt::TaskOutputs &inner, std::span<const std::int32_t> columns)
      : inner(inner), columns(columns) {}
  rt::Status add(std::span<const float> logits, std::int64_t classes,
                 std::span<const rt::OutputRow> rows) override {
    auto width = static_cast<std::int64_t>(columns.size());
    permuted.resize(rows.size() * columns.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::int64_t j = 0; j < width; ++j)
        permuted[i * width + j] = logits[i * classes + columns[j]];
    return inner.add(permuted, width, rows);
  }
  void takeLoss(double sum, std::int64_t counted) override { inner.takeLoss(sum, counted); }
  rt::Result<rt::Metrics> metrics() const override { return inner.metrics(); }
  rt::Result<std::string> report() const override { return inner.report(); }
  rt::Result<std::string> predictionLines(const rt::DataTable &table,
                                          const rt::TaskColumns &columns) const override {
    return inner.predictionLines(table, columns);
  }

private:
  rt::TaskOutputs &inner;
  std::span<const std::int32_t> columns;
  std::vector<float> permuted;
};

} // namespace

rt::Result<CompiledMethod> compileMethod(CompileOptions options, const std::string &method,
                                         const std::string &path) {
  auto start = Clock::now();
  CompiledMethod out{method, path};
  options.pipeline.method = method;
  options.output = path;
  options.quiet = true;
  FTC_RETURN_IF_ERROR(compile(options));
  out.compileSeconds = since(start);
  FTC_ASSIGN_OR_RETURN(std::shared_ptr<const rt::ArtifactReader> artifact,
                       rt::ArtifactReader::open(path));
  FTC_ASSIGN_OR_RETURN(std::shared_ptr<rt::Device> device, rt::makeDevice("cpu", 1));
  FTC_ASSIGN_OR_RETURN(std::uint32_t variant, rt::chooseVariant(*artifact, *device));
  const abi::Variant &chosen = *(*artifact)->variants()->Get(variant);
  out.peakBytes = rt::memoryOf(chosen).peak();
  out.severalPeakBytes = rt::memoryOf(chosen, rt::GradientPlace::Apart).peak();
  for (const abi::Parameter *parameter : *(*artifact)->parameters()) {
    std::int64_t elements = 1;
    for (std::int64_t dimension : *parameter->shape())
      elements *= dimension;
    out.parameters += elements;
    out.trainable += parameter->trainable() ? elements : 0;
  }
  return out;
}

rt::Result<std::unique_ptr<rt::Session>> openSession(const CompiledMethod &compiled,
                                                     const Recipe &recipe,
                                                     std::vector<std::string> programs,
                                                     std::vector<std::string> scoring) {
  rt::SessionOptions options;
  options.threads = recipe.threads;
  options.programs = std::move(programs);
  options.scoringPrograms = std::move(scoring);
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                       rt::Session::open(compiled.artifact, options));
  FTC_RETURN_IF_ERROR(session->prepareTargets({}, {}));
  FTC_RETURN_IF_ERROR(
      rt::loadInitialWeights(*session, "", static_cast<std::uint32_t>(recipe.seed)));
  return session;
}

rt::Result<EncodedRows> encodeRows(const rt::Session &session, const rt::DataSet &set,
                                   const rt::QuestionSettings &questions,
                                   std::vector<std::int64_t> rows) {
  EncodedRows out;
  out.set = &set;
  out.rows = std::move(rows);
  rt::EncodeSettings settings = session.encode;
  settings.questions = questions;
  rt::EncodeSource source = rt::encodeSource(session, set, settings);
  source.threads = session.device ? std::max(1u, session.device->properties().threads) : 1;
  out.stream = rt::ExampleStream::start(source, out.rows, {});
  rt::Result<bool> done = out.stream->wait(-1);
  if (!done)
    return done.takeStatus();
  std::span<const rt::Example> all = out.stream->all();
  out.ends.assign(out.rows.size() + 1, 0);
  std::size_t example = 0;
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    while (example < all.size() && all[example].row == out.rows[i])
      ++example;
    out.ends[i + 1] = static_cast<std::int64_t>(example);
  }
  return out;
}

void Trained::add(const Trained &later) {
  examples += later.examples;
  steps += later.steps;
  updates += later.updates;
  tokens += later.tokens;
  seconds += later.seconds;
  secondsPerToken.insert(secondsPerToken.end(), later.secondsPerToken.begin(),
                         later.secondsPerToken.end());
  finite &= later.finite;
}

double Trained::perToken() const {
  if (secondsPerToken.size() < 4)
    return seconds / static_cast<double>(std::max<std::int64_t>(1, tokens));
  std::vector<double> sorted = secondsPerToken;
  auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

rt::Result<Trained> trainRows(rt::Session &session, std::span<const rt::Example> examples,
                              const Recipe &recipe, const rt::StopRequest &stopped,
                              const Course &course) {
  rt::StepPlanRequest request;
  request.examples = static_cast<std::int64_t>(examples.size());
  request.batchSize = recipe.batchSize;
  request.epochs = recipe.epochs;
  FTC_ASSIGN_OR_RETURN(rt::StepPlan plan, rt::StepPlan::make(request));
  FTC_ASSIGN_OR_RETURN(
      rt::Schedule schedule,
      rt::Schedule::make(course.schedule, recipe.learningRate, 0, plan.totalSteps));
  rt::Hyperparameters hyper;
  hyper.seed = static_cast<std::uint32_t>(recipe.seed);
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::StepRunner> runner,
                       rt::StepRunner::make(session, hyper));
  if (!course.keepIn.empty() && runner->trunk())
    FTC_RETURN_IF_ERROR(runner->trunk()->keepIn(course.keepIn));
  rt::Sampler sampler(request.examples, hyper.seed, /*shuffle=*/true);
  std::int64_t steps =
      course.mostSteps > 0 ? std::min(course.mostSteps, plan.totalSteps) : plan.totalSteps;
  std::vector<const rt::Example *> batch;
  Trained out;
  for (std::int64_t step = 0; step < steps; ++step) {
    if (stopped && stopped())
      return rt::Status::interrupted("stopped in a short run");
    const std::vector<std::int64_t> &order = sampler.order(plan.epochOf(step));
    rt::StepRange range = plan.range(step);
    batch.clear();
    for (std::int64_t i = range.begin; i < range.end; ++i)
      batch.push_back(&examples[order[i]]);
    auto start = Clock::now();
    FTC_ASSIGN_OR_RETURN(rt::StepOutcome outcome,
                         runner->run(batch, course.steps + step, course.updates + out.updates,
                                     schedule.rate(step)));
    double seconds = since(start);
    out.updates += outcome.kind == rt::StepOutcome::Kind::Updated;
    out.finite &= outcome.kind != rt::StepOutcome::Kind::NonFinite;
    out.examples += outcome.examples;
    out.tokens += outcome.tokens;
    out.seconds += seconds;
    ++out.steps;
    if (step > 0 && outcome.tokens > 0)
      out.secondsPerToken.push_back(seconds / static_cast<double>(outcome.tokens));
  }
  return out;
}

namespace {

/// The head's weight [classes, hidden] and bias, where these are all that is trained; else
/// none.
struct HeadParameters {
  const abi::Parameter *weight = nullptr, *bias = nullptr;
};

HeadParameters linearHead(const rt::Session &headSession, const LinearProbe &probe) {
  HeadParameters out;
  int trainable = 0;
  for (const abi::Parameter *parameter : *(*headSession.artifact)->parameters()) {
    if (!parameter->trainable())
      continue;
    ++trainable;
    (rt::count(parameter->shape()) == 2 ? out.weight : out.bias) = parameter;
  }
  std::int64_t d = probe.weights.rows, c = probe.weights.columns;
  bool fits = trainable <= 2 && out.weight && out.weight->shape()->Get(0) == c &&
              out.weight->shape()->Get(1) == d &&
              (trainable == 1 || (out.bias && out.bias->shape()->Get(0) == c));
  return fits ? out : HeadParameters();
}

} // namespace

bool isLinearHead(const rt::Session &headSession, const LinearProbe &probe) {
  return linearHead(headSession, probe).weight != nullptr;
}

rt::Result<bool> setHead(rt::Session &session, const rt::Session &headSession,
                         const LinearProbe &probe) {
  HeadParameters head = linearHead(headSession, probe);
  if (!head.weight)
    return false;
  std::int64_t d = probe.weights.rows, c = probe.weights.columns;
  const auto &parameters = *(*session.artifact)->parameters();
  for (std::uint32_t i = 0; i < parameters.size(); ++i) {
    std::string_view name = rt::text(parameters.Get(i)->name());
    if (name == rt::text(head.weight->name())) {
      std::vector<float> values(static_cast<std::size_t>(c * d));
      for (std::int64_t k = 0; k < c; ++k)
        for (std::int64_t j = 0; j < d; ++j)
          values[k * d + j] = probe.weights.row(j)[k];
      FTC_RETURN_IF_ERROR(session.executor->loadParameter(i, values));
    } else if (head.bias && name == rt::text(head.bias->name())) {
      FTC_RETURN_IF_ERROR(session.executor->loadParameter(i, probe.bias));
    }
  }
  return true;
}

rt::Result<std::unique_ptr<rt::Session>>
fitHead(const CompiledMethod &head, std::span<const rt::Example> examples, const Recipe &recipe,
        const std::string &directory, const rt::StopRequest &stopped) {
  constexpr double kPasses = 20, kRate = 1e-3;
  FTC_ASSIGN_OR_RETURN(
      std::unique_ptr<rt::Session> session,
      openSession(head, recipe,
                  {"train_accumulate", "apply", "train_step", rt::kTrunk, "evaluate"}));
  Recipe passes = recipe;
  passes.epochs = kPasses;
  passes.learningRate = kRate;
  FTC_ASSIGN_OR_RETURN(Trained trained,
                       trainRows(*session, examples, passes, stopped, {.keepIn = directory}));
  if (!trained.finite)
    return rt::Status::error(head.artifact +
                             ": the head's loss is not finite on frozen features");
  return session;
}

rt::Status copyHead(rt::Session &session, const rt::Session &fitted) {
  const auto &from = *(*fitted.artifact)->parameters();
  const auto &to = *(*session.artifact)->parameters();
  std::vector<float> values;
  for (std::uint32_t i = 0; i < from.size(); ++i) {
    if (!from.Get(i)->trainable())
      continue;
    values.resize(static_cast<std::size_t>(fitted.executor->parameterElements(i)));
    FTC_RETURN_IF_ERROR(fitted.executor->storeParameter(i, values));
    for (std::uint32_t j = 0; j < to.size(); ++j)
      if (rt::text(to.Get(j)->name()) == rt::text(from.Get(i)->name()))
        FTC_RETURN_IF_ERROR(session.executor->loadParameter(j, values));
  }
  return rt::Status::ok();
}

rt::Result<Evaluated>
evaluateRows(rt::Session &session, const rt::DataSet &set,
             std::span<const rt::Example> examples, std::span<const std::int64_t> rows,
             const MetricChoice &metric, const rt::QuestionSettings &questions,
             const rt::GenerationFlags &generation, const rt::StopRequest &stopped,
             std::span<const std::int32_t> permutation) {
  auto start = Clock::now();
  rt::OutputSource source = session.outputSource(examples, *set.table, set.columns, questions);
  source.stopped = stopped;
  GroupedOutputs outputs(*session.task, source);
  PermutedOutputs permuted(outputs, permutation);
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Evaluator> evaluator,
                       rt::Evaluator::make(session, 0));
  FTC_ASSIGN_OR_RETURN(rt::EvaluationResult result,
                       evaluator->run(examples, 8,
                                      permutation.empty()
                                          ? static_cast<rt::TaskOutputs &>(outputs)
                                          : static_cast<rt::TaskOutputs &>(permuted),
                                      [&](std::int64_t) { return !(stopped && stopped()); }));
  if (session.task->hasTargetText()) {
    FTC_ASSIGN_OR_RETURN(rt::Prompts prompts,
                         rt::encodePrompts(session, *set.table, set.columns, rows, generation));
    FTC_ASSIGN_OR_RETURN(std::vector<rt::WrittenText> texts,
                         rt::writeTexts(session, prompts, generation,
                                        [&](std::int64_t) { return !(stopped && stopped()); }));
    outputs.takeTexts(std::move(texts), false);
  }
  Evaluated out;
  FTC_ASSIGN_OR_RETURN(out.score, outputs.score(metric));
  out.loss = result.loss();
  out.seconds = since(start);
  return out;
}

} // namespace ftc::assess
