// PEFT's names and defaults, read and written. Source: peft 0.18 (utils/constants.py,
// peft_model.py, tuners/lora/config.py).
#include "compiler/Adapter.h"

#include "compiler/analysis/Arguments.h"
#include "frontends/Architecture.h"
#include "runtime/io/GgufModel.h"
#include "runtime/io/Json.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/Adapter.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <filesystem>
#include <set>

using namespace mlir;

namespace ftc {
namespace {

/// TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING, the families that may come. DistilBERT
/// is not in PEFT's table: its query and value projections are taken, as for the other
/// encoders.
struct DefaultTargets {
  const char *modelType;
  std::vector<std::string> modules;
};
const std::vector<DefaultTargets> &defaultTargets() {
  static const std::vector<DefaultTargets> table = {
      {"bart", {"q_proj", "v_proj"}},
      {"bert", {"query", "value"}},
      {"deberta", {"in_proj"}},
      {"deberta-v2", {"query_proj", "value_proj"}},
      {"distilbert", {"q_lin", "v_lin"}},
      {"electra", {"query", "value"}},
      {"gemma", {"q_proj", "v_proj"}},
      {"gemma2", {"q_proj", "v_proj"}},
      {"gpt2", {"c_attn"}},
      {"gpt_neo", {"q_proj", "v_proj"}},
      {"gpt_neox", {"query_key_value"}},
      {"gptj", {"q_proj", "v_proj"}},
      {"llama", {"q_proj", "v_proj"}},
      {"mistral", {"q_proj", "v_proj"}},
      {"mt5", {"q", "v"}},
      {"opt", {"q_proj", "v_proj"}},
      {"phi", {"q_proj", "v_proj", "fc1", "fc2"}},
      {"qwen2", {"q_proj", "v_proj"}},
      {"qwen3", {"q_proj", "v_proj"}},
      {"roberta", {"query", "value"}},
      {"t5", {"q", "v"}},
      {"xlm-roberta", {"query", "value"}},
  };
  return table;
}

/// A task's PEFT type, and the heads that PeftModelFor... saves.
struct PeftTask {
  const char *task, *type;
  std::vector<std::string> heads;
};
const PeftTask &peftTask(const std::string &task) {
  static const std::vector<PeftTask> table = {
      {"text-classification", "SEQ_CLS", {"classifier", "score"}},
      {"token-classification", "TOKEN_CLS", {"classifier", "score"}},
      {"question-answering", "QUESTION_ANS", {"qa_outputs"}},
      {"text-generation", "CAUSAL_LM", {}},
      {"summarization", "SEQ_2_SEQ_LM", {}},
      {"translation", "SEQ_2_SEQ_LM", {}},
  };
  for (const PeftTask &entry : table)
    if (task == entry.task)
      return entry;
  return table.front();
}

void addMissing(std::vector<std::string> &list, const std::vector<std::string> &more) {
  for (const std::string &name : more)
    if (!llvm::is_contained(list, name))
      list.push_back(name);
}

std::string configPath(const std::string &directory) {
  return rt::joinPath(directory, rt::kAdapterConfig);
}

/// PEFT's init_lora_weights, a boolean or a name, as text.
rt::Result<std::string> initOf(const rt::JsonObject &config) {
  const rt::Json *value = config.find("init_lora_weights");
  if (value && value->is_string())
    return config.stringOr("init_lora_weights", "true");
  FTC_ASSIGN_OR_RETURN(bool usual, config.booleanOr("init_lora_weights", true));
  return std::string(usual ? "true" : "false");
}

/// Settings that change what an adapter computes and have no code here.
rt::Status refuseVariants(const rt::JsonObject &config) {
  for (const char *key : {"use_dora", "use_rslora", "use_qalora", "lora_bias"}) {
    FTC_ASSIGN_OR_RETURN(bool on, config.booleanOr(key, false));
    if (on)
      return config.mismatch(key, "false: only plain LoRA adapters are supported");
  }
  FTC_ASSIGN_OR_RETURN(std::string bias, config.stringOr("bias", "none"));
  if (bias != "none")
    return config.mismatch("bias", "'none': trained biases are not supported");
  // These change the base model's weights when the adapter is made.
  FTC_ASSIGN_OR_RETURN(std::string init, initOf(config));
  if (!llvm::is_contained({"true", "false", "gaussian", "eva", "orthogonal"}, init))
    return config.mismatch("init_lora_weights",
                           "true, false, 'gaussian', 'eva' or 'orthogonal': the adapter belongs "
                           "to a base model that it changed");
  for (const char *key :
       {"rank_pattern", "alpha_pattern", "layers_to_transform", "layer_replication",
        "target_parameters", "exclude_modules", "trainable_token_indices", "megatron_config",
        "arrow_config", "alora_invocation_tokens", "corda_config", "eva_config"})
    if (const rt::Json *value = config.find(key); value && !value->empty())
      return config.mismatch(key, "null or empty: one rank for all targeted modules");
  return {};
}

/// A module list of the configuration; null is empty, "all-linear" a list of one.
rt::Result<std::vector<std::string>> moduleList(const rt::JsonObject &config, const char *key) {
  const rt::Json *value = config.find(key);
  if (!value)
    return std::vector<std::string>();
  if (value->is_string() && value->get<std::string>() == "all-linear")
    return std::vector<std::string>{"all-linear"};
  if (value->is_string())
    return config.mismatch(key, "a list of module names (a pattern is not supported)");
  FTC_ASSIGN_OR_RETURN(std::vector<std::string> list, config.strings(key));
  for (const std::string &name : list)
    if (name.empty() ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                               "WXYZ0123456789_.-") != std::string::npos)
      return config.mismatch(key, "names of modules");
  return list;
}

rt::Result<LoraOptions> readSettings(const rt::JsonObject &config) {
  FTC_RETURN_IF_ERROR(refuseVariants(config));
  LoraOptions lora;
  FTC_ASSIGN_OR_RETURN(lora.r, config.integer("r", 1, 1 << 16));
  FTC_ASSIGN_OR_RETURN(lora.alpha, config.number("lora_alpha", -1e9, 1e9));
  FTC_ASSIGN_OR_RETURN(lora.dropout, config.numberOr("lora_dropout", 0, 0, 0.999));
  FTC_ASSIGN_OR_RETURN(lora.targetModules, moduleList(config, "target_modules"));
  FTC_ASSIGN_OR_RETURN(lora.modulesToSave, moduleList(config, "modules_to_save"));
  if (lora.targetModules.empty())
    return config.mismatch("target_modules", "a list of module names");
  return lora;
}

std::string shown(const std::vector<std::string> &list) { return llvm::join(list, ","); }

/// A flag may repeat what an adapter fixes, no more.
template <typename T>
rt::Status expectSame(const char *flag, const std::optional<T> &given, T adapter) {
  if (!given || *given == adapter)
    return {};
  std::string text = llvm::formatv("{0}", adapter).str();
  return rt::Status::usage(std::string("--") + flag + ": the adapter was made with " + text +
                           "; leave the flag out");
}

std::set<std::string> asSet(const std::vector<std::string> &list) {
  return {list.begin(), list.end()};
}

} // namespace

