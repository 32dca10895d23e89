// mT5 (Xue et al. 2021): T5 1.1 over 101 languages.
#include "frontends/arch/T5Stacks.h"

namespace ftc {

static rt::Result<ImportedModel> importMT5(mlir::MLIRContext *context,
                                           const ModelSource &source, const TaskSpec &) {
  return importT5Like(context, source,
                      {"mt5", "MT5ForConditionalGeneration", "gated-gelu", false, 0});
}

const Architecture &mt5Architecture() {
  static const Architecture architecture{"mt5", "MT5", importMT5, targetTasks()};
  return architecture;
}

} // namespace ftc
