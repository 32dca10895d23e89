// The artifact, and the summary on stderr.
#include "compiler/Compilation.h"

#include "runtime/artifact/ArtifactWriter.h"
#include "runtime/support/Text.h"
#include "runtime/support/Version.h"

using namespace mlir;

namespace ftc {

std::string absolutePath(const std::string &path) {
  char *absolute = realpath(path.c_str(), nullptr);
  std::string text = absolute ? absolute : path;
  std::free(absolute);
  return text;
}

using rt::mebibytes;

/// What the variants compute products in, for the user: a target without bf16 instructions
/// computes in fp32, which is no slower there than rounding to bf16 first, and more exact.
static std::string productTypes(const Target &target,
                                const std::vector<const cpu::CpuIsa *> &isas) {
  std::string text;
  for (const cpu::CpuIsa *isa : isas)
    text += (text.empty() ? "" : ", ") + isa->name + " in " + target.productsOf(*isa);
  return text;
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

/// bf16 or tf32 when a variant computes in it.
std::string Compilation::precision() const {
  for (const cpu::CpuIsa *isa : isas)
    if (llvm::StringRef products = target.productsOf(*isa); products != "fp32")
      return products.str();
  return "fp32";
}

/// Floating-point operations of a training step, beside the optimizer's, for each token of
/// texts as long as the data's on average, or of 128 tokens where there are no data.
double Compilation::trainingFlopsPerToken() const {
  auto within = [](std::int64_t mean, std::int64_t otherwise, std::int64_t longest) {
    return std::max<std::int64_t>(1, std::min(mean > 0 ? mean : otherwise, longest));
  };
  TypicalBatch batch;
  batch.tokens = within(data.meanTokens, batch.tokens, maxSequence);
  batch.targets = hasTargets() ? within(data.meanTarget, batch.targets, maxTarget) : 0;
  double flops = 0;
  for (const auto &[name, commands] :
       commandCosts(*model.module, batch, task->labelPlacement() == rt::LabelPlacement::Token))
    if (name == "trunk" || makesGradients(name))
      for (const CommandCost &command : commands)
        flops += command.flops;
  return flops / static_cast<double>(batch.sequences * (batch.tokens + batch.targets));
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
  std::fprintf(stderr,
               "%s for %s, method %s, %s, %s: %lld of %lld parameters are trained, "
               "%.0f FLOPs a token\n",
               model.architecture.c_str(), options.task.c_str(),
               options.pipeline.method.c_str(), options.pipeline.optimizer.c_str(),
               artifact.precision.c_str(), static_cast<long long>(trainable),
               static_cast<long long>(all), trainingFlopsPerToken());
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

} // namespace ftc
