// T5 1.0 (relu, tied), and T5 1.1 and FLAN-T5 by their config.json (gated gelu, untied).
#include "frontends/arch/T5Stacks.h"

namespace ftc {

static rt::Result<ImportedModel> importT5(mlir::MLIRContext *context, const ModelSource &source,
                                          const TaskSpec &) {
  return importT5Like(context, source, {"t5", "T5ForConditionalGeneration", "relu", true, -1});
}

const Architecture &t5Architecture() {
  static const Architecture architecture{"t5", "T5", importT5, targetTasks()};
  return architecture;
}

} // namespace ftc
