// One run of `ftc compile`, for the files that implement it: CompileInput, CompileCapacities,
// CompilePlan, CompileOutput, and Compile, which calls them in order.
#pragma once

#include "compiler/Compile.h"

#include "compiler/ArtifactBuilder.h"
#include "compiler/CompileData.h"
#include "compiler/MemoryBudget.h"
#include "compiler/MethodCost.h"
#include "compiler/Target.h"
#include "compiler/analysis/Liveness.h"
#include "compiler/passes/Rematerialize.h"
#include "compiler/plan/ProgramPlanner.h"
#include "frontends/Architecture.h"
#include "runtime/io/WeightSource.h"

#include "mlir/IR/Diagnostics.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ftc {

/// `path` as an absolute one without links; as it is where nothing is there.
std::string absolutePath(const std::string &path);

/// Collects MLIR diagnostics of a run; the first error becomes the status.
class Diagnostics {
public:
  Diagnostics(mlir::MLIRContext *context, bool remarks)
      : handler(context, [this, remarks](mlir::Diagnostic &diagnostic) {
          std::string text = diagnostic.str();
          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error && first.empty())
            first = text;
          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Warning ||
              (remarks && diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark))
            std::fprintf(stderr, "%s\n", text.c_str());
        }) {}
  /// The first error's first line; empty without one.
  llvm::StringRef firstLine() const { return llvm::StringRef(first).split('\n').first; }
  rt::Status failure(const std::string &phase) const {
    std::string line = firstLine().str();
    return rt::Status::error("phase " + phase + ": " + (line.empty() ? "failed" : line));
  }

private:
  std::string first;
  mlir::ScopedDiagnosticHandler handler;
};

/// Seconds of each phase, for the summary.
class Stopwatch {
public:
  void lap(const std::string &name) {
    auto now = std::chrono::steady_clock::now();
    auto lap = std::find_if(laps.begin(), laps.end(),
                            [&](const auto &entry) { return entry.first == name; });
    if (lap == laps.end())
      lap = laps.insert(laps.end(), {name, 0.0});
    lap->second += std::chrono::duration<double>(now - last).count();
    last = now;
  }
  std::vector<std::pair<std::string, double>> laps;

private:
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
};

/// One compilation: its inputs, once read, and what phases leave for later ones.
class Compilation {
public:
  explicit Compilation(CompileOptions given)
      : options(std::move(given)), target(findTarget(options.target)),
        diagnostics(&context, this->options.remarks), symbols(&context),
        quiet(this->options.quiet) {}

  rt::Status run();
  /// What `run` would plan takes for a batch; nothing is printed or written.
  rt::Result<MethodCost> cost(const TypicalBatch &batch);

private:
  rt::Status prepare();
  rt::Status openAdapter();
  rt::Status readModel();
  rt::Status readData();
  rt::Status checkWeights();
  rt::Status checkMethod();
  void markFileTypes();
  rt::Status import();
  rt::Status readTargetTokenizer(rt::TokenizerOptions tokenizerOptions);
  bool hasTargets() const { return task->labelPlacement() == rt::LabelPlacement::Target; }
  /// Sources are prompts and targets follow them, in one sequence.
  bool hasPromptedTargets() const { return task->hasTargetText() && !hasTargets(); }
  rt::Status chooseLengths();
  rt::Status choosePromptedLengths();
  rt::Status checkRoom() const;
  rt::Status chooseCapacities();
  rt::Status chooseGenerationCapacity();
  rt::Status runPhases();
  rt::Status phaseFailure(const std::string &phase) const;
  rt::Status plan();
  rt::Status planWithinBudget();
  rt::Result<std::int64_t> planCandidate(mlir::ModuleOp unplanned,
                                         const RecomputeCandidate &candidate,
                                         const SpaceSizes &sizes);
  rt::Status refuseBudget(std::int64_t least) const;
  std::string ofSeveralMicroBatches(plan::VariantOp variant) const;
  /// The most that a run holds on any variant, in bytes.
  std::int64_t plannedPeak();
  std::vector<bool> namedRows(std::int64_t vocabulary) const;
  UnusedBytes unusedBytes(plan::VariantOp variant) const;
  std::string spacesWith(std::int64_t sequences) const;
  llvm::SmallVector<std::string> spaceTexts() const;
  rt::Status compileKernels();
  rt::Status write();
  void exportConfig(abi::ArtifactT &artifact);
  void exportGeneration(abi::ArtifactT &artifact);
  std::map<std::string, double> scalarDefaults();
  std::string precision() const;
  double trainingFlopsPerToken() const;
  void summarize(const abi::ArtifactT &artifact, std::size_t bytes);
  rt::Status emitModule(mlir::ModuleOp op);

  CompileOptions options; ///< with an adapter, `model` is its base model
  const Target &target;
  mlir::MLIRContext context;
  Diagnostics diagnostics;
  PlanSymbols symbols;
  Stopwatch clock;

  const rt::Task *task = nullptr;
  nlohmann::ordered_json config;
  std::unique_ptr<rt::WeightSource> checkpoint;
  std::optional<AdapterSource> adapter; ///< MODEL was a PEFT adapter
  std::string adapterJson;              ///< adapter_config.json of the method phase
  rt::TokenizerFiles tokenizerFiles;
  std::unique_ptr<rt::Tokenizer> tokenizer;
  std::unique_ptr<rt::Tokenizer> targetTokenizer; ///< where targets have one of their own
  DataSummary data;
  ImportedModel model;
  std::int64_t maxSequence = 0, maxTokens = 0, maxSequences = 0;
  std::int64_t maxTarget = 0, maxTargets = 0;   ///< an encoder-decoder's second stream
  std::optional<GenerationCapacity> generation; ///< of tasks that write texts
  std::string generationConfig;                 ///< generation_config.json; empty: none
  std::vector<const cpu::CpuIsa *> isas;
  std::vector<VariantObject> objects;
  std::vector<KernelTable> kernelTables; ///< one a variant
  std::string irText, kernelText;
  /// What a memory budget took.
  struct Recomputed {
    std::int64_t peakWithout = 0; ///< bytes
    std::string percent;          ///< of a step's FLOPs
    unsigned values = 0;
  };
  std::optional<Recomputed> recomputed;
  bool quiet; ///< no notes are wanted, or they were printed already
  bool emitted = false;
};

} // namespace ftc
