// From plan IR to the artifact's FlatBuffer: a one-to-one translation, no decisions.
#pragma once

#include "dialects/plan/Plan.h"
#include "runtime/abi/artifact_generated.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <string>

namespace ftc {

/// What a GPU launch of a kernel takes, and what ptxas says of it (0 where it is not
/// installed).
struct KernelFacts {
  int threads = 0, registers = 0;
  std::int64_t sharedBytes = 0, spillBytes = 0;
};

/// An object of a variant, by the variant's name.
struct VariantObject {
  std::string isa;
  std::vector<std::string> features;
  std::string object;                              ///< a linked shared object, or PTX
  std::string cubin = {};                          ///< of PTX, where ptxas is installed
  std::map<std::string, KernelFacts> kernels = {}; ///< of a GPU, by name
  std::string warning = {}; ///< why there is no cubin, or that kernels spill; a line
};

/// Fills symbols, scalars, parameters and variants of `artifact` from `module`'s plan.variants
/// and the parameter arguments of its programs. `scalarDefaults` are by name; NaN: must be set.
mlir::LogicalResult buildArtifact(mlir::ModuleOp module,
                                  const std::vector<VariantObject> &objects,
                                  const std::map<std::string, double> &scalarDefaults,
                                  abi::ArtifactT &artifact);

/// The finished FlatBuffer's bytes.
std::vector<std::uint8_t> serializeArtifact(const abi::ArtifactT &artifact);

} // namespace ftc
