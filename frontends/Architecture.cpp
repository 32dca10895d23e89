// The registry of model families and the checks they share.
#include "frontends/Architecture.h"

#include "llvm/ADT/StringExtras.h"

namespace ftc {

llvm::ArrayRef<const Architecture *> architectures() {
  static const Architecture *const all[] = {
      &bertArchitecture(),  &distilBertArchitecture(), &robertaArchitecture(),
      &gpt2Architecture(),  &llamaArchitecture(),      &mistralArchitecture(),
      &qwen2Architecture(), &electraArchitecture(),    &modernBertArchitecture()};
  return all;
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
    if (type == architecture->modelType)
      return architecture->import(context, source, task);
  std::string shown = type.substr(0, 60);
  for (char &c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f)
      c = '?';
  return rt::Status::error(source.path + "/config.json: model_type '" + shown +
                           "' is not supported, expected one of " + llvm::join(known, ", "));
}

nn::Activation activationByName(ConfigReader &config, const char *key, const char *fallback) {
  std::string name = config.string(key, fallback);
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
