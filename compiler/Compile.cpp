// `ftc compile`: the phases in order, from a checkpoint's files to one artifact on disk.
#include "compiler/Compilation.h"

#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;

namespace ftc {

static rt::Result<std::vector<const cpu::CpuIsa *>>
resolveIsas(const std::vector<std::string> &names, const std::string &precision) {
  if (precision == "tf32")
    return rt::Status::usage("--precision: tf32 is of GPUs, expected fp32, bf16 or auto, or "
                             "--target cuda");
  std::vector<const cpu::CpuIsa *> isas;
  auto add = [&](const cpu::CpuIsa &isa) {
    if (!llvm::is_contained(isas, &isa))
      isas.push_back(&isa);
  };
  auto has = [features = llvm::sys::getHostCPUFeatures()](const cpu::CpuIsa &candidate) {
    return llvm::all_of(candidate.features,
                        [&](const std::string &feature) { return features.lookup(feature); });
  };
  for (const std::string &name : names) {
    if (name == "native") {
      if (precision != "fp32" && has(cpu::isaV4Bf16()))
        add(cpu::isaV4Bf16());
      else if (has(cpu::isaV4()))
        add(cpu::isaV4());
      else if (has(cpu::isaV3()))
        add(cpu::isaV3());
      else
        return rt::Status::error("this CPU has no AVX2 with FMA: name the target's CPU with "
                                 "--cpu x86-64-v3 or x86-64-v4");
      continue;
    }
    const cpu::CpuIsa *isa = cpu::findIsa(name);
    if (!isa || isa->bf16Pairs)
      return rt::Status::usage("--cpu: unknown CPU '" + name +
                               "', expected native, x86-64-v3 or x86-64-v4");
    if (isa == &cpu::isaV4() &&
        (precision == "bf16" || (precision == "auto" && has(cpu::isaV4Bf16()))))
      add(cpu::isaV4Bf16());
    add(*isa);
  }
  return isas;
}

rt::Status Compilation::compileKernels() {
  for (std::size_t i = 0; i < isas.size(); ++i) {
    auto variant = model.module->lookupSymbol<plan::VariantOp>(isas[i]->name);
    if (options.emit == "kernels") {
      auto text = target.compileToText(variant, kernelTables[i], *isas[i]);
      if (!text)
        return rt::Status::error("phase kernels: " + llvm::toString(text.takeError()));
      kernelText += *text;
      continue;
    }
    auto object = target.compile(variant, kernelTables[i], *isas[i]);
    if (!object)
      return rt::Status::error("phase kernels: " + llvm::toString(object.takeError()));
    if (!object->warning.empty())
      std::fprintf(stderr, "warning: %s\n", object->warning.c_str());
    objects.push_back(std::move(*object));
  }
  clock.lap("kernels");
  return {};
}

/// The module's context, and which variants there will be.
rt::Status Compilation::prepare() {
  context.loadDialect<func::FuncDialect, nn::NnDialect, plan::PlanDialect>();
  context.disableMultithreading();
  if (options.remarks) {
    remark::RemarkCategories categories;
    categories.passed = categories.missed = categories.analysis = categories.failed = "ftc-.*";
    if (failed(remark::enableOptimizationRemarks(
            context, nullptr, std::make_unique<remark::RemarkEmittingPolicyAll>(), categories,
            /*printAsEmitRemarks=*/true)))
      return rt::Status::error("--remarks: the remark engine cannot be started");
  }
  FTC_ASSIGN_OR_RETURN(isas, options.target == "cuda"
                                 ? resolveGpus(options.gpus, options.precision)
                                 : resolveIsas(options.cpus, options.precision));
  return {};
}

rt::Status Compilation::run() {
  FTC_RETURN_IF_ERROR(prepare());
  FTC_RETURN_IF_ERROR(readModel());
  FTC_RETURN_IF_ERROR(readData());
  clock.lap("read");
  FTC_RETURN_IF_ERROR(import());
  FTC_RETURN_IF_ERROR(checkMethod());
  FTC_RETURN_IF_ERROR(checkWeights());
  FTC_RETURN_IF_ERROR(chooseCapacities());
  clock.lap("weights");
  FTC_RETURN_IF_ERROR(runPhases());
  if (emitted)
    return {};
  FTC_RETURN_IF_ERROR(planWithinBudget());
  if (options.emit == "schedule") {
    std::fwrite(irText.data(), 1, irText.size(), stdout);
    return {};
  }
  if (options.emit == "plan")
    return emitModule(*model.module);
  FTC_RETURN_IF_ERROR(compileKernels());
  if (options.emit == "kernels") {
    std::fwrite(kernelText.data(), 1, kernelText.size(), stdout);
    return {};
  }
  return write();
}

rt::Status checkTarget(const CompileOptions &options) {
  auto isas = options.target == "cuda" ? resolveGpus(options.gpus, options.precision)
                                       : resolveIsas(options.cpus, options.precision);
  return isas ? rt::Status() : isas.takeStatus();
}

rt::Status compile(const CompileOptions &options) {
  Compilation compilation(options);
  return compilation.run();
}

} // namespace ftc
