// config.json from a GGUF file's metadata.
#include "runtime/io/GgufModel.h"

#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ftc::rt {

namespace {

constexpr std::int64_t mostSize = std::int64_t(1) << 30;

/// Keys of an architecture that are read or checked below, or that change nothing.
constexpr std::string_view knownKeys[] = {
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "expert_used_count",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "tensor_data_layout",
    "vocab_size",
};

/// Reads the metadata of one architecture.
class ConfigBuilder {
public:
  ConfigBuilder(const GgufFile &file, std::string architecture)
      : file(file), architecture(std::move(architecture)) {}

  Result<OrderedJson> build() {
    FTC_RETURN_IF_ERROR(refuseUnknown());
    FTC_RETURN_IF_ERROR(readSizes());
    FTC_RETURN_IF_ERROR(readRope());
    FTC_RETURN_IF_ERROR(readTokens());
    config["tie_word_embeddings"] = file.find("output.weight") == nullptr;
    config["torch_dtype"] = "float32";
    config["initializer_range"] = 0.02;
    config["use_cache"] = true;
    return std::move(config);
  }

private:
  std::string key(std::string_view name) const {
    return architecture + "." + std::string(name);
  }

  /// Any key might change the model's mathematics, so those without code are refused.
  Status refuseUnknown() {
    for (const std::string &name : file.keys())
      if (name.starts_with(architecture + ".") &&
          std::find(std::begin(knownKeys), std::end(knownKeys),
                    std::string_view(name).substr(architecture.size() + 1)) ==
              std::end(knownKeys))
        return file.keyError(name, "is not known for architecture " + architecture +
                                       ": it might change the model, so it is not ignored");
    for (const char *absent : {"expert_count", "expert_used_count", "attention.sliding_window"})
      FTC_RETURN_IF_ERROR(file.integerOr(key(absent), 0, 0, 0).takeStatus());
    FTC_ASSIGN_OR_RETURN(std::string layout,
                         file.stringOr(key("tensor_data_layout"), "Meta AI original pth"));
    if (layout != "Meta AI original pth")
      return file.keyError(key("tensor_data_layout"),
                           "is " + quote(layout, 60) + ", expected Meta AI original pth");
    return Status::ok();
  }

  Status integer(const char *to, std::string_view from, std::int64_t &value) {
    FTC_ASSIGN_OR_RETURN(value, file.integer(key(from), 1, mostSize));
    config[to] = value;
    return Status::ok();
  }

  Status readSizes() {
    bool llama = architecture == "llama";
    config["architectures"] = {llama ? "LlamaForCausalLM" : "Qwen2ForCausalLM"};
    config["model_type"] = architecture;
    std::int64_t ignored, hidden;
    FTC_RETURN_IF_ERROR(integer("hidden_size", "embedding_length", hidden));
    FTC_RETURN_IF_ERROR(integer("intermediate_size", "feed_forward_length", ignored));
    FTC_RETURN_IF_ERROR(integer("num_hidden_layers", "block_count", ignored));
    FTC_RETURN_IF_ERROR(integer("num_attention_heads", "attention.head_count", heads));
    FTC_ASSIGN_OR_RETURN(std::int64_t keyHeads,
                         file.integerOr(key("attention.head_count_kv"), heads, 1, heads));
    config["num_key_value_heads"] = keyHeads;
    FTC_RETURN_IF_ERROR(integer("max_position_embeddings", "context_length", ignored));
    FTC_ASSIGN_OR_RETURN(double epsilon, file.number(key("attention.layer_norm_rms_epsilon")));
    config["rms_norm_eps"] = epsilon;
    config["hidden_act"] = "silu";
    if (llama) {
      config["attention_bias"] = file.find("blk.0.attn_q.bias") != nullptr;
      config["mlp_bias"] = file.find("blk.0.ffn_gate.bias") != nullptr;
    } else {
      config["use_sliding_window"] = false;
    }
    FTC_RETURN_IF_ERROR(readHeadSize(hidden));
    const GgufTensor *embedding = file.find("token_embd.weight");
    if (!embedding || embedding->dimensions.size() != 2)
      return Status::error(escape(file.source(), 160) +
                           ": expected a tensor 'token_embd.weight' of two dimensions, got " +
                           (embedding ? "another shape" : "none"));
    config["vocab_size"] = embedding->dimensions[1];
    return Status::ok();
  }

  Status readHeadSize(std::int64_t hidden) {
    std::int64_t usual = std::max<std::int64_t>(1, hidden / heads);
    FTC_ASSIGN_OR_RETURN(headSize,
                         file.integerOr(key("attention.key_length"), usual, 2, mostSize));
    // Attention with other values, or a rotation of a part of a head, has no code.
    for (const char *equal : {"attention.value_length", "rope.dimension_count"})
      FTC_RETURN_IF_ERROR(
          file.integerOr(key(equal), headSize, headSize, headSize).takeStatus());
    if (architecture == "llama" || headSize * heads != hidden)
      config["head_dim"] = headSize;
    return Status::ok();
  }

