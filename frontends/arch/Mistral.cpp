// Mistral (Jiang et al. 2023): Llama's decoder with a sliding window in every layer.
#include "frontends/arch/LlamaDecoder.h"

namespace ftc {

static rt::Result<ImportedModel>
importMistral(mlir::MLIRContext *context, const ModelSource &source, const TaskSpec &task) {
  ConfigReader config(source);
  LlamaConfig c = readLlamaConfig(config, 8, 1 << 17);
  // An absent key is 4096, null is no window: transformers' MistralConfig.
  if (!config.mentions("sliding_window") || config.has("sliding_window"))
    c.windows.assign(c.layers, config.integer("sliding_window", 1, 1 << 30, 4096));
  return importLlamaLike(context, source, task, config, c, "mistral", "Mistral", "model");
}

const Architecture &mistralArchitecture() {
  static const Architecture architecture{"mistral", "Mistral", importMistral,
                                         decoderTasks()};
  return architecture;
}

} // namespace ftc
