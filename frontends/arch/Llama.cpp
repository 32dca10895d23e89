// Llama (Touvron et al. 2023), and what is published under its model_type: SmolLM, TinyLlama.
#include "frontends/arch/LlamaDecoder.h"

namespace ftc {

static rt::Result<ImportedModel> importLlama(mlir::MLIRContext *context,
                                             const ModelSource &source, const TaskSpec &task) {
  ConfigReader config(source);
  LlamaConfig c = readLlamaConfig(config, 0, 2048);
  c.queryBias = c.outputBias = config.boolean("attention_bias", false);
  c.mlpBias = config.boolean("mlp_bias", false);
  return importLlamaLike(context, source, task, config, c, "llama", "Llama", "transformer");
}

const Architecture &llamaArchitecture() {
  static const Architecture architecture{"llama", "Llama", importLlama,
                                         decoderTasks()};
  return architecture;
}

} // namespace ftc
