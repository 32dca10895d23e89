// `ftc compile`: the phases in order, from a checkpoint's files to one artifact on disk.
#include "compiler/Compile.h"

#include "compiler/ArtifactBuilder.h"
#include "compiler/CompileData.h"
#include "compiler/MemoryBudget.h"
#include "compiler/MethodCost.h"
#include "compiler/Target.h"
#include "compiler/analysis/Arguments.h"
#include "compiler/analysis/Liveness.h"
#include "compiler/passes/Passes.h"
#include "compiler/passes/Rematerialize.h"
#include "compiler/plan/ProgramPlanner.h"
#include "compiler/plan/VerifyPlan.h"
#include "frontends/Architecture.h"
#include "runtime/artifact/ArtifactWriter.h"
#include "runtime/artifact/CompactRows.h"
#include "runtime/io/GgufModel.h"
#include "runtime/io/WeightSource.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/support/Version.h"
#include "runtime/tasks/Batch.h"
#include "runtime/tasks/ChatTemplate.h"

#include "mlir/IR/Remarks.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Host.h"

#include <chrono>
#include <cmath>
#include <cstdio>

using namespace mlir;

namespace ftc {
namespace {

/// Collects MLIR diagnostics of a run; the first error becomes the status.
class Diagnostics {
public:
  Diagnostics(MLIRContext *context, bool remarks)
      : handler(context, [this, remarks](Diagnostic &diagnostic) {
          std::string text = diagnostic.str();
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error && first.empty())
            first = text;
          if (diagnostic.getSeverity() == DiagnosticSeverity::Warning ||
              (remarks && diagnostic.getSeverity() == DiagnosticSeverity::Remark))
            std::fprintf(stderr, "%s\n", text.c_str());
        }) {}
  rt::Status failure(const std::string &phase) const {
    std::string line = first.substr(0, first.find('\n'));
    return rt::Status::error("phase " + phase + ": " + (line.empty() ? "failed" : line));
  }

private:
  std::string first;
  ScopedDiagnosticHandler handler;
};

/// Seconds of each phase, for the summary.
class Stopwatch {
public:
  void lap(const std::string &name) {
    auto now = std::chrono::steady_clock::now();
    auto lap = std::find_if(laps.begin(), laps.end(),
                            [&](const auto &entry) { return entry.first == name; });
    if (lap == laps.end())
      lap = laps.insert(laps.end(), {name, 0.0});
    lap->second += std::chrono::duration<double>(now - last).count();
    last = now;
  }
  std::vector<std::pair<std::string, double>> laps;

private:
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
};

/// One compilation: its inputs, once read, and what phases leave for later ones.
class Compilation {
public:
  explicit Compilation(CompileOptions given)
      : options(std::move(given)), target(findTarget(options.target)),
        diagnostics(&context, this->options.remarks), symbols(&context),
        quiet(this->options.quiet) {}

  rt::Status run();
  /// What `run` would plan takes for a batch; nothing is printed or written.
  rt::Result<MethodCost> cost(const TypicalBatch &batch);

private:
  rt::Status prepare();
  rt::Status openAdapter();
  rt::Status readModel();
  rt::Status readData();
  rt::Status checkWeights();
  rt::Status checkMethod();
  void markFileTypes();
  rt::Status import();
  rt::Status readTargetTokenizer(rt::TokenizerOptions tokenizerOptions);
  bool hasTargets() const { return task->labelPlacement() == rt::LabelPlacement::Target; }
  /// Sources are prompts and targets follow them, in one sequence.
  bool hasPromptedTargets() const { return task->hasTargetText() && !hasTargets(); }
  rt::Status chooseLengths();
  rt::Status choosePromptedLengths();
  rt::Status checkRoom() const;
  rt::Status chooseCapacities();
  rt::Status chooseGenerationCapacity();
  rt::Status runPhases();
  rt::Status plan();
  rt::Status planWithinBudget();
  rt::Result<std::int64_t> planCandidate(ModuleOp unplanned,
                                         const RecomputeCandidate &candidate,
                                         const SpaceSizes &sizes);
  rt::Status refuseBudget(std::int64_t least) const;
  std::string ofSeveralMicroBatches(plan::VariantOp variant) const;
  /// The most that a run holds on any variant, in bytes.
  std::int64_t plannedPeak();
  std::vector<bool> namedRows(std::int64_t vocabulary) const;
  UnusedBytes unusedBytes(plan::VariantOp variant) const;
  std::string spacesWith(std::int64_t sequences) const;
  SmallVector<std::string> spaceTexts() const;
  rt::Status compileKernels();
  rt::Status write();
  void exportConfig(abi::ArtifactT &artifact);
  void exportGeneration(abi::ArtifactT &artifact);
  std::map<std::string, double> scalarDefaults();
  std::string precision() const;
  void summarize(const abi::ArtifactT &artifact, std::size_t bytes);
  rt::Status emitModule(ModuleOp op);

  CompileOptions options; ///< with an adapter, `model` is its base model
  const Target &target;
  MLIRContext context;
  Diagnostics diagnostics;
  PlanSymbols symbols;
  Stopwatch clock;

  const rt::Task *task = nullptr;
  nlohmann::ordered_json config;
  std::unique_ptr<rt::WeightSource> checkpoint;
  std::optional<AdapterSource> adapter; ///< MODEL was a PEFT adapter
  std::string adapterJson;              ///< adapter_config.json of the method phase
  rt::TokenizerFiles tokenizerFiles;
  std::unique_ptr<rt::Tokenizer> tokenizer;
  std::unique_ptr<rt::Tokenizer> targetTokenizer; ///< where targets have one of their own
  DataSummary data;
  ImportedModel model;
  std::int64_t maxSequence = 0, maxTokens = 0, maxSequences = 0;
  std::int64_t maxTarget = 0, maxTargets = 0; ///< an encoder-decoder's second stream
  std::optional<GenerationCapacity> generation; ///< of tasks that write texts
  std::string generationConfig;                 ///< generation_config.json; empty: none
  std::vector<const cpu::CpuIsa *> isas;
  std::vector<VariantObject> objects;
  std::vector<KernelTable> kernelTables; ///< one a variant
  std::string irText, kernelText;
  /// What a memory budget took.
  struct Recomputed {
    std::int64_t peakWithout = 0; ///< bytes
    std::string percent;          ///< of a step's FLOPs
    unsigned values = 0;
  };
  std::optional<Recomputed> recomputed;
  bool quiet; ///< no notes are wanted, or they were printed already
  bool emitted = false;
};

} // namespace

