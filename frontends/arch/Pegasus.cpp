// Pegasus (Zhang et al. 2020): pre-norm, sinusoidal positions.
#include "frontends/arch/BartStacks.h"

namespace ftc {

static rt::Result<ImportedModel> importPegasus(mlir::MLIRContext *context,
                                               const ModelSource &source, const TaskSpec &) {
  BartForm form{"pegasus", "PegasusForConditionalGeneration"};
  form.preNorm = true;
  form.padding = form.decoderStart = 0;
  ConfigReader config(source);
  return importBartLike(context, source, config, form);
}

const Architecture &pegasusArchitecture() {
  static const Architecture architecture{"pegasus", "Pegasus", importPegasus, targetTasks()};
  return architecture;
}

} // namespace ftc
