// What a compilation reads: the model, an adapter over it, the training data; and what it
// refuses.
#include "compiler/Compilation.h"

#include "compiler/analysis/Arguments.h"
#include "runtime/io/GgufModel.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/ChatTemplate.h"

using namespace mlir;

namespace ftc {

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

/// Hugging Face's scripts and pipelines put the context first where padding goes to the left,
/// and look for the score of no answer at what is then padding.
static rt::Status refuseLeftPadding(const rt::TokenizerFiles &files, const std::string &model) {
  for (const auto &[name, bytes] : files) {
    if (name != "tokenizer_config.json")
      continue;
    nlohmann::json config = nlohmann::json::parse(bytes, nullptr, /*allow_exceptions=*/false);
    if (config.is_object() && config.value("padding_side", nlohmann::json()) == "left")
      return rt::Status::error(model +
                               "/tokenizer_config.json: 'padding_side' is \"left\", "
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
    return rt::Status::usage("--max_beams: " + options.task + " writes no texts; leave it out");
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
    return rt::Status::error(
        options.model + ": the tokenizer has " + std::to_string(tokenizer->vocabularySize()) +
        " tokens, config.json's 'vocab_size' is " + std::to_string(model.vocabulary) +
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

} // namespace ftc
