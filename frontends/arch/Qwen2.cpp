// Qwen2 (Yang et al. 2024): Llama's decoder with biases on q, k, v, and a sliding window in
// some layers where the configuration asks for it.
#include "frontends/arch/LlamaDecoder.h"

namespace ftc {

/// transformers' Qwen2Config: `layer_types` names each layer's attention; without it the layers
/// from `max_window_layers` on slide, all only with `use_sliding_window`.
static void readWindows(ConfigReader &config, LlamaConfig &c) {
  bool slides = config.boolean("use_sliding_window", false) &&
                (!config.mentions("sliding_window") || config.has("sliding_window"));
  std::int64_t window = config.integer("sliding_window", 1, 1 << 30, 4096);
  std::int64_t first = config.integer("max_window_layers", 0, 1 << 20, 28);
  const nlohmann::json *types = config.find("layer_types");
  if (types && (!types->is_array() || types->size() != c.windows.size()))
    return config.fail("'layer_types': expected a list of " + std::to_string(c.windows.size()) +
                       " names, one a layer");
  for (std::size_t i = 0; i < c.windows.size(); ++i) {
    bool sliding = slides && static_cast<std::int64_t>(i) >= first;
    if (types) {
      const nlohmann::json &type = (*types)[i];
      if (type != "full_attention" && type != "sliding_attention")
        return config.fail("'layer_types': expected full_attention or sliding_attention for "
                           "layer " +
                           std::to_string(i));
      sliding = type == "sliding_attention";
      if (sliding && !slides)
        return config.fail("'layer_types' has sliding_attention, but 'use_sliding_window' is "
                           "not true with a 'sliding_window'");
    }
    c.windows[i] = sliding ? window : 0;
  }
}

static rt::Result<ImportedModel> importQwen2(mlir::MLIRContext *context,
                                             const ModelSource &source, const TaskSpec &task) {
  ConfigReader config(source);
  LlamaConfig c = readLlamaConfig(config, 32, 32768);
  c.queryBias = true;
  readWindows(config, c);
  return importLlamaLike(context, source, task, config, c, "qwen2", "Qwen2",
                         "transformer");
}

const Architecture &qwen2Architecture() {
  static const Architecture architecture{"qwen2", "Qwen2", importQwen2,
                                         decoderTasks()};
  return architecture;
}

} // namespace ftc
