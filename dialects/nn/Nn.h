// The nn dialect: include this to use its ops, attributes and argument attribute names.
#pragma once

#include "dialects/interfaces/Interfaces.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace ftc::nn {
/// Every tensor of an op is static, or ragged: dimension 0 dynamic with an encoding.
mlir::LogicalResult verifyRaggedTensors(mlir::Operation *op);
template <typename ConcreteOp>
class RaggedTensors : public mlir::OpTrait::TraitBase<ConcreteOp, RaggedTensors> {
public:
  static mlir::LogicalResult verifyTrait(mlir::Operation *op) {
    return verifyRaggedTensors(op);
  }
};
} // namespace ftc::nn

#include "dialects/nn/NnEnums.h.inc"
#include "dialects/nn/NnDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NnAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/NnOps.h.inc"

namespace ftc::nn {

// Argument attributes of functions in nn form.
constexpr llvm::StringLiteral kInput = "nn.input";         // StringAttr: batch array
constexpr llvm::StringLiteral kParameter = "nn.parameter"; // StringAttr: Hugging Face name
constexpr llvm::StringLiteral kTrainable = "nn.trainable"; // UnitAttr, beside nn.parameter
constexpr llvm::StringLiteral kDecay = "nn.decay";         // UnitAttr, beside nn.parameter
constexpr llvm::StringLiteral kTensor = "nn.tensor";   // StringAttr: the checkpoint's tensor name
constexpr llvm::StringLiteral kInit =
    "nn.init"; // StringAttr: "zeros", "ones", "sinusoids", "normal:STD", "uniform:BOUND"
constexpr llvm::StringLiteral kGradient = "nn.gradient";   // StringAttr: of that parameter
constexpr llvm::StringLiteral kMoment = "nn.moment";       // StringAttr: of that parameter
constexpr llvm::StringLiteral kMomentIndex = "nn.moment_index"; // I32: from 0
constexpr llvm::StringLiteral kUnreached =
    "nn.unreached"; // UnitAttr: trainable, but nothing leads from it to the loss
constexpr llvm::StringLiteral kNorm = "nn.norm"; // UnitAttr: a normalization's own parameter
constexpr llvm::StringLiteral kConstant =
    "nn.constant"; // UnitAttr: a parameter that no method trains (transformers' buffers)
constexpr llvm::StringLiteral kTransposed =
    "nn.transposed"; // UnitAttr: the checkpoint and the export hold the matrix transposed
constexpr llvm::StringLiteral kShape =
    "nn.shape"; // DenseI64ArrayAttr: the checkpoint's shape of a matrix, whose columns are its
                // dimensions but the first (a convolution's [out, in, size])
constexpr llvm::StringLiteral kEmbedding =
    "nn.embedding"; // UnitAttr: transformers' nn.Embedding, though no nn.embedding reads it
constexpr llvm::StringLiteral kAdapter = "nn.adapter"; // UnitAttr: a low-rank factor
constexpr llvm::StringLiteral kSaved = "nn.saved"; // UnitAttr: trained and saved with adapters
constexpr llvm::StringLiteral kFromAdapter =
    "nn.from_adapter"; // UnitAttr: its tensor lies in an adapter's file, not the checkpoint's
constexpr llvm::StringLiteral kState = "nn.state";         // StringAttr: persistent cache
// Result attributes.
constexpr llvm::StringLiteral kOutput = "nn.output";       // StringAttr: array the host reads
constexpr llvm::StringLiteral kUpdates = "nn.updates";     // I32: argument whose storage it takes
// Function attribute: a compiled program ("train_accumulate", ...).
constexpr llvm::StringLiteral kProgram = "nn.program";
// Module attributes, set by a frontend: ArrayAttr of StringAttr.
constexpr llvm::StringLiteral kHeadPrefixes = "nn.head_prefixes";   // {"classifier."}
constexpr llvm::StringLiteral kLayerPrefixes = "nn.layer_prefixes"; // in order, first to last

/// The space of an embedding table's compact gradient and moments, one row a token id that a
/// batch has named (ftc-compact-embedding-gradients), and the batch input that gives each id its
/// row in it, -1 for none, -2 for none where its row of the table is not in memory either.
constexpr llvm::StringLiteral kTouched = "touched";
constexpr llvm::StringLiteral kTouchedSlots = "touched.slots";

/// Batch inputs of token ids. A table that nothing but embeddings of these read need not be in
/// memory whole.
constexpr llvm::StringLiteral kTokenIds[] = {"input_ids", "target_ids", "next_input_ids",
                                             "next_target_ids"};

/// Elements of a block of quantized moments (nn.adamw_8bit), bitsandbytes' own.
constexpr std::int64_t kQuantizedBlock = 256;

/// The space of a tensor's dimension 0: null when it is static.
SpaceAttr spaceOf(mlir::Type type);
/// tensor<?x...xelement, #nn.space<name>>; `width` 0 makes it one-dimensional.
mlir::RankedTensorType rowsType(mlir::MLIRContext *context, llvm::StringRef space,
                                std::int64_t width, mlir::Type element);
/// Offsets of `per` into `into`: tensor<?xi32, #nn.offsets<per, into>>.
mlir::RankedTensorType offsetsType(mlir::MLIRContext *context, llvm::StringRef per,
                                   llvm::StringRef into);
/// Number of elements of a tensor at the given sizes of spaces; an unnamed space counts 1.
double elementsOf(mlir::Type type, const SpaceSizes &sizes);
double bytesOf(mlir::Type type, const SpaceSizes &sizes);
/// Bytes of all tensor operands and results of an op: what it moves when each is touched once.
double bytesMoved(mlir::Operation *op, const SpaceSizes &sizes);

} // namespace ftc::nn
