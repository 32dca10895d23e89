// What all op families of the nn dialect share.
#ifndef FTC_NN_OPS_BASE_TD
#define FTC_NN_OPS_BASE_TD

include "dialects/nn/NnDialect.td"
include "dialects/interfaces/Interfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Nn_Float : AnyTypeOf<[F32, F64, BF16]>;
def Nn_Tensor : RankedTensorOf<[Nn_Float]>;
def Nn_Matrix : TensorRankOf<[Nn_Float], [2]>;
def Nn_Vector : TensorRankOf<[Nn_Float], [1]>;
def Nn_Indices : TensorRankOf<[I32], [1]>;
def Nn_Codes : RankedTensorOf<[I8]>;

// Every tensor is static, or ragged: a dynamic dimension 0 with a space or offsets encoding.
def Nn_RaggedTensors : NativeOpTrait<"RaggedTensors"> { let cppNamespace = "::ftc::nn"; }

class Nn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Nn_Dialect, mnemonic, !listconcat(traits, [Pure, Nn_RaggedTensors])> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

// Declared by most ops: derivative, cost, row structure.
def Differentiable : DeclareOpInterfaceMethods<FTC_Differentiable>;
def CostModel : DeclareOpInterfaceMethods<FTC_CostModel>;
def RowLocal : DeclareOpInterfaceMethods<FTC_RowLocal>;

#endif
