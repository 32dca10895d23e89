// Layer normalization, with and without the residual sum before it, and RMS normalization.
#ifndef FTC_NN_OPS_NORM_TD
#define FTC_NN_OPS_NORM_TD
include "dialects/nn/ops/OpBase.td"

def Nn_LayerNormOp : Nn_Op<"layer_norm", [Differentiable, CostModel, RowLocal]> {
  let summary = "y = (x - mean) * rstd * gamma + beta, over the last dimension";
  let description = [{
    `mean` and `rstd` [rows] are results for the backward. A norm without bias has no `beta`.
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Vector:$gamma, Optional<Nn_Vector>:$beta, F64Attr:$eps);
  let results = (outs Nn_Matrix:$y, Nn_Vector:$mean, Nn_Vector:$rstd);
  let hasVerifier = 1;
}

def Nn_AddLayerNormOp : Nn_Op<"add_layer_norm", [CostModel, RowLocal, AttrSizedOperandSegments]> {
  let summary = "sum = dropout(x) + residual; y = layer_norm(sum)";
  let description = [{
    Made by fusion, after differentiation. Without `rate` there is no dropout, and `sequence`
    and `position` are absent.
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Matrix:$residual, Nn_Vector:$gamma,
      Optional<Nn_Vector>:$beta, Optional<Nn_Indices>:$sequence, Optional<Nn_Indices>:$position,
      F64Attr:$eps, OptionalAttr<StrAttr>:$rate, OptionalAttr<I32Attr>:$op_id);
  let results = (outs Nn_Matrix:$y, Nn_Matrix:$sum, Nn_Vector:$mean, Nn_Vector:$rstd);
  let hasVerifier = 1;
}

def Nn_LayerNormGradOp : Nn_Op<"layer_norm_grad", [CostModel]> {
  let summary = "gradients of layer_norm";
  let arguments = (ins Nn_Matrix:$dy, Nn_Matrix:$x, Nn_Vector:$mean, Nn_Vector:$rstd,
      Nn_Vector:$gamma);
  let results = (outs Nn_Matrix:$dx, Nn_Vector:$dgamma,
      Optional<Nn_Vector>:$dbeta);
  let hasVerifier = 1;
}

def Nn_RmsNormOp : Nn_Op<"rms_norm", [Differentiable, CostModel, RowLocal]> {
  let summary = "y = x * rstd * gamma, rstd = 1 / sqrt(mean of x^2 + eps)";
  let description = [{
    Root mean square normalization (Zhang and Sennrich 2019), over the last dimension. `rstd`
    [rows] is a result for the backward.
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Vector:$gamma, F64Attr:$eps);
  let results = (outs Nn_Matrix:$y, Nn_Vector:$rstd);
  let hasVerifier = 1;
}

def Nn_RmsNormGradOp : Nn_Op<"rms_norm_grad", [CostModel]> {
  let summary = "gradients of rms_norm";
  let description = [{
    With h = x * rstd and g = dy * gamma: dx = rstd * (g - h * mean of g h), dgamma = column
    sums of dy * h.
  }];
  let arguments = (ins Nn_Matrix:$dy, Nn_Matrix:$x, Nn_Vector:$rstd, Nn_Vector:$gamma);
  let results = (outs Nn_Matrix:$dx, Nn_Vector:$dgamma);
  let hasVerifier = 1;
}
#endif