static std::string absolutePath(const std::string &path) {
  char *absolute = realpath(path.c_str(), nullptr);
  std::string text = absolute ? absolute : path;
  std::free(absolute);
  return text;
}

using rt::mebibytes;

static rt::Result<std::vector<const cpu::CpuIsa *>>
resolveIsas(const std::vector<std::string> &names, const std::string &precision) {
  std::vector<const cpu::CpuIsa *> isas;
  auto add = [&](const cpu::CpuIsa &isa) {
    if (!llvm::is_contained(isas, &isa))
      isas.push_back(&isa);
  };
  auto has = [features = llvm::sys::getHostCPUFeatures()](const cpu::CpuIsa &candidate) {
    return llvm::all_of(candidate.features,
                        [&](const std::string &feature) { return features.lookup(feature); });
  };
  for (const std::string &name : names) {
    if (name == "native") {
      if (precision != "fp32" && has(cpu::isaV4Bf16()))
        add(cpu::isaV4Bf16());
      else if (has(cpu::isaV4()))
        add(cpu::isaV4());
      else if (has(cpu::isaV3()))
        add(cpu::isaV3());
      else
        return rt::Status::error("this CPU has no AVX2 with FMA: name the target's CPU with "
                                 "--cpu x86-64-v3 or x86-64-v4");
      continue;
    }
    const cpu::CpuIsa *isa = cpu::findIsa(name);
    if (!isa || isa->bf16Pairs)
      return rt::Status::usage("--cpu: unknown CPU '" + name +
                               "', expected native, x86-64-v3 or x86-64-v4");
    if (isa == &cpu::isaV4() &&
        (precision == "bf16" || (precision == "auto" && has(cpu::isaV4Bf16()))))
      add(cpu::isaV4Bf16());
    add(*isa);
  }
  return isas;
}

/// What the variants compute products in, for the user: a target without bf16 instructions
/// computes in fp32, which is no slower there than rounding to bf16 first, and more exact.
static std::string productTypes(const Target &target,
                                const std::vector<const cpu::CpuIsa *> &isas) {
  std::string text;
  for (const cpu::CpuIsa *isa : isas)
    text += (text.empty() ? "" : ", ") + isa->name + " in " +
            (target.multipliesBf16(*isa) ? "bf16" : "fp32");
  return text;
}

/// Weights that a quantizer packed are no tensors of the architecture.
static rt::Status refuseQuantized(const nlohmann::ordered_json &config,
                                  const std::string &path) {
  auto found = config.find("quantization_config");
  if (found == config.end() || found->is_null())
    return {};
  std::string method;
  if (found->is_object() && found->contains("quant_method") &&
      (*found)["quant_method"].is_string())
    method = " (" + rt::quote((*found)["quant_method"].get<std::string>(), 40) + ")";
  return rt::Status::error(path + ": 'quantization_config'" + method +
                           ": quantized checkpoints are not supported, expected weights in "
                           "F32, F16 or BF16: take the model that this one was made from");
}

/// Hugging Face's scripts and pipelines put the context first where padding goes to the left, and
/// look for the score of no answer at what is then padding.
static rt::Status refuseLeftPadding(const rt::TokenizerFiles &files, const std::string &model) {
  for (const auto &[name, bytes] : files) {
    if (name != "tokenizer_config.json")
      continue;
    nlohmann::json config = nlohmann::json::parse(bytes, nullptr, /*allow_exceptions=*/false);
    if (config.is_object() && config.value("padding_side", nlohmann::json()) == "left")
      return rt::Status::error(model + "/tokenizer_config.json: 'padding_side' is \"left\", "
                                       "expected \"right\" for --task question-answering, which "
                                       "reads the question before the context: change it there");
  }
  return {};
}

/// MODEL may be a PEFT adapter: then its base model is compiled, from the adapter's values.
rt::Status Compilation::openAdapter() {
  if (!isAdapterDirectory(options.model))
    return options.basePath.empty()
               ? rt::Status()
               : rt::Status::usage("--model_name_or_path: is for adapters, and " +
                                   options.model + " is none; leave the flag out");
  if (options.pipeline.method != "lora")
    return rt::Status::usage("--method: " + options.model +
                             " is a PEFT adapter, expected --method lora");
  FTC_ASSIGN_OR_RETURN(AdapterSource source,
                       readAdapter(options.model, options.task, options.basePath));
  options.model = source.basePath;
  adapter.emplace(std::move(source));
  return {};
}

rt::Status Compilation::readModel() {
  FTC_ASSIGN_OR_RETURN(task, rt::findTask(options.task));
  FTC_RETURN_IF_ERROR(openAdapter());
  std::string path = rt::joinPath(options.model, "config.json");
  FTC_ASSIGN_OR_RETURN(std::string text, rt::readModelConfig(options.model));
  FTC_ASSIGN_OR_RETURN(rt::Json parsed, rt::parseJson(text, path));
  (void)parsed;
  config = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object())
    return rt::Status::error(path + ": expected a JSON object");
  FTC_RETURN_IF_ERROR(refuseQuantized(config, path));
  FTC_ASSIGN_OR_RETURN(tokenizerFiles, rt::readTokenizerFiles(options.model));
  rt::TokenizerOptions tokenizerOptions;
  if (config.contains("model_type") && config["model_type"].is_string())
    tokenizerOptions.modelType = config["model_type"].get<std::string>();
  if (isDecoderOnly(tokenizerOptions.modelType))
    task = task->forDecoder();
  if (options.generation.maxBeams && !task->generates())
    return rt::Status::usage("--max_beams: " + options.task +
                             " writes no texts; leave it out");
  tokenizerOptions.addPrefixSpace = task->needsPrefixSpace();
  rt::Result<std::unique_ptr<rt::Tokenizer>> made =
      rt::makeTokenizer(tokenizerFiles, tokenizerOptions);
  if (!made)
    return made.takeStatus().withContext(options.model);
  tokenizer = made.take();
  FTC_RETURN_IF_ERROR(readTargetTokenizer(tokenizerOptions));
  if (options.task == "question-answering")
    FTC_RETURN_IF_ERROR(refuseLeftPadding(tokenizerFiles, options.model));
  if (options.pipeline.method == "lora") {
    FTC_ASSIGN_OR_RETURN(options.pipeline.lora,
                         settleLora(options.lora, adapter ? &*adapter : nullptr,
                                    tokenizerOptions.modelType, options.task));
  }
  FTC_ASSIGN_OR_RETURN(checkpoint, rt::WeightSource::open(options.model));
  std::string generationPath = rt::joinPath(options.model, "generation_config.json");
  if (task->generates() && rt::isFile(generationPath)) {
    FTC_ASSIGN_OR_RETURN(generationConfig, rt::readFile(generationPath, 1 << 24));
    FTC_ASSIGN_OR_RETURN(rt::Json generationJson,
                         rt::parseJson(generationConfig, generationPath));
    if (!generationJson.is_object())
      return rt::Status::error(generationPath + ": expected a JSON object");
  }
  return {};
}

