// Op interfaces of ftc: an op carries its own derivative, cost and row structure.
#ifndef FTC_INTERFACES_TD
#define FTC_INTERFACES_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/Interfaces.td"

def FTC_Differentiable : OpInterface<"Differentiable"> {
  let cppNamespace = "::ftc";
  let description = [{
    Builds the vector-Jacobian product of an op. The driver (the differentiate pass) owns
    traversal and accumulation; the op says how the gradients of its results become gradients
    of the operands that need one. A value read in the backward is saved by being used.
  }];
  let methods = [
    InterfaceMethod<"Builds the backward ops and hands each needed operand gradient over.",
      "::llvm::LogicalResult", "buildBackward", (ins "::ftc::Backward &":$backward)>,
  ];
}

def FTC_CostModel : OpInterface<"CostModel"> {
  let cppNamespace = "::ftc";
  let description = [{ FLOPs and bytes moved by one execution, for given sizes of spaces. }];
  let methods = [
    InterfaceMethod<"Cost at the given space sizes.", "::ftc::Cost", "getCost",
      (ins "const ::ftc::SpaceSizes &":$sizes)>,
  ];
}

def FTC_RowLocal : OpInterface<"RowLocal"> {
  let cppNamespace = "::ftc";
  let description = [{
    Row i of every result depends on row i of the ragged operands of the same space alone.
    Such an op commutes with a gather of rows: the demand-driven pruning leans on it.
  }];
  let methods = [
    InterfaceMethod<"Recreates the op on gathered operands, in another space.",
      "::mlir::Operation *", "cloneOnRows",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$operands,
           "::mlir::Attribute":$space),
      [{}], [{ return ::ftc::cloneWithSpace(builder, $_op, operands, space); }]>,
  ];
}

#endif