bool isAdapterDirectory(const std::string &directory) {
  return rt::isFile(configPath(directory)) &&
         !rt::isFile(rt::joinPath(directory, "model.safetensors")) &&
         !rt::isFile(rt::joinPath(directory, "model.safetensors.index.json"));
}

/// Where `base` lies as a configuration in `directory` names it, if it is taken from there.
static std::string besideAdapter(const std::string &directory, const std::string &base) {
  namespace fs = std::filesystem;
  std::error_code unresolved;
  fs::path joined = fs::path(directory) / base;
  fs::path path = fs::weakly_canonical(joined, unresolved);
  return unresolved ? joined.string() : path.string();
}

/// The directory that `base` names: as written, else from the adapter's; empty: neither is one.
static std::string resolveBase(const std::string &directory, const std::string &base) {
  if (base.empty() || rt::isDirectory(base))
    return base;
  std::string path = besideAdapter(directory, base);
  return rt::isDirectory(path) ? path : std::string();
}

std::string adapterBaseName(const std::string &directory) {
  rt::Result<rt::Json> config = rt::readJsonFile(configPath(directory));
  if (!config || !config->is_object())
    return {};
  auto named = config->find("base_model_name_or_path");
  if (named == config->end() || !named->is_string())
    return {};
  auto base = named->get<std::string>();
  std::string resolved = resolveBase(directory, base);
  return resolved.empty() ? base : resolved;
}

/// Where the adapter's base model lies.
static rt::Result<std::string> findBase(const rt::JsonObject &config,
                                        const std::string &directory,
                                        const std::string &basePath) {
  if (!basePath.empty())
    return basePath;
  FTC_ASSIGN_OR_RETURN(std::string base, config.stringOr("base_model_name_or_path", ""));
  std::string resolved = resolveBase(directory, base);
  if (!resolved.empty())
    return resolved;
  std::string looked;
  if (!base.empty() && std::filesystem::path(base).is_relative())
    looked = ": neither that nor " + rt::quote(besideAdapter(directory, base), 200) + " is one";
  return config.mismatch("base_model_name_or_path",
                         "the directory of the model that it adapts" + looked +
                             "; --model_name_or_path says where that lies");
}

