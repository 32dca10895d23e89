// ftrt bench: times training steps and evaluation of an artifact on random tokens.
#include "tools/ftrt/Commands.h"
#include "tools/ftrt/ProfileTable.h"

#include "runtime/artifact/Expression.h"
#include "runtime/devices/FmaPeak.h"
#include "runtime/devices/MemoryPeak.h"
#include "runtime/support/Philox.h"
#include "runtime/train/Evaluation.h"
#include "runtime/train/StepRunner.h"
#include "runtime/train/Weights.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>

namespace ftc::cli {

using rt::Result;
using rt::Status;

namespace {

struct BenchSettings {
  std::string artifact, modelPath;
  DeviceFlags device;
  std::int64_t batchSize = 16, seqLength = 128;
  double seconds = 3;
  bool profile = false;
};

std::uint32_t random(std::uint32_t index, std::uint32_t stream) {
  return rt::philox({42, 0x42454E43}, {index, stream, 0, 0})[0];
}

/// Sequences of equal length with random ids of the vocabulary and random labels.
std::vector<rt::Example> randomExamples(const rt::Session &session, const BenchSettings &s) {
  std::uint32_t vocabulary = std::max(1, session.tokenizer->vocabularySize());
  bool tokens = session.layout.placement == rt::LabelPlacement::Token;
  bool spans = session.layout.placement == rt::LabelPlacement::Span;
  std::uint32_t classes = static_cast<std::uint32_t>(
      std::max<std::int64_t>(1, spans                         ? s.seqLength
                                : session.task->hasLabelSet() ? session.labels.size()
                                                              : vocabulary));
  std::vector<rt::Example> examples(s.batchSize);
  for (std::uint32_t e = 0; e < examples.size(); ++e) {
    rt::Example &example = examples[e];
    example.typeIds.assign(s.seqLength, 0);
    for (std::uint32_t i = 0; i < s.seqLength; ++i)
      example.ids.push_back(static_cast<std::int32_t>(random(i, e) % vocabulary));
    std::int64_t labels = tokens ? s.seqLength : 1;
    for (std::uint32_t i = 0; i < labels; ++i)
      example.labels.push_back(static_cast<std::int32_t>(random(i, e ^ 0x80000000u) % classes));
    if (session.layout.targetWidth > 0)
      example.labels.assign(1, 0);
    for (std::uint32_t i = 0; i < session.layout.targetWidth; ++i)
      example.targets.push_back(static_cast<float>(random(i, e) % 2));
    if (session.layout.placement == rt::LabelPlacement::Target) {
      std::int64_t length =
          std::min<std::int64_t>(s.seqLength, session.encode.target.maxLength);
      example.labels.clear();
      for (std::uint32_t i = 0; i < length; ++i)
        example.labels.push_back(
            static_cast<std::int32_t>(random(i, e ^ 0x40000000u) % classes));
      example.targetIds = example.labels;
    }
    if (spans)
      example.spanEnd = static_cast<std::int32_t>(s.seqLength) - 1;
    if (tokens)
      for (std::int32_t i = 0; i < s.seqLength; ++i)
        example.wordIds.push_back(i);
    example.line = e + 1;
  }
  return examples;
}

/// The checkpoint's weights if it is there, else random ones: speed does not depend on them.
Status loadAnyWeights(rt::Session &session, const std::string &modelPath) {
  Status loaded = rt::loadInitialWeights(session, modelPath, 42);
  if (loaded || !modelPath.empty())
    return loaded;
  std::vector<float> values;
  const rt::ArtifactReader &artifact = *session.artifact;
  for (std::uint32_t i = 0; i < rt::count(artifact->parameters()); ++i) {
    values.resize(session.executor->parameterElements(i));
    for (std::size_t at = 0; at < values.size(); ++at)
      // Of few bits, so that every type that a parameter may be stored in holds it.
      values[at] =
          std::clamp(std::round(rt::initialNormal(42, i, at, 20)), -127.f, 127.f) / 1024;
    FTC_RETURN_IF_ERROR(session.executor->loadParameter(i, values));
  }
  std::fputs("ftrt: the checkpoint is not there; timing with random weights\n", stderr);
  return Status::ok();
}

/// FLOPs of one run of a program over a packed batch.
double programFlops(const rt::Session &session, const char *name, const rt::Batch &batch) {
  const rt::ArtifactReader &artifact = *session.artifact;
  std::vector<std::int64_t> symbols;
  for (std::uint32_t i = 0; i < rt::count(artifact->symbols()); ++i)
    symbols.push_back(batch.symbol(rt::text(artifact->symbols()->Get(i)->name())).value_or(0));
  double sum = 0;
  const abi::Variant &variant = session.executor->variant();
  for (std::uint32_t p = 0; p < rt::count(variant.programs()); ++p) {
    const abi::Program &program = *variant.programs()->Get(p);
    if (rt::text(program.name()) != name)
      continue;
    for (std::uint32_t c = 0; c < rt::count(program.commands()); ++c) {
      std::int64_t flops = 0;
      const abi::Expr *expression = program.commands()->Get(c)->flops();
      if (expression && rt::evaluate(*expression, symbols, flops))
        sum += static_cast<double>(flops);
    }
  }
  return sum;
}

/// Runs `once` for about `seconds`; the median seconds of a run.
Result<double> measure(double seconds, const std::function<Status()> &once) {
  std::vector<double> times;
  double total = 0;
  while (times.size() < 5 || (total < seconds && times.size() < 10000)) {
    auto start = std::chrono::steady_clock::now();
    FTC_RETURN_IF_ERROR(once());
    times.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

/// What is timed: a program over the whole batch, for about `share` of the seconds asked for.
struct Workload {
  const char *name;
  double share, flops;
  std::function<Status()> once;
};

/// Median seconds of a workload, and its FLOPs.
struct Timing {
  const char *name;
  double seconds, flops;
};

/// Times each after two warm-ups of all: the first touches memory that the machine had not
/// given to anybody, which no later step does and no profile should show.
Result<std::vector<Timing>> timeAll(rt::Executor &executor, double seconds,
                                    std::span<const Workload> workloads) {
  for (const Workload &work : workloads)
    for (int i = 0; i < 2; ++i)
      FTC_RETURN_IF_ERROR(work.once());
  executor.resetProfile();
  std::vector<Timing> timings;
  for (const Workload &work : workloads) {
    FTC_ASSIGN_OR_RETURN(double median, measure(seconds * work.share, work.once));
    timings.push_back({work.name, median, work.flops});
  }
  return timings;
}

void printTimings(const rt::Session &session, const BenchSettings &s, double peak,
                  std::size_t microBatches, std::span<const Timing> timings) {
  std::string_view isa = rt::text(session.executor->variant().isa());
  const char *name = rt::peakName(rt::productsOf(isa));
  std::printf("%s, %s\n", session.device->properties().description.c_str(),
              std::string(isa).c_str());
  if (peak > 0)
    std::printf("%s measured: %.1f GFLOP/s on %u threads\n", name, peak * 1e-9,
                session.device->properties().threads);
  std::printf("batch %lld x %lld tokens, %zu micro-batches\n",
              static_cast<long long>(s.batchSize), static_cast<long long>(s.seqLength),
              microBatches);
  double tokens = static_cast<double>(s.batchSize * s.seqLength);
  bool above = false;
  for (const Timing &timing : timings) {
    double rate = timing.flops / timing.seconds;
    above = above || (peak > 0 && rate > peak);
    std::printf("%-9s %9.2f ms %10.0f tokens/s %8.1f GFLOP/s", timing.name,
                1e3 * timing.seconds, tokens / timing.seconds, rate * 1e-9);
    if (peak > 0)
      std::printf(" %5.1f%% of %s", 100 * rate / peak, name);
    std::printf("\n");
  }
  if (above)
    std::printf(
        "the share of the %s is not to be trusted: other work kept the machine from its "
        "peak while that was measured\n",
        name);
}

/// `peak` is that of the variant's products.
void printProfiles(rt::Session &session, rt::Products products, double peak) {
  constexpr int attempts = 5;
  unsigned threads = session.device->properties().threads;
  MachinePeaks peaks{peak, peak, 0};
  bool cpu = session.device->properties().target == "cpu";
  if (cpu && products == rt::Products::Bf16)
    peaks.flops = rt::measureFmaPeak(rt::Products::F32, threads, rt::kThoroughLook);
  double memory =
      cpu ? rt::measureMemoryPeak(threads, attempts, rt::memoryPeakArrayBytes(threads)) : 0;
  if (memory > 0)
    std::printf(
        "\nmemory peak measured: %.1f GB/s on %u threads; bytes are what a command reads "
        "and writes at least, and may come from caches\n",
        memory * 1e-9, threads);
  peaks.bytes = memory;
  rt::Executor &executor = *session.executor;
  for (const char *name : {rt::kTrunk, "train_accumulate", "apply", "train_step", "evaluate"})
    if (rt::ProgramHandle program = executor.program(name))
      std::printf("\n%s", profileTable(name, executor.profile(program), peaks).c_str());
}

Status benchSession(rt::Session &session, const BenchSettings &s) {
  rt::Products products = rt::productsOf(rt::text(session.executor->variant().isa()));
  double peak = rt::multiplyAddPeak(session, rt::kThoroughLook);
  std::vector<rt::Example> examples = randomExamples(session, s);
  std::vector<const rt::Example *> batch;
  for (const rt::Example &example : examples)
    batch.push_back(&example);
  FTC_ASSIGN_OR_RETURN(rt::BatchFeed feed,
                       rt::BatchFeed::make(session, session.layout, rt::FeedFor::Training));
  std::vector<rt::MicroBatch> micro;
  FTC_RETURN_IF_ERROR(
      rt::splitMicroBatches(batch, session.capacity, session.layout.placement, micro));
  double trainFlops = 0, evaluateFlops = 0;
  for (const rt::MicroBatch &part : micro) {
    FTC_RETURN_IF_ERROR(feed.feed(
        std::span<const rt::Example *const>(batch).subspan(part.begin, part.end - part.begin),
        part.begin));
    trainFlops += programFlops(session, "train_accumulate", feed.batch());
    if (session.executor->program(rt::kTrunk))
      trainFlops += programFlops(session, rt::kTrunk, feed.batch());
    if (!session.executor->program("train_accumulate"))
      trainFlops += programFlops(session, "train_step", feed.batch());
    evaluateFlops += programFlops(session, "evaluate", feed.batch());
  }
  std::vector<Workload> workloads;
  std::unique_ptr<rt::StepRunner> stepper;
  std::int64_t step = 0;
  if (session.executor->program("train_accumulate") ||
      session.executor->program("train_step")) {
    rt::Hyperparameters hyper;
    hyper.maxGradNorm = session.executor->program("apply") ? 1 : 0;
    FTC_RETURN_IF_ERROR(session.executor->clear(rt::ParameterSlot::Moments));
    FTC_ASSIGN_OR_RETURN(stepper, rt::StepRunner::make(session, hyper));
    workloads.push_back({"training", 1, trainFlops, [&] {
                           Result<rt::StepOutcome> outcome =
                               stepper->run(batch, step, step, 1e-6);
                           ++step;
                           return outcome ? Status::ok() : outcome.takeStatus();
                         }});
  }
  if (rt::ProgramHandle program = session.executor->program("evaluate"))
    workloads.push_back({"evaluate", 1.0 / 3, evaluateFlops, [&, program]() -> Status {
                           for (const rt::MicroBatch &part : micro) {
                             FTC_RETURN_IF_ERROR(
                                 feed.feed(std::span<const rt::Example *const>(batch).subspan(
                                               part.begin, part.end - part.begin),
                                           part.begin));
                             FTC_RETURN_IF_ERROR(session.executor->run(program));
                           }
                           return Status::ok();
                         }});
  FTC_ASSIGN_OR_RETURN(std::vector<Timing> timings,
                       timeAll(*session.executor, s.seconds, workloads));
  // What other processes leave of the machine changes: the peak is the best of before and
  // after.
  peak = std::max(peak, rt::multiplyAddPeak(session, rt::kThoroughLook));
  printTimings(session, s, peak, micro.size(), timings);
  if (s.profile)
    printProfiles(session, products, peak);
  return Status::ok();
}

} // namespace

Status benchCommand(Arguments arguments) {
  BenchSettings settings;
  FlagSet flags("ftrt bench", "step.ftb [--batch_size B --seq_length S] [--profile]",
                "Times training steps and evaluation on random tokens.");
  flags.positional("step.ftb", settings.artifact, "what ftc compile wrote");
  flags.group("Work");
  flags.integer("batch_size", settings.batchSize, {.least = 1, .most = 1 << 16},
                "sequences in a step");
  flags.integer("seq_length", settings.seqLength, {.least = 1, .most = 1 << 16},
                "tokens in a sequence");
  flags.real("seconds", settings.seconds, {.least = 0, .most = 3600},
             "seconds of training steps");
  flags.boolean("profile", settings.profile, "time each command as well (slower)");
  flags.group("Machine");
  settings.device.declare(flags);
  flags.text("model_name_or_path", settings.modelPath, "DIR", "where the checkpoint lies now");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return Status::ok();
  rt::SessionOptions options;
  options.device = settings.device.device;
  options.threads = static_cast<unsigned>(settings.device.threads);
  options.programs = {rt::kTrunk, "train_accumulate", "apply", "train_step", "evaluate"};
  options.profile = settings.profile;
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                       rt::Session::open(artifactIn(settings.artifact), options));
  std::int64_t longest = session->encode.maxSeqLength;
  if (longest > 0 && !flags.given("seq_length"))
    settings.seqLength = std::min(settings.seqLength, longest);
  if (longest > 0 && settings.seqLength > longest)
    return Status::usage("--seq_length: expected at most " + std::to_string(longest) +
                         " (the artifact's --max_seq_length), got '" +
                         std::to_string(settings.seqLength) + "'");
  FTC_RETURN_IF_ERROR(loadAnyWeights(*session, settings.modelPath));
  return benchSession(*session, settings);
}

} // namespace ftc::cli
