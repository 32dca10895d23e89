// The order of an assessment: data, frozen features, probes, short runs, costs, verdict. Each
// part gets a share of the time that all may take.
#include "assess/Assessor.h"

#include "runtime/report/Report.h"

#include <cmath>

namespace ftc::assess {

namespace {

void addFlag(std::string &flags, const char *name, const std::string &value) {
  if (!value.empty())
    flags += std::string(" --") + name + " " + rt::shellQuote(value);
}

void addFiles(std::string &flags, const char *name, const std::vector<std::string> &files) {
  if (!files.empty())
    flags += std::string(" --") + name;
  for (const std::string &file : files)
    flags += " " + rt::shellQuote(file);
}

/// Files and columns, as both ftc compile and ftrt run take them.
std::string dataFlagsOf(const CompileOptions &compile) {
  std::string flags;
  addFiles(flags, "train_file", compile.trainFile);
  const rt::ColumnFlags &columns = compile.columns;
  addFlag(flags, "text_column_name", columns.textColumnName);
  addFlag(flags, "label_column_name", columns.labelColumnName);
  addFlag(flags, "sentence1_key", columns.sentence1Key);
  addFlag(flags, "sentence2_key", columns.sentence2Key);
  addFlag(flags, "text_column", columns.textColumn);
  addFlag(flags, "summary_column", columns.summaryColumn);
  addFlag(flags, "source_lang", columns.sourceLang);
  addFlag(flags, "target_lang", columns.targetLang);
  return flags;
}

std::string compileFlagsOf(const CompileOptions &compile) {
  std::string flags;
  for (const auto &[name, value] :
       {std::pair("max_seq_length", compile.maxSequenceLength),
        std::pair("max_tokens", compile.maxTokens),
        std::pair("max_source_length", compile.generation.maxSourceLength),
        std::pair("max_target_length", compile.generation.maxTargetLength)})
    if (value > 0)
      addFlag(flags, name, std::to_string(value));
  if (compile.precision != "fp32")
    addFlag(flags, "precision", compile.precision);
  return flags;
}

std::string runFlagsOf(const AssessOptions &options) {
  std::string flags;
  addFiles(flags, "validation_file", options.validationFile);
  if (options.recipe.seed != Recipe().seed)
    addFlag(flags, "seed", std::to_string(options.recipe.seed));
  return flags;
}

} // namespace

rt::Result<Assessment> Assessor::run() {
  result.task = options.compile.task;
  result.recipe = options.recipe;
  result.method = options.method;
  result.dataFlags = dataFlagsOf(options.compile);
  result.compileFlags = compileFlagsOf(options.compile);
  result.runFlags = runFlagsOf(options);
  result.target = options.target;
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
  result.fullRunSeconds = options.recipe.epochs * tokensPerRow *
                          static_cast<double>(result.data.trainRows) * first.trainPerToken;
  predict(first, facts);
  FTC_RETURN_IF_ERROR(costs(first, facts));
  for (std::size_t index = 1; index < options.models.size(); ++index)
    FTC_RETURN_IF_ERROR(assessOther(index).withContext(options.models[index]));
  // Of two runs, each with a seed and rows of its own.
  const ModelFacts &assessed = result.models.front();
  double rows =
      assessed.linearProbe ? assessed.linearProbe->error : assessed.tunedCurve.back().error;
  result.evaluationSize = evaluationSize();
  result.detectable = detectableDifference(std::hypot(rows, assessed.noise.seeds));
  if (result.data.testRows > 0)
    result.detectableTest = detectableDifference(
        std::hypot(rows * std::sqrt(static_cast<double>(result.evaluationRows) /
                                    static_cast<double>(result.data.testRows)),
                   assessed.noise.seeds));
  decide(result);
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(result);
}

rt::Result<Assessment> assess(const AssessOptions &options, const Say &say,
                              const rt::StopRequest &stopped) {
  Assessor assessor(options, say, stopped);
  return assessor.run();
}

} // namespace ftc::assess
