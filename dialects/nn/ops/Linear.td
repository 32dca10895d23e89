// Linear layers and their gradients.
#ifndef FTC_NN_OPS_LINEAR_TD
#define FTC_NN_OPS_LINEAR_TD
include "dialects/nn/ops/OpBase.td"

def Nn_LinearOp : Nn_Op<"linear", [Differentiable, CostModel, RowLocal]> {
  let summary = "y = act(x W^T + b)";
  let description = [{
    `x` [rows, in], `weight` [out, in] (PyTorch's layout), `bias` [out]. When the backward needs
    the value before the activation, it is the second result `pre` [rows, out]. `x` and `y` may
    be bf16 (ftc-narrow-activations), `pre` is not.
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Matrix:$weight, Optional<Nn_Vector>:$bias,
      DefaultValuedAttr<Nn_ActivationAttr, "::ftc::nn::Activation::None">:$activation);
  let results = (outs Nn_Matrix:$y, Optional<Nn_Matrix>:$pre);
  let hasVerifier = 1;
}

def Nn_LinearDgradOp : Nn_Op<"linear_dgrad", [CostModel, RowLocal, AttrSizedOperandSegments]> {
  let summary = "dx = (dy W) * act'(pre) + addend";
  let description = [{
    `dy` [rows, out], `weight` [out, in]. With `pre` [rows, in], the input's own activation is
    differentiated in the epilogue; `addend` [rows, in] is a gradient that is added last.
  }];
  let arguments = (ins Nn_Matrix:$dy, Nn_Matrix:$weight, Optional<Nn_Matrix>:$pre,
      Optional<Nn_Matrix>:$addend,
      DefaultValuedAttr<Nn_ActivationAttr, "::ftc::nn::Activation::None">:$activation);
  let results = (outs Nn_Matrix:$dx);
  let hasVerifier = 1;
}

def Nn_LinearWgradOp : Nn_Op<"linear_wgrad", [CostModel]> {
  let summary = "dW = dy^T x, db = column sums of dy";
  let description = [{ `x` may be bf16. }];
  let arguments = (ins Nn_Matrix:$dy, Nn_Matrix:$x);
  let results = (outs Nn_Matrix:$dweight, Optional<Nn_Vector>:$dbias);
  let hasVerifier = 1;
}

def Nn_LowRankLinearOp : Nn_Op<"low_rank_linear", [CostModel, RowLocal]> {
  let summary = "y = act(x W^T + u F^T + b)";
  let description = [{
    Two products into one result, of which the second is narrow (LoRA's `B` of `u`): made by
    fusion, after differentiation. `x` [rows, in], `weight` [out, in], `u` [rows, rank],
    `factor` [out, rank], `bias` [out]. `pre` is the value before the activation.
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Matrix:$weight, Nn_Matrix:$u, Nn_Matrix:$factor,
      Optional<Nn_Vector>:$bias,
      DefaultValuedAttr<Nn_ActivationAttr, "::ftc::nn::Activation::None">:$activation);
  let results = (outs Nn_Matrix:$y, Optional<Nn_Matrix>:$pre);
  let hasVerifier = 1;
}

def Nn_LowRankDgradOp : Nn_Op<"low_rank_dgrad", [CostModel, RowLocal,
                                                 AttrSizedOperandSegments]> {
  let summary = "dx = (dy W + du F) * act'(pre) + addend";
  let description = [{
    `linear_dgrad` with a second, narrow product: `dy` [rows, out], `weight` [out, in],
    `du` [rows, rank], `factor` [rank, in]. Made by fusion.
  }];
  let arguments = (ins Nn_Matrix:$dy, Nn_Matrix:$weight, Nn_Matrix:$du, Nn_Matrix:$factor,
      Optional<Nn_Matrix>:$pre, Optional<Nn_Matrix>:$addend,
      DefaultValuedAttr<Nn_ActivationAttr, "::ftc::nn::Activation::None">:$activation);
  let results = (outs Nn_Matrix:$dx);
  let hasVerifier = 1;
}
#endif
