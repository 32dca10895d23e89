// Elementwise ops: activations, gated products, sums, dropout.
#ifndef FTC_NN_OPS_ELEMENTWISE_TD
#define FTC_NN_OPS_ELEMENTWISE_TD
include "dialects/nn/ops/OpBase.td"

def Nn_ActivationOp : Nn_Op<"activation", [Differentiable, CostModel, RowLocal]> {
  let summary = "y = act(x)";
  let description = [{ `y` may be bf16 where `x` is f32: rounded to nearest even. }];
  let arguments = (ins Nn_Tensor:$x, Nn_ActivationAttr:$kind);
  let results = (outs Nn_Tensor:$y);
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Nn_ActivationGradOp : Nn_Op<"activation_grad", [CostModel, RowLocal,
                                                    SameOperandsAndResultType]> {
  let summary = "dx = dy * act'(x)";
  let arguments = (ins Nn_Tensor:$dy, Nn_Tensor:$x, Nn_ActivationAttr:$kind);
  let results = (outs Nn_Tensor:$dx);
  let hasFolder = 1;
}

def Nn_GatedOp : Nn_Op<"gated", [Differentiable, CostModel, RowLocal]> {
  let summary = "y = act(gate) * up";
  let description = [{
    Gated linear units (Shazeer 2020): SwiGLU with `silu`, GEGLU with `gelu`; with `none` the
    elementwise product. `y` may be bf16 where they are f32.
  }];
  let arguments = (ins Nn_Tensor:$gate, Nn_Tensor:$up, Nn_ActivationAttr:$kind);
  let results = (outs Nn_Tensor:$y);
  let hasVerifier = 1;
}

def Nn_GatedGradOp : Nn_Op<"gated_grad", [CostModel, RowLocal, SameOperandsAndResultType]> {
  let summary = "dgate = dy * up * act'(gate), dup = dy * act(gate)";
  let arguments = (ins Nn_Tensor:$dy, Nn_Tensor:$gate, Nn_Tensor:$up, Nn_ActivationAttr:$kind);
  let results = (outs Nn_Tensor:$dgate, Nn_Tensor:$dup);
}

def Nn_AddOp : Nn_Op<"add", [Differentiable, CostModel, RowLocal, Commutative,
                             SameOperandsAndResultType]> {
  let summary = "y = a + b";
  let arguments = (ins Nn_Tensor:$a, Nn_Tensor:$b);
  let results = (outs Nn_Tensor:$y);
}

def Nn_ScaleOp : Nn_Op<"scale", [Differentiable, CostModel, RowLocal,
                                 SameOperandsAndResultType]> {
  let summary = "y = factor * x";
  let description = [{ A constant of the model, such as LoRA's alpha / r. }];
  let arguments = (ins Nn_Tensor:$x, F64Attr:$factor);
  let results = (outs Nn_Tensor:$y);
  let hasFolder = 1;
}

def Nn_DropoutOp : Nn_Op<"dropout", [Differentiable, CostModel, RowLocal]> {
  let summary = "y = x * keep / (1 - p), keep from a counter-based generator";
  let description = [{
    The mask is a function of (seed, step, `op_id`, sequence, position, channel) alone
    (runtime/abi/Kernel.h): `sequence` [rows] is the row's sequence within the accumulated batch
    and `position` [rows] its position. `rate` names the run-time scalar p. The op is linear and
    self-adjoint: its backward is itself. `module` is the Hugging Face module prefix it
    belongs to: a module without a trainable parameter runs without dropout.
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Indices:$sequence, Nn_Indices:$position,
      StrAttr:$rate, I32Attr:$op_id, StrAttr:$module);
  let results = (outs Nn_Matrix:$y);
  let hasVerifier = 1;
}
#endif