/// What targets are measured with. Lengths do not depend on the languages, which may be unknown
/// yet: without them a source's tokenizer does.
rt::Status Compilation::readTargetTokenizer(rt::TokenizerOptions tokenizerOptions) {
  bool languages = !options.columns.targetLang.empty();
  if (!hasTargets() || !rt::hasTargetTokenizer(tokenizerFiles, tokenizerOptions.modelType) ||
      (tokenizerOptions.modelType == "mbart" && !languages))
    return {};
  tokenizerOptions.target = true;
  tokenizerOptions.sourceLanguage = options.columns.sourceLang;
  tokenizerOptions.targetLanguage = options.columns.targetLang;
  rt::Result<std::unique_ptr<rt::Tokenizer>> made =
      rt::makeTokenizer(tokenizerFiles, tokenizerOptions);
  if (!made)
    return made.takeStatus().withContext(options.model);
  targetTokenizer = made.take();
  return {};
}

rt::Status Compilation::readData() {
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::ChatTemplate> chat,
                       rt::ChatTemplate::read(tokenizerFiles));
  rt::EncodeSettings settings;
  settings.chat = chat.get();
  settings.target.tokenizer = targetTokenizer.get();
  settings.target.sourcePrefix = options.sourcePrefix.value_or("");
  FTC_ASSIGN_OR_RETURN(data, summarizeData(options, *task, config, *tokenizer, settings));
  task = data.task;
  if (!data.note.empty() && !quiet)
    std::fprintf(stderr, "%s\n", data.note.c_str());
  return {};
}

rt::Status Compilation::import() {
  ModelSource source;
  source.path = options.model;
  source.config = nlohmann::json(config);
  for (const rt::TensorInfo &tensor : checkpoint->tensors()) {
    source.tensors[tensor.name].assign(tensor.shape.begin(), tensor.shape.end());
    source.files[tensor.name] = checkpoint->filePath(tensor.file);
  }
  TaskSpec spec{options.task, task->outputWidth(rt::LabelSet(data.labels)),
                options.maxSequenceLength, std::string(task->problemType())};
  FTC_ASSIGN_OR_RETURN(model, importModel(&context, source, spec));
  for (const std::string &note : model.notes)
    if (!quiet && !(adapter && note.starts_with("new, "))) // the adapter has the head
      std::fprintf(stderr, "%s\n", note.c_str());
  quiet = true;
  markFileTypes();
  if (tokenizer->vocabularySize() > model.vocabulary)
    return rt::Status::error(options.model + ": the tokenizer has " +
                             std::to_string(tokenizer->vocabularySize()) +
                             " tokens, config.json's 'vocab_size' is " +
                             std::to_string(model.vocabulary) +
                             ": they do not belong together");
  return {};
}

/// `layers:K` must not ask for more layers than the model has.
rt::Status Compilation::checkMethod() {
  llvm::StringRef method = options.pipeline.method;
  unsigned wanted = 0;
  if (!method.consume_front("layers:") || method.getAsInteger(10, wanted))
    return {};
  auto layers = (*model.module)->getAttrOfType<ArrayAttr>(nn::kLayerPrefixes);
  std::size_t count = layers ? layers.size() : 0;
  if (wanted <= count)
    return {};
  return rt::Status::usage("--method: expected layers:1 to layers:" + std::to_string(count) +
                           " (the model has " + std::to_string(count) + " layers), got '" +
                           options.pipeline.method + "'");
}

/// Notes what is stored in 16 bits: a frozen weight stays so in memory.
void Compilation::markFileTypes() {
  Builder builder(&context);
  for (func::FuncOp function : model.module->getOps<func::FuncOp>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto name = function.getArgAttrOfType<StringAttr>(i, nn::kTensor);
      const rt::TensorInfo *tensor = name ? checkpoint->find(name.getValue().str()) : nullptr;
      if (tensor && tensor->dtype == rt::DType::BF16)
        function.setArgAttr(i, kFileType, TypeAttr::get(builder.getBF16Type()));
      else if (tensor && tensor->dtype == rt::DType::F16)
        function.setArgAttr(i, kFileType, TypeAttr::get(builder.getF16Type()));
    }
}

/// Every weight that the model takes must be a finite number.
rt::Status Compilation::checkWeights() {
  std::vector<float> buffer(1 << 18);
  for (func::FuncOp function : model.module->getOps<func::FuncOp>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto name = function.getArgAttrOfType<StringAttr>(i, nn::kTensor);
      if (!name)
        continue;
      const rt::TensorInfo *tensor = checkpoint->find(name.getValue().str());
      for (std::uint64_t first = 0; first < tensor->elements; first += buffer.size())
        FTC_RETURN_IF_ERROR(checkpoint->readAsF32(
            *tensor, buffer.data(), first,
            std::min<std::uint64_t>(buffer.size(), tensor->elements - first)));
    }
  return {};
}

