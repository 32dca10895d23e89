// BART (Lewis et al. 2020): post-norm, learned positions behind an offset, a norm over the
// embeddings.
#include "frontends/arch/BartStacks.h"

namespace ftc {

static rt::Result<ImportedModel> importBart(mlir::MLIRContext *context,
                                            const ModelSource &source, const TaskSpec &) {
  BartForm form{"bart", "BartForConditionalGeneration"};
  form.learned = form.embeddingNorm = true;
  form.decoderStart = 2;
  ConfigReader config(source);
  return importBartLike(context, source, config, form);
}

const Architecture &bartArchitecture() {
  static const Architecture architecture{"bart", "Bart", importBart, targetTasks()};
  return architecture;
}

} // namespace ftc
