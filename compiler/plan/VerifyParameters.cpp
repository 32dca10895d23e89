// Checks a plan against the programs that it was made of.
#include "compiler/plan/VerifyParameters.h"

#include "compiler/analysis/Arguments.h"
#include "dialects/plan/Plan.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace ftc {
namespace {

/// What any program says of a parameter.
struct Described {
  func::FuncOp program; ///< the first that has it
  bool trainable = false, decay = false;
};

using Parameters = llvm::MapVector<llvm::StringRef, Described>;

} // namespace

static Parameters describe(ModuleOp module) {
  Parameters parameters;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (programName(function).empty())
      continue;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      llvm::StringRef name = argumentText(function, i, nn::kParameter);
      if (name.empty())
        continue;
      Described &parameter = parameters.try_emplace(name, Described{function}).first->second;
      parameter.trainable |= function.getArgAttr(i, nn::kTrainable) != nullptr;
      parameter.decay |= function.getArgAttr(i, nn::kDecay) != nullptr;
    }
  }
  return parameters;
}

/// The extents of a variant's parameter segment: decaying, other trainable, frozen ones.
static LogicalResult verifyPlace(plan::VariantOp variant, plan::StorageOp storage,
                                 const Described &parameter) {
  std::uint64_t begin = 0, end = variant.getDecayElements();
  const char *group = "that decay";
  if (!parameter.trainable) {
    begin = variant.getTrainableElements();
    end = variant.getParamsElements();
    group = "that are frozen";
  } else if (!parameter.decay) {
    begin = variant.getDecayElements();
    end = variant.getTrainableElements();
    group = "that are trained without decay";
  }
  std::uint64_t first = storage.getOffset(), last = first + storage.getElements();
  if (first >= begin && last <= end)
    return success();
  return storage.emitOpError("expected a place in [")
         << begin << ", " << end << "), among the parameters " << group << ", got [" << first
         << ", " << last << ") for '" << storage.getParameter() << "'";
}

static LogicalResult verifyVariant(plan::VariantOp variant, const Parameters &parameters) {
  llvm::DenseSet<llvm::StringRef> stored;
  for (auto storage : variant.getOps<plan::StorageOp>()) {
    auto found = parameters.find(storage.getParameter());
    if (found == parameters.end())
      return storage.emitOpError("expected parameter '")
             << storage.getParameter() << "' as an argument of a program, got none";
    if (failed(verifyPlace(variant, storage, found->second)))
      return failure();
    stored.insert(storage.getParameter());
  }
  for (const auto &[name, parameter] : parameters)
    if (!stored.contains(name))
      return variant.emitOpError("expected a plan.storage of parameter '")
             << name << "', got none";
  return success();
}

LogicalResult verifyParameters(ModuleOp module, ArrayRef<llvm::StringRef> variants) {
  for (auto function : module.getOps<func::FuncOp>())
    if (!programName(function).empty() && failed(verifyOrigins(function)))
      return failure();
  Parameters parameters = describe(module);
  for (llvm::StringRef name : variants) {
    auto variant = module.lookupSymbol<plan::VariantOp>(name);
    if (!variant)
      return module.emitError("expected a plan.variant @") << name << ", got none";
    if (failed(verifyVariant(variant, parameters)))
      return failure();
  }
  return success();
}

} // namespace ftc