/// A prompt and a target share the model's positions: what no flag says gives way.
rt::Status Compilation::choosePromptedLengths() {
  std::int64_t &source = options.generation.maxSourceLength;
  std::int64_t &target = options.generation.maxTargetLength;
  std::int64_t positions = model.maxPositions;
  if (!target)
    target = std::min<std::int64_t>(128, source ? positions - source : positions / 2);
  if (!source)
    source = std::min<std::int64_t>(1024, positions - target);
  if (source < 1 || target < 1 || source + target > positions)
    return rt::Status::usage(
        "--max_source_length and --max_target_length: expected at most the model's " +
        std::to_string(positions) + " positions together, got " + std::to_string(source) +
        " and " + std::to_string(target));
  maxSequence = source + target;
  return {};
}

/// What would be refused by the first example is refused here.
rt::Status Compilation::checkRoom() const {
  rt::EncodeSettings settings;
  settings.maxSeqLength = static_cast<std::int32_t>(
      hasPromptedTargets() ? options.generation.maxSourceLength : maxSequence);
  settings.target.maxLength = static_cast<std::int32_t>(maxTarget);
  settings.target.tokenizer = targetTokenizer.get();
  return task->checkRoom(*tokenizer, settings);
}

/// Longest source and target: Hugging Face's defaults, within the model's positions.
rt::Status Compilation::chooseLengths() {
  if (hasPromptedTargets())
    return choosePromptedLengths();
  maxSequence = options.maxSequenceLength ? options.maxSequenceLength : model.maxPositions;
  if (hasTargets()) {
    maxSequence = options.generation.maxSourceLength ? options.generation.maxSourceLength
                                          : std::min<std::int64_t>(1024, model.maxPositions);
    maxTarget = options.generation.maxTargetLength ? options.generation.maxTargetLength
                                        : std::min<std::int64_t>(128, model.maxPositions);
  }
  if (hasTargets() && maxTarget < 2)
    return rt::Status::usage(
        "--max_target_length: expected at least 2, the start token and one "
        "more, got " +
        std::to_string(maxTarget));
  for (auto [flag, length] : {std::pair("--max_source_length ", maxSequence),
                              std::pair("--max_target_length ", maxTarget)})
    if (hasTargets() && length > model.maxPositions)
      return rt::Status::usage(flag + std::to_string(length) + " is more than the model's " +
                               std::to_string(model.maxPositions) + " positions");
  if (maxSequence > model.maxPositions)
    return rt::Status::usage("--max_seq_length " + std::to_string(maxSequence) +
                             " is more than the model's " + std::to_string(model.maxPositions) +
                             " positions");
  return {};
}

rt::Status Compilation::chooseCapacities() {
  FTC_RETURN_IF_ERROR(chooseLengths());
  FTC_RETURN_IF_ERROR(checkRoom());
  // Room for the longest sequence that evaluation may bring, and for 16 examples of about
  // mean length, at most 2048 tokens unless one sequence needs more.
  std::int64_t wanted = data.meanTokens ? 16 * std::min(data.meanTokens * 5 / 4, maxSequence)
                                        : 2048;
  maxTokens = options.maxTokens ? options.maxTokens
                                : std::max(maxSequence, (std::min<std::int64_t>(wanted, 2048) + 63) /
                                                        64 * 64);
  std::int64_t longest = std::max(maxSequence, maxTarget);
  if (options.maxTokens && hasTargets() && maxTokens < longest)
    return rt::Status::usage("--max_tokens: expected at least " + std::to_string(longest) +
                             ", the longer of --max_source_length and --max_target_length: one "
                             "sequence must fit, got '" +
                             std::to_string(maxTokens) + "'");
  if (maxTokens < maxSequence)
    return rt::Status::usage(
        "--max_tokens: expected at least " + std::to_string(maxSequence) +
        (hasPromptedTargets() ? ", --max_source_length and --max_target_length together: one "
                                "sequence must fit"
         : options.maxSequenceLength
             ? ", the --max_seq_length: one sequence must fit"
             : ", the model's longest sequence (--max_seq_length sets a "
               "shorter one)") +
        ", got '" + std::to_string(maxTokens) + "'");
  std::int64_t wantedTargets =
      data.meanTarget ? 16 * std::min(data.meanTarget * 5 / 4, maxTarget) : 2048;
  maxTargets = options.maxTokens
                   ? maxTokens
                   : std::max(maxTarget,
                              (std::min<std::int64_t>(wantedTargets, 2048) + 63) / 64 * 64);
  maxSequences = std::min(maxTokens, std::max<std::int64_t>(64, maxTokens / 32));
  for (const char *name : {"tokens", "input_ids.unique", "token_type_ids.unique",
                           "position_ids.unique", "labelled"})
    symbols.setCapacity(name, maxTokens);
  if (hasTargets())
    for (const char *name : {"target", "target_ids.unique", "target_position_ids.unique"})
      symbols.setCapacity(name, maxTargets);
  symbols.setCapacity("sequences", maxSequences);
  for (const char *counter : rt::kCounters)
    symbols.setCapacity(counter, 0);
  return chooseGenerationCapacity();
}

rt::Status Compilation::chooseGenerationCapacity() {
  if (!task->generates())
    return {};
  if (hasTargets()) {
    generation =
        chooseTargetGeneration(options.generation, *model.module, maxSequence, maxTarget);
  } else {
    FTC_ASSIGN_OR_RETURN(generation, chooseGeneration(options.generation, *model.module,
                                                      maxSequence, model.maxPositions));
  }
  declareGeneration(*generation, symbols);
  options.pipeline.longestText = generation->longest;
  options.pipeline.longestSource = generation->source;
  return {};
}

