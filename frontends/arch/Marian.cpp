// Marian (Junczys-Dowmunt et al. 2018): post-norm, sinusoidal positions, swish.
#include "frontends/arch/BartStacks.h"

namespace ftc {

static rt::Result<ImportedModel> importMarian(mlir::MLIRContext *context,
                                              const ModelSource &source, const TaskSpec &) {
  BartForm form{"marian", "MarianMTModel"};
  form.padding = form.decoderStart = 58100;
  ConfigReader config(source);
  if (!config.boolean("share_encoder_decoder_embeddings", true))
    config.fail(
        "'share_encoder_decoder_embeddings' is false, expected true: a vocabulary a side "
        "is not supported");
  return importBartLike(context, source, config, form);
}

const Architecture &marianArchitecture() {
  static const Architecture architecture{"marian", "Marian", importMarian, targetTasks()};
  return architecture;
}

} // namespace ftc