  Status readRope() {
    double base = 10000;
    if (file.has(key("rope.freq_base"))) {
      FTC_ASSIGN_OR_RETURN(base, file.number(key("rope.freq_base")));
    }
    if (!(base > 1))
      return file.keyError(key("rope.freq_base"), "is not above 1");
    config["rope_theta"] = base;
    FTC_ASSIGN_OR_RETURN(std::string type, file.stringOr(key("rope.scaling.type"), "linear"));
    double factor = 1;
    for (const char *name : {"rope.scale_linear", "rope.scaling.factor"})
      if (file.has(key(name))) {
        FTC_ASSIGN_OR_RETURN(factor, file.number(key(name)));
        if (!(factor >= 1))
          return file.keyError(key(name), "is below 1");
      }
    if (type != "linear" && type != "none")
      return file.keyError(key("rope.scaling.type"),
                           "is " + quote(type, 60) +
                               ", which is not supported; expected none or linear");
    config["rope_scaling"] = nullptr;
    if (type == "linear" && factor != 1)
      config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", factor}};
    if (const GgufTensor *divisors = file.find("rope_freqs.weight"))
      return readDivisors(*divisors, base);
    return Status::ok();
  }

  /// What each frequency is divided by in Llama 3.1 and later: the converter keeps the result
  /// of rope_scaling "llama3", not its parameters. low_freq_factor, high_freq_factor and
  /// original_max_position_embeddings have one value in all those models.
  Status readDivisors(const GgufTensor &tensor, double base) {
    auto bad = [&](const std::string &what) {
      return Status::error(escape(file.source(), 160) + ": tensor 'rope_freqs.weight' " + what);
    };
    if (!config["rope_scaling"].is_null())
      return bad("stands beside rope.scaling.factor, expected one of them");
    std::uint64_t count = static_cast<std::uint64_t>(headSize / 2);
    if (tensor.elements != count)
      return bad("has " + std::to_string(tensor.elements) + " elements, expected " +
                 std::to_string(count) + ", half a head");
    std::vector<float> divisors(count);
    FTC_RETURN_IF_ERROR(file.readAsF32(tensor, divisors.data(), 0, count));
    constexpr double low = 1, high = 4, context = 8192;
    double factor = *std::max_element(divisors.begin(), divisors.end());
    for (std::uint64_t i = 0; i < count; ++i) {
      double wavelength =
          2 * std::numbers::pi * std::pow(base, 2.0 * double(i) / double(headSize));
      double expected = 1;
      if (wavelength > context / low)
        expected = factor;
      else if (wavelength >= context / high) {
        double smooth = (context / wavelength - low) / (high - low);
        expected = 1 / ((1 - smooth) / factor + smooth);
      }
      if (!(std::abs(divisors[i] - expected) <= 1e-4 * expected))
        return bad("divides frequency " + std::to_string(i) + " by " +
                   std::to_string(divisors[i]) + ", expected " + std::to_string(expected) +
                   " as rope_scaling llama3 does; another scaling is not supported");
    }
    if (factor != 1)
      config["rope_scaling"] = {{"rope_type", "llama3"},
                                {"factor", factor},
                                {"low_freq_factor", low},
                                {"high_freq_factor", high},
                                {"original_max_position_embeddings", int(context)}};
    return Status::ok();
  }

  Status readTokens() {
    constexpr struct {
      const char *from, *to;
    } roles[] = {{"tokenizer.ggml.bos_token_id", "bos_token_id"},
                 {"tokenizer.ggml.eos_token_id", "eos_token_id"},
                 {"tokenizer.ggml.padding_token_id", "pad_token_id"}};
    for (const auto &role : roles) {
      FTC_ASSIGN_OR_RETURN(std::int64_t id, file.integerOr(role.from, -1, 0, mostSize));
      config[role.to] = id < 0 ? OrderedJson() : OrderedJson(id);
    }
    return Status::ok();
  }

  const GgufFile &file;
  std::string architecture;
  OrderedJson config = OrderedJson::object();
  std::int64_t heads = 1, headSize = 1;
};

} // namespace

Result<OrderedJson> ggufConfig(const GgufFile &file) {
  FTC_ASSIGN_OR_RETURN(std::string architecture, ggufArchitecture(file));
  return ConfigBuilder(file, std::move(architecture)).build();
}

Result<std::string> readModelConfig(const std::string &path) {
  FTC_ASSIGN_OR_RETURN(std::optional<std::string> gguf, findGguf(path));
  if (gguf) {
    FTC_ASSIGN_OR_RETURN(GgufFile file, GgufFile::open(*gguf));
    FTC_ASSIGN_OR_RETURN(OrderedJson config, ggufConfig(file));
    return dumpJson(config, 2) + "\n";
  }
  if (!isDirectory(path))
    return Status::error(quote(path, 200) +
                         ": not a directory; expected a model in Hugging Face layout "
                         "(config.json, model.safetensors, tokenizer files) or a GGUF file");
  std::string config = joinPath(path, "config.json");
  if (!isFile(config))
    return Status::error(escape(config, 200) +
                         ": missing; expected a model in Hugging Face layout");
  return readFile(config, JsonOptions().maxBytes);
}

} // namespace ftc::rt
