// The registry of model families and the checks they share.
#include "frontends/Architecture.h"

#include "llvm/ADT/StringExtras.h"

namespace ftc {

llvm::ArrayRef<const Architecture *> architectures() {
  static const Architecture *const all[] = {
      &bertArchitecture(),  &distilBertArchitecture(), &robertaArchitecture(),
      &gpt2Architecture(),  &llamaArchitecture(),      &mistralArchitecture(),
      &qwen2Architecture(), &electraArchitecture(),    &modernBertArchitecture(),
      &marianArchitecture(), &bartArchitecture(),      &mbartArchitecture(),
      &pegasusArchitecture(), &t5Architecture(),       &mt5Architecture(),
      &debertaV2Architecture()};
  return all;
}

std::vector<std::string> encoderTasks() {
  return {"text-classification", "token-classification", "question-answering"};
}
std::vector<std::string> decoderTasks() {
  return {"text-classification", "token-classification", "question-answering",
          "text-generation",     "summarization",        "translation"};
}

std::vector<std::string> targetTasks() { return {"summarization", "translation"}; }

/// Fails, naming the families that have a head for the task, where this one has none.
static rt::Status checkTask(const Architecture &architecture, const TaskSpec &task) {
  if (llvm::is_contained(architecture.tasks, task.task))
    return {};
  std::vector<std::string> others;
  for (const Architecture *other : architectures())
    if (llvm::is_contained(other->tasks, task.task))
      others.push_back(other->modelType);
  return rt::Status::error("--task " + task.task + ": not yet supported for model_type '" +
                           architecture.modelType + "', which has " +
                           llvm::join(architecture.tasks, ", ") + "; " + task.task +
                           " is there for " + llvm::join(others, ", "));
}

rt::Result<ImportedModel> importModel(mlir::MLIRContext *context, const ModelSource &source,
                                      const TaskSpec &task) {
  std::vector<std::string> known;
  for (const Architecture *architecture : architectures())
    known.push_back(architecture->modelType);
  if (!source.config.is_object() || !source.config.contains("model_type") ||
      !source.config["model_type"].is_string())
    return rt::Status::error(source.path +
                             "/config.json: 'model_type' is missing, expected one of " +
                             llvm::join(known, ", "));
  std::string type = source.config["model_type"].get<std::string>();
  for (const Architecture *architecture : architectures())
    if (type == architecture->modelType) {
      FTC_RETURN_IF_ERROR(checkTask(*architecture, task));
      return architecture->import(context, source, task);
    }
  std::string shown = type.substr(0, 60);
  for (char &c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f)
      c = '?';
  return rt::Status::error(source.path + "/config.json: model_type '" + shown +
                           "' is not supported, expected one of " + llvm::join(known, ", "));
}

nn::Activation activationByName(ConfigReader &config, const char *key, const char *fallback) {
  return activationNamed(config, key, config.string(key, fallback));
}

nn::Activation activationNamed(ConfigReader &config, const char *key, const std::string &name) {
  if (name == "gelu")
    return nn::Activation::Gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast")
    return nn::Activation::GeluTanh;
  if (name == "relu")
    return nn::Activation::Relu;
  if (name == "silu" || name == "swish")
    return nn::Activation::Silu;
  if (name == "tanh")
    return nn::Activation::Tanh;
  config.fail(std::string("'") + key + "' is \"" + name.substr(0, 60) +
              "\", expected gelu, gelu_new, gelu_fast, gelu_pytorch_tanh, relu, silu or tanh");
  return nn::Activation::None;
}

bool isTokenTask(const TaskSpec &task) { return task.task == "token-classification"; }
bool isSpanTask(const TaskSpec &task) { return task.task == "question-answering"; }
bool isLanguageTask(const TaskSpec &task) {
  return task.task == "text-generation" || llvm::is_contained(targetTasks(), task.task);
}

bool isDecoderOnly(llvm::StringRef modelType) {
  for (const Architecture *architecture : architectures())
    if (modelType == architecture->modelType)
      return llvm::is_contained(architecture->tasks, "text-generation");
  return false;
}

std::string taskClass(llvm::StringRef classPrefix, const TaskSpec &task) {
  return (classPrefix + (isTokenTask(task)  ? "ForTokenClassification"
                         : isSpanTask(task) ? "ForQuestionAnswering"
                                            : "ForSequenceClassification"))
      .str();
}

void buildSpanHead(GraphBuilder &graph, mlir::Value x, std::int64_t width, double initStd) {
  graph.addHeadPrefix("qa_outputs.");
  graph.finishSpans(graph.linear(x, graph.headAffine("qa_outputs", 2, width, initStd)));
}

} // namespace ftc