rt::Status Compilation::emitModule(ModuleOp op) {
  std::string text;
  llvm::raw_string_ostream(text) << op << '\n';
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

/// Sizes of spaces that costs are estimated for: capacities, and so many sequences.
std::string Compilation::spacesWith(std::int64_t sequences) const {
  std::string spaces =
      "tokens=" + std::to_string(maxTokens) + ",labelled=" + std::to_string(maxTokens) +
      ",target=" + std::to_string(maxTargets) + ",sequences=" + std::to_string(sequences);
  if (generation)
    spaces += ",beams=" + std::to_string(generation->rows) +
              ",entries=" + std::to_string(generation->rows * generation->longest) +
              ",source_entries=" + std::to_string(generation->rows * generation->source);
  return spaces;
}

/// The passes, phase by phase; with `--emit` of one of them, prints it and stops.
rt::Status Compilation::runPhases() {
  PipelineOptions &pipeline = options.pipeline;
  pipeline.spaces = spacesWith(maxSequences);
  for (const Phase &phase : pipelinePhases(pipeline)) {
    if (failed(runPhase(*model.module, phase)))
      return diagnostics.failure(phase.name);
    if (phase.name == "method" && pipeline.method == "lora") {
      FTC_RETURN_IF_ERROR(
          bindAdapter(*model.module, options.lora, adapter ? &*adapter : nullptr));
      adapterJson = adapterConfig(*model.module, pipeline.lora, absolutePath(options.model),
                                  peftTaskName(options.task, model.modelType));
    }
    // With fused updates no gradient outlives its update: the programs that keep them go.
    if (phase.name == "optimizer" && pipeline.fusedUpdate)
      for (const char *name : {"train_accumulate", "apply"})
        if (auto function = model.module->lookupSymbol<func::FuncOp>(name))
          function.erase();
    clock.lap(phase.name);
    // Of a schedule within a memory budget the plan decides.
    bool settled = phase.name != "schedule" || options.memoryBudget == 0;
    if (options.emit == phase.name && settled) {
      emitted = true;
      return emitModule(*model.module);
    }
  }
  return {};
}

rt::Status Compilation::plan() {
  ModuleOp module = *model.module;
  irText.clear();
  llvm::raw_string_ostream(irText) << module;
  kernelTables.assign(isas.size(), {});
  for (std::size_t i = 0; i < isas.size(); ++i)
    if (failed(cpu::lowerToPlan(module, target.lowering(), *isas[i], symbols,
                                std::max(maxSequence, maxTarget), kernelTables[i])))
      return diagnostics.failure("plan");
  symbols.attach(module);
  if (failed(verify(module)) || failed(runPhase(module, planPhase(options.pipeline))) ||
      failed(verifyPlan(module)))
    return diagnostics.failure("plan");
  clock.lap("plan");
  return {};
}

/// Which rows of an embedding table the training data names; without data all of them.
std::vector<bool> Compilation::namedRows(std::int64_t vocabulary) const {
  std::vector<bool> rows(vocabulary, true);
  if (data.examples == 0)
    return rows;
  // A single text is cut behind its first tokens. Of a pair, or a prompt with a target, what stands
  // there uncut may be kept, and windows together have what a whole row has: all ids count.
  bool cut = task->hasLabelSet() && !data.pair;
  auto named = [](const rt::TokenStatistics &statistics, std::int64_t id, std::int64_t limit) {
    return id < static_cast<std::int64_t>(statistics.earliest.size()) &&
           statistics.earliest[id] < limit;
  };
  for (std::int64_t id = 0; id < vocabulary; ++id)
    rows[id] = named(data.sources, id, cut ? maxSequence : rt::TokenStatistics::kNowhere) ||
               named(data.targets, id, rt::TokenStatistics::kNowhere);
  return rows;
}

/// What tables on demand, gradients and moments reserve for other rows, which is never written.
UnusedBytes Compilation::unusedBytes(plan::VariantOp variant) const {
  UnusedBytes unused;
  if (variant.getTarget() != "cpu")
    return unused; // memory that is reserved is taken
  bool accumulates = variant.lookupSymbol("train_accumulate") != nullptr;
  std::int64_t arena = 0; // what programs use of it, whatever lies there
  for (auto program : variant.getOps<plan::ProgramOp>())
    arena = std::max<std::int64_t>(arena, program.getArenaBytes());
  std::map<std::string, std::int64_t> gradients; // one a parameter: its offset in bytes
  for (auto storage : variant.getOps<plan::StorageOp>()) {
    std::int64_t begin = 4 * storage.getOffset();
    gradients[storage.getParameter().str()] = begin;
    std::int64_t rows = storage.getRowsOnDemand().value_or(0);
    if (rows == 0 || 4 * static_cast<std::int64_t>(variant.getParamsElements()) < rt::kLargePage)
      continue;
    std::vector<bool> named = namedRows(rows);
    unused.params += rt::bytesNeverRead(begin, rows, 4 * storage.getElements() / rows,
                                        [&](std::int64_t row) { return named[row]; });
  }
  for (auto moment : variant.getOps<plan::MomentOp>()) {
    if (!moment.getCompact())
      continue;
    std::int64_t rows = moment.getShape()[0], width = 4 * moment.getShape()[1];
    std::vector<bool> named = namedRows(rows);
    std::int64_t used = llvm::count(named, true) * width;
    auto bytes = [&](std::int64_t begin) {
      return rt::bytesNeverWritten(begin, used, begin + rows * width);
    };
    unused.moments += bytes(moment.getOffset());
    if (!accumulates || moment.getIndex() != 0)
      continue;
    std::int64_t begin = gradients.at(moment.getParameter().str());
    unused.gradients += bytes(begin);
    if (variant.getOverlaidAt()) {
      begin += variant.getOverlaidCompactAt().value_or(0);
      unused.overlaid +=
          rt::bytesNeverWritten(begin, std::max(used, arena - begin), begin + rows * width);
    }
  }
  return unused;
}

/// The sizes of spaces that passes estimate costs for.
SmallVector<std::string> Compilation::spaceTexts() const {
  SmallVector<StringRef> texts;
  StringRef(options.pipeline.spaces).split(texts, ',');
  return SmallVector<std::string>(texts.begin(), texts.end());
}

std::int64_t Compilation::plannedPeak() {
  std::int64_t peak = 0;
  for (auto variant : model.module->getOps<plan::VariantOp>())
    peak = std::max(peak, memoryOf(variant, unusedBytes(variant)).peak());
  return peak;
}

/// Plans `unplanned` with what `candidate` makes again; gives the plan's peak.
rt::Result<std::int64_t> Compilation::planCandidate(ModuleOp unplanned,
                                                    const RecomputeCandidate &candidate,
                                                    const SpaceSizes &sizes) {
  model.module = OwningOpRef<ModuleOp>(unplanned.clone());
  for (auto function : model.module->getOps<func::FuncOp>())
    if (!programName(function).empty())
      rematerialize(function,
                    RecomputeGraph(function, sizes, candidate.slope).at(candidate.price).again);
  FTC_RETURN_IF_ERROR(plan());
  return plannedPeak();
}

/// The plan; where it is above the memory budget, the one of the cheapest recomputation that
/// fits.
rt::Status Compilation::planWithinBudget() {
  if (options.memoryBudget == 0)
    return plan();
  OwningOpRef<ModuleOp> unplanned(model.module->clone());
  FTC_RETURN_IF_ERROR(plan());
  std::int64_t peak = plannedPeak();
  if (peak <= options.memoryBudget)
    return {};
  // What attention costs depends on how long sequences are: as the data's mean, or the longest.
  std::int64_t length = std::clamp<std::int64_t>(data.meanTokens, 1, maxSequence);
  options.pipeline.spaces = spacesWith(std::clamp<std::int64_t>(
      maxTokens / (data.meanTokens ? length : maxSequence), 1, maxSequences));
  FailureOr<SpaceSizes> sizes = readSpaceSizes(spaceTexts());
  func::FuncOp program;
  for (auto function : unplanned->getOps<func::FuncOp>())
    if (!programName(function).empty() && backwardSeed(function))
      program = function;
  std::vector<RecomputeCandidate> candidates;
  if (succeeded(sizes) && program &&
      !llvm::is_contained(options.pipeline.disabled, "recompute"))
    candidates = recomputeCandidates(program, *sizes);
  FTC_ASSIGN_OR_RETURN(
      BudgetSearch search,
      searchBudget(candidates.size(), options.memoryBudget, [&](std::size_t i) {
        return planCandidate(*unplanned, candidates[i], *sizes);
      }));
  if (!search.chosen)
    return refuseBudget(candidates.empty() ? peak : std::min(peak, search.least));
  const RecomputeCandidate &chosen = candidates[*search.chosen];
  double flops = flopsOf(program, *sizes);
  recomputed = {peak, percentMore(flops, flops + chosen.flops), chosen.values};
  // The pass itself, for its remark.
  model.module = std::move(unplanned);
  if (failed(runPhase(*model.module,
                      recomputePhase(options.pipeline, chosen.price, chosen.slope))))
    return diagnostics.failure("schedule");
  return plan();
}

/// Refuses the memory budget with the least that would do.
rt::Status Compilation::refuseBudget(std::int64_t least) const {
  return rt::Status::error("--memory_budget: the smallest plan found takes " +
                           std::to_string(least) + " bytes (" + mebibytes(least) + "), " +
                           std::to_string(options.memoryBudget) +
                           " were given: raise it, lower --max_tokens (now " +
                           std::to_string(maxTokens) + "), or train less (--method)");
}

/// What the summary adds where a step of several micro-batches takes more memory.
std::string Compilation::ofSeveralMicroBatches(plan::VariantOp variant) const {
  if (!variant.getOverlaidAt())
    return "";
  rt::VariantMemory memory = memoryOf(variant, unusedBytes(variant), rt::GradientPlace::Apart);
  std::int64_t peak = memory.trainingState() + memory.trainingArena();
  std::string text = "; with several micro-batches a step " + mebibytes(peak);
  return options.memoryBudget && peak > options.memoryBudget
             ? text + ", above --memory_budget: "
                      "refused then"
             : text;
}

rt::Status Compilation::compileKernels() {
  for (std::size_t i = 0; i < isas.size(); ++i) {
    auto variant = model.module->lookupSymbol<plan::VariantOp>(isas[i]->name);
    if (options.emit == "kernels") {
      auto text = target.compileToText(variant, kernelTables[i], *isas[i]);
      if (!text)
        return rt::Status::error("phase kernels: " + llvm::toString(text.takeError()));
      kernelText += *text;
      continue;
    }
    auto object = target.compile(variant, kernelTables[i], *isas[i]);
    if (!object)
      return rt::Status::error("phase kernels: " + llvm::toString(object.takeError()));
    if (!object->warning.empty())
      std::fprintf(stderr, "warning: %s\n", object->warning.c_str());
    objects.push_back(std::move(*object));
  }
  clock.lap("kernels");
  return {};
}

std::map<std::string, double> Compilation::scalarDefaults() {
  std::map<std::string, double> defaults{
      {"zero", 0.0},          {"adam_beta1", 0.9},          {"adam_beta2", 0.999},
      {"adam_epsilon", 1e-8}, {"weight_decay", 0.0},        {"label_smoothing", 0.0},
      {"sgd_momentum", 0.0},  {"adafactor_epsilon", 1e-30}, {"adafactor_clip_threshold", 1.0}};
  if (auto scalars = (*model.module)->getAttrOfType<DictionaryAttr>("nn.scalars"))
    for (NamedAttribute entry : scalars)
      defaults[entry.getName().str()] = cast<FloatAttr>(entry.getValue()).getValueAsDouble();
  return defaults;
}

void Compilation::exportConfig(abi::ArtifactT &artifact) {
  nlohmann::ordered_json out = config;
  out["architectures"] = {model.architecture};
  nlohmann::ordered_json idToLabel = nlohmann::ordered_json::object();
  nlohmann::ordered_json labelToId = nlohmann::ordered_json::object();
  for (std::size_t id = 0; id < data.labels.size(); ++id) {
    idToLabel[std::to_string(id)] = data.labels[id];
    labelToId[data.labels[id]] = id;
  }
  if (task->hasLabelSet()) {
    out["id2label"] = idToLabel;
    out["label2id"] = labelToId;
  } else {
    for (const char *key : {"id2label", "label2id", "problem_type"})
      out.erase(key);
  }
  if (task->problemType() == rt::kRegression) {
    out["id2label"] = {{"0", "LABEL_0"}};
    out["label2id"] = {{"LABEL_0", 0}};
  }
  out.erase("num_labels");
  if (!task->problemType().empty())
    out["problem_type"] = task->problemType();
  out.erase("_name_or_path");
  out.erase("dtype");
  out["torch_dtype"] = "float32";
  artifact.config_json =
      out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void Compilation::exportGeneration(abi::ArtifactT &artifact) {
  if (!generation)
    return;
  artifact.generation = std::make_unique<abi::GenerationT>();
  artifact.generation->config_json = generationConfig;
  artifact.generation->max_source_length = generation->source;
  artifact.generation->max_target_length = generation->target;
  artifact.generation->longest = generation->longest;
  artifact.generation->max_beams = generation->beams;
}

/// bf16 when a variant computes in it.
std::string Compilation::precision() const {
  bool bf16 = llvm::any_of(
      isas, [&](const cpu::CpuIsa *isa) { return target.multipliesBf16(*isa); });
  return bf16 ? "bf16" : "fp32";
}

void Compilation::summarize(const abi::ArtifactT &artifact, std::size_t bytes) {
  std::int64_t all = 0, trainable = 0;
  for (const auto &parameter : artifact.parameters) {
    std::int64_t elements = 1;
    for (std::int64_t dimension : parameter->shape)
      elements *= dimension;
    all += elements;
    trainable += parameter->trainable ? elements : 0;
  }
  std::fprintf(stderr, "%s for %s, method %s, %s, %s: %lld of %lld parameters are trained\n",
               model.architecture.c_str(), options.task.c_str(),
               options.pipeline.method.c_str(), options.pipeline.optimizer.c_str(),
               artifact.precision.c_str(), static_cast<long long>(trainable),
               static_cast<long long>(all));
  if (options.precision != "fp32")
    std::fprintf(stderr, "--precision %s: products of %s\n", options.precision.c_str(),
                 productTypes(target, isas).c_str());
  if (task->hasLabelSet())
    std::fprintf(stderr, "%zu labels, ", data.labels.size());
  if (hasTargets())
    std::fprintf(stderr,
                 "sources to %lld tokens and targets to %lld, micro-batches to %lld and %lld\n",
                 static_cast<long long>(maxSequence), static_cast<long long>(maxTarget),
                 static_cast<long long>(maxTokens), static_cast<long long>(maxTargets));
  else
    std::fprintf(stderr, "sequences to %lld tokens, micro-batches to %lld tokens\n",
                 static_cast<long long>(maxSequence), static_cast<long long>(maxTokens));
  if (!hasPromptedTargets()) // whose rows were measured whole, prompt and target together
    for (const std::string &line : describeCuts(data, maxSequence, maxTarget))
      std::fprintf(stderr, "%s\n", line.c_str());
  for (const auto &variant : artifact.variants) {
    std::size_t launches = 0;
    for (const auto &program : variant->programs)
      launches += program->commands.size();
    auto planned = model.module->lookupSymbol<plan::VariantOp>(variant->isa);
    rt::VariantMemory memory = memoryOf(planned, unusedBytes(planned));
    std::int64_t state = memory.trainingState(), arena = memory.trainingArena();
    std::fprintf(stderr,
                 "%s: %zu kernels for %zu commands; training peak %s (state %s, arena %s)%s\n",
                 variant->isa.c_str(), variant->kernels.size(), launches,
                 mebibytes(state + arena).c_str(), mebibytes(state).c_str(),
                 mebibytes(arena).c_str(), ofSeveralMicroBatches(planned).c_str());
  }
  if (recomputed)
    std::fprintf(
        stderr,
        "--memory_budget: %u values made again in the backward: peak %s instead of %s, "
        "for %s %% more FLOPs a step\n",
        recomputed->values, mebibytes(plannedPeak()).c_str(),
        mebibytes(recomputed->peakWithout).c_str(), recomputed->percent.c_str());
  if (generation)
    std::fprintf(
        stderr,
        "generation: %s to %lld tokens, %lld new ones, %lld beams; caches %s, which a run "
        "that writes texts while it trains holds beside the above\n",
        hasTargets() ? "sources" : "prompts", static_cast<long long>(generation->source),
        static_cast<long long>(generation->target - hasTargets()),
        static_cast<long long>(generation->beams),
        mebibytes(artifact.variants.front()->state_bytes).c_str());
  std::string phases;
  double total = 0;
  for (auto &[name, seconds] : clock.laps) {
    char text[96];
    std::snprintf(text, sizeof text, "%s%s %.2f", phases.empty() ? "" : ", ", name.c_str(),
                  seconds);
    phases += text;
    total += seconds;
  }
  std::fprintf(stderr, "%s: %s; %.2f s (%s)\n", options.output.c_str(),
               mebibytes(bytes).c_str(), total, phases.c_str());
}

/// Name, size and hash of one file of a checkpoint.
static rt::Result<std::unique_ptr<abi::CheckpointFileT>> fileFacts(rt::WeightSource &checkpoint,
                                                                   std::size_t index) {
  auto file = std::make_unique<abi::CheckpointFileT>();
  file->name = checkpoint.fileName(index);
  file->size = checkpoint.fileBytes(index);
  FTC_ASSIGN_OR_RETURN(file->sha256, checkpoint.sha256(index));
  return file;
}

rt::Status Compilation::write() {
  abi::ArtifactT artifact;
  if (failed(buildArtifact(*model.module, objects, scalarDefaults(), artifact)))
    return diagnostics.failure("artifact");
  artifact.compiler = rt::versionString();
  artifact.model_path = absolutePath(options.model);
  artifact.model_type = model.modelType;
  for (std::size_t i = 0; i < checkpoint->fileCount(); ++i) {
    FTC_ASSIGN_OR_RETURN(auto file, fileFacts(*checkpoint, i));
    artifact.checkpoint_files.push_back(std::move(file));
  }
  if (options.pipeline.method == "lora") {
    artifact.adapter = std::make_unique<abi::AdapterT>();
    artifact.adapter->config_json = adapterJson;
    artifact.adapter->scale =
        options.pipeline.lora.alpha / static_cast<double>(options.pipeline.lora.r);
    if (adapter) {
      artifact.adapter->path = absolutePath(adapter->path);
      FTC_ASSIGN_OR_RETURN(artifact.adapter->file, fileFacts(adapter->tensors, 0));
    }
  }
  exportConfig(artifact);
  exportGeneration(artifact);
  for (auto &[name, bytes] : tokenizerFiles) {
    auto file = std::make_unique<abi::FileT>();
    file->name = name;
    file->bytes.assign(bytes.begin(), bytes.end());
    artifact.tokenizer_files.push_back(std::move(file));
  }
  artifact.task = std::make_unique<abi::TaskT>();
  artifact.task->name = options.task;
  artifact.task->labels = data.labels;
  artifact.task->pair = data.pair;
  artifact.task->max_seq_length = maxSequence;
  artifact.task->max_target_length = maxTarget;
  artifact.task->decoder_start_token_id = static_cast<std::int32_t>(model.decoderStart);
  artifact.task->source_prefix = options.sourcePrefix.value_or("");
  artifact.task->source_lang = options.columns.sourceLang;
  artifact.task->target_lang = options.columns.targetLang;
  artifact.task->position_offset = model.positionOffset;
  artifact.task->pad_token_id = static_cast<std::int32_t>(model.padToken);
  artifact.task->add_prefix_space = task->needsPrefixSpace();
  artifact.task->label_all_tokens = options.labelAllTokens;
  artifact.method = options.pipeline.method;
  artifact.optimizer = options.pipeline.optimizer;
  artifact.precision = precision();
  artifact.memory_budget = options.memoryBudget;
  artifact.ir = irText;
  for (const auto &variant : artifact.variants) {
    UnusedBytes unused = unusedBytes(model.module->lookupSymbol<plan::VariantOp>(variant->isa));
    variant->unused_params_bytes = unused.params;
    variant->unused_grads_bytes = unused.gradients;
    variant->unused_moments_bytes = unused.moments;
    variant->unused_overlaid_bytes = unused.overlaid;
  }
  nlohmann::ordered_json summary;
  for (auto variant : model.module->getOps<plan::VariantOp>())
    for (const rt::ProgramMemory &program : memoryOf(variant, unusedBytes(variant)).programs)
      summary["peak_bytes"][variant.getSymName().str()][program.name] = program.peak();
  summary["frozen_dropout"] = options.pipeline.frozenDropout;
  artifact.summary_json = summary.dump();
  std::vector<std::uint8_t> payload = serializeArtifact(artifact);
  FTC_RETURN_IF_ERROR(rt::writeArtifact(options.output, payload).withContext("--output"));
  clock.lap("artifact");
  if (!options.quiet)
    summarize(artifact, payload.size());
  return {};
}

/// The module's context, and which variants there will be.
rt::Status Compilation::prepare() {
  context.loadDialect<func::FuncDialect, nn::NnDialect, plan::PlanDialect>();
  context.disableMultithreading();
  if (options.remarks) {
    remark::RemarkCategories categories;
    categories.passed = categories.missed = categories.analysis = categories.failed = "ftc-.*";
    if (failed(remark::enableOptimizationRemarks(
            context, nullptr, std::make_unique<remark::RemarkEmittingPolicyAll>(), categories,
            /*printAsEmitRemarks=*/true)))
      return rt::Status::error("--remarks: the remark engine cannot be started");
  }
  FTC_ASSIGN_OR_RETURN(isas, options.target == "cuda"
                                 ? resolveGpus(options.gpus, options.precision)
                                 : resolveIsas(options.cpus, options.precision));
  return {};
}

rt::Result<MethodCost> Compilation::cost(const TypicalBatch &batch) {
  quiet = true;
  FTC_RETURN_IF_ERROR(prepare());
  FTC_RETURN_IF_ERROR(readModel());
  FTC_RETURN_IF_ERROR(readData());
  FTC_RETURN_IF_ERROR(import());
  FTC_RETURN_IF_ERROR(checkMethod());
  FTC_RETURN_IF_ERROR(chooseCapacities());
  FTC_RETURN_IF_ERROR(runPhases());
  FTC_RETURN_IF_ERROR(planWithinBudget());
  MethodCost cost;
  cost.maxSequence = maxSequence;
  cost.maxTokens = maxTokens;
  cost.severalMicroBatches = batch.sequences * batch.tokens > maxTokens ||
                             (hasTargets() && batch.sequences * batch.targets > maxTargets);
  for (auto variant : model.module->getOps<plan::VariantOp>()) {
    UnusedBytes unused = unusedBytes(variant);
    cost.peakBytes = memoryOf(variant, unused).peak();
    cost.severalPeakBytes = memoryOf(variant, unused, rt::GradientPlace::Apart).peak();
    break;
  }
  std::map<std::string, std::pair<std::int64_t, bool>> parameters; // elements, trained
  for (auto function : model.module->getOps<func::FuncOp>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (auto name = function.getArgAttrOfType<StringAttr>(i, nn::kParameter)) {
        auto &[elements, trained] = parameters[name.str()];
        elements = cast<RankedTensorType>(function.getArgument(i).getType()).getNumElements();
        trained |= function.getArgAttr(i, nn::kTrainable) != nullptr;
      }
  for (const auto &[name, facts] : parameters) {
    cost.parameters += facts.first;
    cost.trainable += facts.second ? facts.first : 0;
  }
  cost.programs = commandCosts(*model.module, batch,
                               task->labelPlacement() == rt::LabelPlacement::Token);
  return cost;
}

rt::Status Compilation::run() {
  FTC_RETURN_IF_ERROR(prepare());
  FTC_RETURN_IF_ERROR(readModel());
  FTC_RETURN_IF_ERROR(readData());
  clock.lap("read");
  FTC_RETURN_IF_ERROR(import());
  FTC_RETURN_IF_ERROR(checkMethod());
  FTC_RETURN_IF_ERROR(checkWeights());
  FTC_RETURN_IF_ERROR(chooseCapacities());
  clock.lap("weights");
  FTC_RETURN_IF_ERROR(runPhases());
  if (emitted)
    return {};
  FTC_RETURN_IF_ERROR(planWithinBudget());
  if (options.emit == "schedule") {
    std::fwrite(irText.data(), 1, irText.size(), stdout);
    return {};
  }
  if (options.emit == "plan")
    return emitModule(*model.module);
  FTC_RETURN_IF_ERROR(compileKernels());
  if (options.emit == "kernels") {
    std::fwrite(kernelText.data(), 1, kernelText.size(), stdout);
    return {};
  }
  return write();
}

rt::Status checkTarget(const CompileOptions &options) {
  auto isas = options.target == "cuda" ? resolveGpus(options.gpus, options.precision)
                                       : resolveIsas(options.cpus, options.precision);
  return isas ? rt::Status() : isas.takeStatus();
}

rt::Result<MethodCost> methodCost(const CompileOptions &options, const TypicalBatch &batch) {
  CompileOptions planned = options;
  planned.emit = "artifact";
  Compilation compilation(planned);
  return compilation.cost(batch);
}

rt::Status compile(const CompileOptions &options) {
  Compilation compilation(options);
  return compilation.run();
}

} // namespace ftc