std::string peftTaskName(const std::string &task, llvm::StringRef modelType) {
  return llvm::is_contained(targetTasks(), task) && isDecoderOnly(modelType)
             ? "text-generation"
             : task;
}

/// config.json's model_type of a base model; empty where it has none.
static rt::Result<std::string> readModelType(const std::string &directory) {
  FTC_ASSIGN_OR_RETURN(std::string text, rt::readModelConfig(directory));
  std::string path = rt::joinPath(directory, "config.json");
  FTC_ASSIGN_OR_RETURN(rt::Json json, rt::parseJson(text, path));
  FTC_ASSIGN_OR_RETURN(rt::JsonObject config, rt::JsonObject::of(json, path));
  return config.stringOr("model_type", "");
}

rt::Result<AdapterSource> readAdapter(const std::string &directory, const std::string &task,
                                      const std::string &basePath) {
  std::string path = configPath(directory);
  FTC_ASSIGN_OR_RETURN(rt::Json json, rt::readJsonFile(path));
  FTC_ASSIGN_OR_RETURN(rt::JsonObject config, rt::JsonObject::of(json, path));
  FTC_ASSIGN_OR_RETURN(std::string kind, config.string("peft_type"));
  if (kind != "LORA")
    return config.mismatch("peft_type", "'LORA'");
  FTC_ASSIGN_OR_RETURN(std::string found, findBase(config, directory, basePath));
  FTC_ASSIGN_OR_RETURN(std::string modelType, readModelType(found));
  const char *wanted = peftTask(peftTaskName(task, modelType)).type;
  FTC_ASSIGN_OR_RETURN(std::string type, config.stringOr("task_type", wanted));
  if (type != wanted)
    return config.mismatch("task_type", std::string("'") + wanted + "' for --task " + task);
  FTC_ASSIGN_OR_RETURN(LoraOptions lora, readSettings(config));
  std::string weights = rt::joinPath(directory, rt::kAdapterWeights);
  if (!rt::isFile(weights))
    return rt::Status::error(weights + ": missing; expected the adapter's tensors beside " +
                             "adapter_config.json");
  FTC_ASSIGN_OR_RETURN(rt::Checkpoint tensors, rt::Checkpoint::open(weights));
  return AdapterSource{directory, found, lora, std::move(tensors)};
}

rt::Result<LoraOptions> settleLora(const LoraFlags &flags, const AdapterSource *adapter,
                                   const std::string &modelType, const std::string &task) {
  LoraOptions lora;
  if (adapter) {
    lora = adapter->lora;
    FTC_RETURN_IF_ERROR(expectSame("lora_r", flags.r, lora.r));
    FTC_RETURN_IF_ERROR(expectSame("lora_alpha", flags.alpha, lora.alpha));
    for (auto [flag, given, fixed] :
         {std::tuple("lora_target_modules", &flags.targetModules, &lora.targetModules),
          std::tuple("modules_to_save", &flags.modulesToSave, &lora.modulesToSave)})
      if (!given->empty() && asSet(*given) != asSet(*fixed))
        return rt::Status::usage(std::string("--") + flag + ": the adapter was made with " +
                                 shown(*fixed) + "; leave the flag out");
  } else {
    lora.r = flags.r.value_or(lora.r);
    lora.alpha = flags.alpha.value_or(lora.alpha);
    lora.targetModules = flags.targetModules;
    lora.modulesToSave = flags.modulesToSave;
  }
  lora.dropout = flags.dropout.value_or(lora.dropout);
  if (lora.targetModules.empty()) {
    for (const DefaultTargets &entry : defaultTargets())
      if (modelType == entry.modelType)
        lora.targetModules = entry.modules;
    if (lora.targetModules.empty())
      return rt::Status::usage("--lora_target_modules is missing: PEFT has no default for "
                               "model_type '" +
                               modelType + "'; name linear layers, or give all-linear");
  }
  addMissing(lora.modulesToSave, peftTask(peftTaskName(task, modelType)).heads);
  return lora;
}

/// The texts of a module attribute's list.
static std::vector<std::string> listOf(ModuleOp module, llvm::StringRef name) {
  std::vector<std::string> list;
  if (auto array = module->getAttrOfType<ArrayAttr>(name))
    for (auto text : array.getAsRange<StringAttr>())
      list.push_back(text.str());
  return list;
}

