// What a compilation would take, planned and not compiled.
#include "compiler/Compilation.h"

using namespace mlir;

namespace ftc {

rt::Result<MethodCost> Compilation::cost(const TypicalBatch &batch) {
  quiet = true;
  FTC_RETURN_IF_ERROR(prepare());
  FTC_RETURN_IF_ERROR(readModel());
  FTC_RETURN_IF_ERROR(readData());
  FTC_RETURN_IF_ERROR(import());
  FTC_RETURN_IF_ERROR(checkMethod());
  FTC_RETURN_IF_ERROR(chooseCapacities());
  FTC_RETURN_IF_ERROR(runPhases());
  FTC_RETURN_IF_ERROR(planWithinBudget());
  MethodCost cost;
  cost.maxSequence = maxSequence;
  cost.maxTokens = maxTokens;
  cost.severalMicroBatches = batch.sequences * batch.tokens > maxTokens ||
                             (hasTargets() && batch.sequences * batch.targets > maxTargets);
  for (auto variant : model.module->getOps<plan::VariantOp>()) {
    UnusedBytes unused = unusedBytes(variant);
    cost.peakBytes = memoryOf(variant, unused).peak();
    cost.severalPeakBytes = memoryOf(variant, unused, rt::GradientPlace::Apart).peak();
    break;
  }
  std::map<std::string, std::pair<std::int64_t, bool>> parameters; // elements, trained
  for (auto function : model.module->getOps<func::FuncOp>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (auto name = function.getArgAttrOfType<StringAttr>(i, nn::kParameter)) {
        auto &[elements, trained] = parameters[name.str()];
        elements = cast<RankedTensorType>(function.getArgument(i).getType()).getNumElements();
        trained |= function.getArgAttr(i, nn::kTrainable) != nullptr;
      }
  for (const auto &[name, facts] : parameters) {
    cost.parameters += facts.first;
    cost.trainable += facts.second ? facts.first : 0;
  }
  cost.programs =
      commandCosts(*model.module, batch, task->labelPlacement() == rt::LabelPlacement::Token);
  return cost;
}

rt::Result<MethodCost> methodCost(const CompileOptions &options, const TypicalBatch &batch) {
  CompileOptions planned = options;
  planned.emit = "artifact";
  Compilation compilation(planned);
  return compilation.cost(batch);
}

} // namespace ftc
