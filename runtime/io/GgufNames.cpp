// llama.cpp's tensor names become Hugging Face's; gguf-py/gguf/tensor_mapping.py and
// convert_hf_to_gguf.py have the other direction.
#include "runtime/io/GgufModel.h"

#include "runtime/support/Text.h"

#include <span>

namespace ftc::rt {

namespace {

struct Name {
  std::string_view gguf, huggingFace;
};
constexpr Name outer[] = {
    {"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};
constexpr Name inLayer[] = {
    {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"}};

std::string_view lookUp(std::span<const Name> table, std::string_view name) {
  for (const Name &entry : table)
    if (entry.gguf == name)
      return entry.huggingFace;
  return {};
}

/// "12" of "12.attn_q", which moves behind the dot; empty unless it is a number as written by
/// std::to_string.
std::string_view takeLayer(std::string_view &rest) {
  std::size_t dot = rest.find('.');
  std::string_view digits = rest.substr(0, dot);
  if (dot == rest.npos || digits.empty() || digits.size() > 6 ||
      digits.find_first_not_of("0123456789") != digits.npos ||
      (digits.size() > 1 && digits[0] == '0'))
    return {};
  rest.remove_prefix(dot + 1);
  return digits;
}

/// The name of a tensor, or an empty one. `module` becomes its "attn_q".
std::string translate(std::string_view name, std::int64_t layers, std::string_view &module) {
  std::size_t dot = name.rfind('.');
  if (dot == name.npos)
    return "";
  std::string_view kind = name.substr(dot);
  if (kind != ".weight" && kind != ".bias")
    return "";
  std::string_view rest = name.substr(0, dot), layer, base;
  if (rest.starts_with("blk.")) {
    rest.remove_prefix(4);
    layer = takeLayer(rest);
    if (layer.empty() || std::stol(std::string(layer)) >= layers)
      return "";
    base = lookUp(inLayer, rest);
  } else {
    base = lookUp(outer, rest);
  }
  module = rest;
  bool norm = rest.ends_with("_norm");
  if (base.empty() || (kind == ".bias" && (norm || rest == "token_embd")))
    return "";
  std::string prefix = layer.empty() ? "" : "model.layers." + std::string(layer) + ".";
  return prefix + std::string(base) + std::string(kind);
}

} // namespace

Result<std::string> ggufArchitecture(const GgufFile &file) {
  FTC_ASSIGN_OR_RETURN(std::string architecture, file.string("general.architecture"));
  if (architecture != "llama" && architecture != "qwen2")
    return file.keyError("general.architecture",
                         "is " + quote(architecture, 60) +
                             ", which is not supported; expected llama or qwen2");
  FTC_ASSIGN_OR_RETURN(std::int64_t parts, file.integerOr("split.count", 1, 0, 65535));
  if (parts > 1)
    return file.keyError("split.count", "is " + std::to_string(parts) +
                                            ": a model split over several files, which is not "
                                            "supported; merge them with llama-gguf-split");
  return architecture;
}

Result<std::vector<GgufMapping>> mapGgufTensors(const GgufFile &file) {
  FTC_ASSIGN_OR_RETURN(std::string architecture, ggufArchitecture(file));
  std::string prefix = architecture + ".";
  FTC_ASSIGN_OR_RETURN(std::int64_t layers, file.integer(prefix + "block_count", 1, 1 << 16));
  FTC_ASSIGN_OR_RETURN(std::int64_t heads,
                       file.integer(prefix + "attention.head_count", 1, 1 << 16));
  FTC_ASSIGN_OR_RETURN(std::int64_t keyHeads,
                       file.integerOr(prefix + "attention.head_count_kv", heads, 1, 1 << 16));
  std::vector<GgufMapping> out;
  for (const GgufTensor &tensor : file.tensors()) {
    if (tensor.name == "rope_freqs.weight") // Read by ggufConfig.
      continue;
    GgufMapping mapping;
    std::string_view module;
    mapping.name = translate(tensor.name, layers, module);
    std::string where = escape(file.source(), 160) + ": tensor " + quote(tensor.name, 64);
    if (mapping.name.empty())
      return Status::error(where + " is not part of architecture " + architecture + " with " +
                           std::to_string(layers) + " layers");
    mapping.tensor = &tensor;
    mapping.shape.assign(tensor.dimensions.rbegin(), tensor.dimensions.rend());
    if (architecture == "llama" && (module == "attn_q" || module == "attn_k")) {
      mapping.permutedHeads = static_cast<std::uint64_t>(module == "attn_q" ? heads : keyHeads);
      std::uint64_t rows = mapping.shape.empty() ? 0 : mapping.shape[0];
      if (rows == 0 || rows % (2 * mapping.permutedHeads))
        return Status::error(where + " has " + std::to_string(rows) +
                             " rows, expected an even number for each of " +
                             std::to_string(mapping.permutedHeads) + " heads");
    }
    out.push_back(std::move(mapping));
  }
  return out;
}

} // namespace ftc::rt
