// What the toys share: nn text to an artifact through the real line, batches of two ragged
// spaces, executors with known parameters, and the f64 reference of the same programs.
#pragma once

#include "compiler/Pipeline.h"
#include "compiler/targets/cpu/CpuIsa.h"
#include "runtime/devices/CpuDevice.h"
#include "runtime/executor/Executor.h"
#include "runtime/tasks/Batch.h"
#include "runtime/train/TouchedRows.h"
#include "test/numeric/reference/Reference.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ftc::toys {

using Integers = std::vector<std::int32_t>;
using Floats = std::vector<float>;
using Parameters = std::map<std::string, Floats>;

/// What selects one artifact of a toy.
struct ToyOptions {
  std::string file;                               ///< in this folder
  PipelineOptions pipeline = {};
  std::map<std::string, std::int64_t> capacities; ///< of symbols; counters are known
  std::vector<const cpu::CpuIsa *> isas = {&cpu::isaV3()};
};

/// A toy after the whole line: its artifact, and its nn programs for the reference.
struct Toy {
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> programs; ///< differentiated, nothing optimized after
  std::shared_ptr<const rt::ArtifactReader> artifact;
};

/// Compiles; a failure is a test failure that says why, and an empty artifact.
Toy compileToy(const ToyOptions &options);

/// One example: an encoder's tokens; a decoder's tokens with their labels (may be empty).
struct Example {
  Integers source, target, labels;
};

/// Arrays and symbols of a batch by name, as programs read them.
struct ToyBatch {
  std::map<std::string, Integers> arrays;
  std::map<std::string, std::int64_t> symbols;
};

/// Packs examples; `firstSequence` is the first one's index in the accumulated batch.
ToyBatch pack(const std::vector<Example> &examples, int firstSequence = 0);

/// Uniform values in [-0.5, 0.5] (norm weights around 1) from a fixed seed, by name.
Parameters makeParameters(const rt::ArtifactReader &artifact);

/// A device for each of cpu with 1, 2 and 3 threads, then cpu-async.
std::vector<std::shared_ptr<rt::Device>> allDevices();

/// An executor of some of a toy's programs with its parameters loaded. The arena is poisoned.
class Runner {
public:
  Runner(const Toy &toy, std::shared_ptr<rt::Device> device, std::vector<std::string> programs,
         const Parameters &parameters, bool profile = false,
         rt::GradientPlace gradients = rt::GradientPlace::Apart);

  void set(const std::map<std::string, double> &scalars);
  void set(const ToyBatch &batch);
  void symbol(const std::string &name, std::int64_t value);
  /// Runs a program; a refusal is a test failure.
  void run(const std::string &program);
  rt::Status tryRun(const std::string &program);
  Floats output(const std::string &name) const;
  /// Canonical values; of a compact gradient too, with zeros in rows not in use.
  Parameters read(rt::ParameterSlot slot);
  /// Canonical bytes of every moment, in the order of the variant's table.
  std::vector<std::vector<std::byte>> moments();

  rt::Executor &executor() { return *instance; }

private:
  std::shared_ptr<const rt::ArtifactReader> artifact;
  std::unique_ptr<rt::Executor> instance;
  rt::DemandedRows tables; ///< none: they are in memory whole
  rt::TouchedRows touched;

  Floats wholeGradient(std::uint32_t parameter, const Floats &stored) const;
};

/// The same batch, parameters and scalars for the reference; gradients begin as zeros.
reference::State makeState(const ToyBatch &batch, const Parameters &parameters,
                           const rt::ArtifactReader &artifact,
                           const std::map<std::string, double> &scalars);
/// Runs a program of the toy in f64.
void runReference(const Toy &toy, const std::string &program, reference::State &state);

/// Values within `tolerance` times the largest reference value's size (at least 1e-3).
void expectNear(const Floats &values, const std::vector<double> &reference, double tolerance,
                const std::string &what);
/// Equal bits, element by element.
void expectSameBits(const Floats &a, const Floats &b, const std::string &what);
void expectSameBits(const Parameters &a, const Parameters &b, const std::string &what);

} // namespace ftc::toys
