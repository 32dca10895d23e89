// mBART (Liu et al. 2020; Tang et al. 2020): BART with norms before each block and one behind
// each stack; the decoder begins with what the target ends with.
#include "frontends/arch/BartStacks.h"

namespace ftc {

static rt::Result<ImportedModel> importMBart(mlir::MLIRContext *context,
                                             const ModelSource &source, const TaskSpec &) {
  BartForm form{"mbart", "MBartForConditionalGeneration"};
  form.preNorm = form.learned = form.embeddingNorm = form.rotates = true;
  ConfigReader config(source);
  return importBartLike(context, source, config, form);
}

const Architecture &mbartArchitecture() {
  static const Architecture architecture{"mbart", "MBart", importMBart, targetTasks()};
  return architecture;
}

} // namespace ftc