rt::Status bindAdapter(ModuleOp module, const LoraFlags &flags, const AdapterSource *adapter) {
  std::vector<std::string> saved = listOf(module, "nn.saved_modules");
  for (const std::string &name : flags.modulesToSave)
    if (!llvm::is_contained(saved, name))
      return rt::Status::usage("--modules_to_save: no module's name ends with '" + name + "'");
  if (!adapter)
    return {};
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  Builder builder(module.getContext());
  std::string file = adapter->tensors.filePath(0);
  std::set<std::string> used;
  for (unsigned i = 0; i < forward.getNumArguments(); ++i) {
    if (!forward.getArgAttr(i, nn::kTrainable))
      continue;
    std::string name = rt::kAdapterPrefix + argumentText(forward, i, nn::kParameter).str();
    const rt::TensorInfo *tensor = adapter->tensors.find(name);
    auto type = cast<RankedTensorType>(forward.getArgument(i).getType());
    std::string shape =
        "[" +
        llvm::join(llvm::map_range(type.getShape(),
                                   [](std::int64_t size) { return std::to_string(size); }),
                   ", ") +
        "]";
    if (!tensor)
      return rt::Status::error(file + ": expected a tensor '" + name + "' " + shape +
                               ", got none: it belongs to another model, or task");
    if (!std::equal(tensor->shape.begin(), tensor->shape.end(), type.getShape().begin(),
                    type.getShape().end()))
      return rt::Status::error(file + ": tensor '" + name + "': expected " + shape + ", got " +
                               rt::describeTensor(*tensor) +
                               ": it belongs to another model, or label set");
    used.insert(name);
    forward.setArgAttr(i, nn::kTensor, builder.getStringAttr(name));
    forward.setArgAttr(i, nn::kFromAdapter, builder.getUnitAttr());
    forward.removeArgAttr(i, nn::kInit);
  }
  for (const rt::TensorInfo &tensor : adapter->tensors.tensors()) {
    if (!used.count(tensor.name))
      return rt::Status::error(file + ": tensor " + rt::quote(tensor.name) +
                               " is not part of this model's adapter: it belongs to another "
                               "model, or task");
    std::vector<float> buffer(1 << 16);
    for (std::uint64_t first = 0; first < tensor.elements; first += buffer.size())
      FTC_RETURN_IF_ERROR(adapter->tensors.readAsF32(
          tensor, buffer.data(), first,
          std::min<std::uint64_t>(buffer.size(), tensor.elements - first)));
  }
  return {};
}

/// Whether an adapted weight is a Conv1D's, which its file keeps as [in, out].
static bool adaptsConv1d(ModuleOp module, const std::vector<std::string> &modules) {
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  for (unsigned i = 0; i < forward.getNumArguments(); ++i) {
    llvm::StringRef name = argumentText(forward, i, nn::kParameter);
    if (forward.getArgAttr(i, nn::kTransposed) && name.consume_back(".weight") &&
        llvm::is_contained(modules, name))
      return true;
  }
  return false;
}

std::string adapterConfig(ModuleOp module, const LoraOptions &lora, const std::string &basePath,
                          const std::string &task) {
  // all-linear is PEFT's word for what its own matching finds; the modules say what was
  // adapted.
  bool all = llvm::is_contained(lora.targetModules, "all-linear");
  std::vector<std::string> targets =
      all ? listOf(module, "nn.lora_targets") : lora.targetModules;
  std::vector<std::string> saved = lora.modulesToSave;
  addMissing(saved, listOf(module, "nn.saved_modules"));
  rt::OrderedJson json;
  json["alpha_pattern"] = rt::OrderedJson::object();
  json["auto_mapping"] = nullptr;
  json["base_model_name_or_path"] = basePath;
  json["bias"] = "none";
  json["fan_in_fan_out"] = adaptsConv1d(module, listOf(module, "nn.lora_targets"));
  json["inference_mode"] = true;
  json["init_lora_weights"] = true;
  json["layers_pattern"] = nullptr;
  json["layers_to_transform"] = nullptr;
  if (lora.alpha == std::floor(lora.alpha))
    json["lora_alpha"] = static_cast<std::int64_t>(lora.alpha);
  else
    json["lora_alpha"] = lora.alpha;
  json["lora_dropout"] = lora.dropout;
  json["modules_to_save"] = saved.empty() ? rt::OrderedJson() : rt::OrderedJson(saved);
  json["peft_type"] = "LORA";
  json["r"] = lora.r;
  json["rank_pattern"] = rt::OrderedJson::object();
  json["revision"] = nullptr;
  json["target_modules"] = targets;
  json["task_type"] = peftTask(task).type;
  json["use_dora"] = false;
  json["use_rslora"] = false;
  return rt::dumpJson(json, 2) + "\n";
}

} // namespace ftc
