// The one place that names the order of phases and passes, from nn forward to programs.
#include "compiler/Pipeline.h"

#include "compiler/passes/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>

using namespace mlir;

namespace ftc {

std::vector<std::string> optimizationPasses() {
  return {"prune-demand",       "cache-trunk",  "compact-embedding-gradients",
          "fuse-low-rank",      "fuse-kernels", "choose-saved",
          "narrow-activations", "fuse-updates", "sort-schedule",
          "recompute",          "group-launches", "overlay-gradients"};
}

std::vector<std::string> pluginPhases() {
  return {"import",    "method", "programs", "differentiate",
          "optimizer", "fuse",   "schedule", "plan"};
}

std::string pluginPipeline(const std::string &phase) { return "ftc-after-" + phase; }

std::vector<std::string> emitPhases() {
  std::vector<std::string> phases = pluginPhases();
  phases.insert(phases.end(), {"kernels", "artifact"});
  return phases;
}

/// The pass that holds a phase to what it promises to the next one.
static std::string verify(const std::string &promise, const PipelineOptions &options) {
  return "ftc-verify-phase{phase=" + promise +
         (options.longestText > 0 ? " generates=true" : "") + "}";
}

/// The plugin's pipeline, where it has one for the phase, in front of the phase's last
/// `checks`.
static void plug(Phase &phase, std::size_t checks, const PipelineOptions &options) {
  if (llvm::is_contained(options.plugged, phase.name))
    phase.passes.insert(phase.passes.end() - checks, pluginPipeline(phase.name));
}

/// ftc-apply-lora in ftc-opt's syntax.
static std::string loraPass(const LoraOptions &lora) {
  char numbers[120];
  std::snprintf(numbers, sizeof numbers, "r=%lld alpha=%.17g dropout=%.17g",
                static_cast<long long>(lora.r), lora.alpha, lora.dropout);
  auto list = [](const char *name, const std::vector<std::string> &values) {
    return values.empty() ? std::string() : std::string(name) + llvm::join(values, ",");
  };
  return "ftc-apply-lora{" + std::string(numbers) +
         list(" target-modules=", lora.targetModules) +
         list(" modules-to-save=", lora.modulesToSave) + "}";
}

std::vector<Phase> pipelinePhases(const PipelineOptions &options) {
  auto enabled = [&](const char *pass) {
    return std::find(options.disabled.begin(), options.disabled.end(), pass) ==
           options.disabled.end();
  };
  std::vector<Phase> phases;
  phases.push_back({"import", {verify("import", options)}});
  Phase method{"method", {}};
  if (options.method == "lora")
    method.passes.push_back(loraPass(options.lora));
  method.passes.insert(method.passes.end(),
                       {"ftc-apply-method{method=" + options.method +
                            (options.frozenDropout ? " frozen-dropout=true" : "") + "}",
                        verify("method", options)});
  phases.push_back(method);

  Phase programs{"programs", {}};
  if (options.longestText > 0)
    programs.passes.push_back(
        "ftc-make-generation{longest=" + std::to_string(options.longestText) +
        " longest-source=" + std::to_string(std::max<std::int64_t>(1, options.longestSource)) +
        "}");
  programs.passes.push_back("ftc-make-programs");
  if (enabled("prune-demand"))
    programs.passes.push_back("ftc-prune-demand");
  // Adapters begin in the first layer: there is little before them, and a cut would part frozen
  // products from the adapters that are computed with them.
  if (options.method != "lora" && enabled("cache-trunk"))
    programs.passes.push_back("ftc-cache-trunk");
  programs.passes.insert(programs.passes.end(),
                         {"canonicalize", "cse", verify("programs", options)});
  phases.push_back(programs);

  phases.push_back(
      {"differentiate",
       {"ftc-differentiate", "canonicalize", "cse", verify("differentiated", options)}});
  std::string update = "optimizer=" + options.optimizer +
                       " min-8bit-size=" + std::to_string(options.min8bitSize);
  Phase optimizer{"optimizer", {}};
  if (enabled("compact-embedding-gradients"))
    optimizer.passes.push_back("ftc-compact-embedding-gradients{" + update + "}");
  optimizer.passes.insert(optimizer.passes.end(),
                          {"ftc-attach-optimizer{" + update + " fused-update=" +
                               (options.fusedUpdate ? "true" : "false") + "}",
                           verify("optimizer", options)});
  phases.push_back(optimizer);
  std::string spaces = options.spaces.empty() ? "" : " spaces=" + options.spaces;
  Phase fuse{"fuse", {}};
  if (enabled("fuse-low-rank"))
    fuse.passes.push_back("ftc-fuse-low-rank");
  if (enabled("fuse-kernels"))
    fuse.passes.push_back("ftc-fuse-kernels");
  if (enabled("choose-saved"))
    fuse.passes.push_back("ftc-choose-saved{" + spaces + "}");
  // Behind the choice, which says what reads an activation made again.
  if (options.roundedFactors && enabled("narrow-activations"))
    fuse.passes.push_back(std::string("ftc-narrow-activations{gated=") +
                          (options.scarceMemory ? "false" : "true") + "}");
  // Behind the choice: an update comes later than a gradient, which would make values live
  // longer.
  if (enabled("fuse-updates"))
    fuse.passes.push_back("ftc-fuse-updates");
  const std::string promise = enabled("fuse-kernels") ? "fused" : "optimizer";
  fuse.passes.insert(fuse.passes.end(), {"canonicalize", verify(promise, options)});
  phases.push_back(fuse);
  Phase schedule{"schedule", {}};
  if (enabled("sort-schedule"))
    schedule.passes.push_back("ftc-sort-schedule{" + spaces + "}");
  schedule.passes.push_back(verify(promise, options));
  phases.push_back(schedule);
  for (Phase &phase : phases)
    plug(phase, /*checks=*/1, options);
  return phases;
}

Phase recomputePhase(const PipelineOptions &options, double price, double slope) {
  char prices[80];
  std::snprintf(prices, sizeof prices, "price=%.17g slope=%.17g", price, slope);
  return {"schedule",
          {"ftc-recompute{" + std::string(prices) +
               (options.spaces.empty() ? "" : " spaces=" + options.spaces) + "}",
           verify("optimizer", options)}}; // what is made again need not be fused
}

Phase planPhase(const PipelineOptions &options) {
  Phase phase{"plan", {}};
  if (!llvm::is_contained(options.disabled, "group-launches"))
    phase.passes.push_back("ftc-group-launches");
  if (!llvm::is_contained(options.disabled, "overlay-gradients"))
    phase.passes.push_back("ftc-overlay-gradients");
  plug(phase, /*checks=*/0, options); // verifyPlan, which comes behind all of it, is no pass
  return phase;
}

/// Pass names are looked up in MLIR's registry, filled once a process.
static void registerPipelinePasses() {
  static const bool once = [] {
    registerFtcPasses();
    registerTransformsPasses();
    return true;
  }();
  (void)once;
}

LogicalResult runPhase(ModuleOp module, const Phase &phase) {
  registerPipelinePasses();
  PassManager manager(module.getContext());
  manager.enableVerifier(true);
  for (const std::string &pass : phase.passes)
    if (failed(parsePassPipeline(pass, manager)))
      return module.emitError("expected a pass pipeline, got ") << pass;
  return manager.run(module);
}

} // namespace ftc
