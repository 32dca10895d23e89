// Gradient accumulation, clipping and optimizer updates: the optimizer is part of the graph.
#ifndef FTC_NN_OPS_OPTIMIZER_TD
#define FTC_NN_OPS_OPTIMIZER_TD
include "dialects/nn/ops/OpBase.td"

def Nn_AccumulateOp : Nn_Op<"accumulate", [CostModel, SameOperandsAndResultType]> {
  let summary = "sum = accumulate * into + gradient";
  let description = [{
    The run-time symbol `accumulate` is 0 for the first micro-batch of a step, 1 after it.
    Lowered into the op that makes `gradient`, as its epilogue.
  }];
  let arguments = (ins Nn_Tensor:$into, Nn_Tensor:$gradient);
  let results = (outs Nn_Tensor:$sum);
}

def Nn_GlobalNormOp : Nn_Op<"global_norm", [CostModel]> {
  let summary = "norm = sqrt of the sum of all squares; control = [clip coefficient, finite]";
  let description = [{
    `norm` [1]. `control` [2]: min(1, max_grad_norm / (norm + 1e-6)) and 1 if the norm is
    finite, else 0. `max_grad_norm` is a run-time scalar; infinity switches clipping off.
    PyTorch's clip_grad_norm_.
  }];
  let arguments = (ins Variadic<Nn_Tensor>:$gradients);
  let results = (outs F32Tensor:$norm, F32Tensor:$control);
  let hasVerifier = 1;
}

class Nn_UpdateOp<string mnemonic> : Nn_Op<mnemonic, [CostModel, AttrSizedOperandSegments,
                                                      AttrSizedResultSegments]> {
  let hasVerifier = 1;
}

def Nn_AdamWOp : Nn_UpdateOp<"adamw"> {
  let summary = "AdamW (Loshchilov and Hutter 2019), as torch.optim.AdamW computes it";
  let description = [{
    p *= 1 - lr * wd (with `decay`); m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    p -= lr / bc1 * m / (sqrt(v) / sqrt(bc2) + eps). Scalars learning_rate, adam_beta1,
    adam_beta2, adam_epsilon, weight_decay, bias_correction1, bias_correction2. With `control` [2],
    g is first multiplied by its first element, and nothing changes when its second is 0.
    The operand lists correspond element by element; one op updates a whole decay group.
    With `slots` [rows of each parameter] gradients and moments are compact: a parameter's row r
    has their row slots[r], or, where that is -1, none: its gradient is zero and always was,
    and so are its moments, so that it only decays. A row whose slot is -2 is not in memory and
    left as it is: the runtime decays it when it reads it.
  }];
  let arguments = (ins Variadic<Nn_Tensor>:$params, Variadic<Nn_Tensor>:$gradients,
      Variadic<Nn_Tensor>:$m, Variadic<Nn_Tensor>:$v, Optional<F32Tensor>:$control,
      Optional<Nn_Indices>:$slots, BoolAttr:$decay);
  let results = (outs Variadic<Nn_Tensor>:$new_params, Variadic<Nn_Tensor>:$new_m,
      Variadic<Nn_Tensor>:$new_v);
}

def Nn_SgdOp : Nn_UpdateOp<"sgd"> {
  let summary = "SGD with momentum, as torch.optim.SGD computes it";
  let description = [{
    g += wd * p (with `decay`); b = momentum * b + g (b = g at the first step, which a zero
    buffer gives); p -= lr * b. Scalars learning_rate, sgd_momentum, weight_decay.
  }];
  let arguments = (ins Variadic<Nn_Tensor>:$params, Variadic<Nn_Tensor>:$gradients,
      Variadic<Nn_Tensor>:$momentum, Optional<F32Tensor>:$control, BoolAttr:$decay);
  let results = (outs Variadic<Nn_Tensor>:$new_params, Variadic<Nn_Tensor>:$new_momentum);
}

def Nn_LionOp : Nn_UpdateOp<"lion"> {
  let summary = "Lion (Chen et al. 2023), as google/automl's lion_pytorch computes it";
  let description = [{
    p *= 1 - lr * wd (with `decay`); p -= lr * sign(b1 m + (1 - b1) g);
    m = b2 m + (1 - b2) g. Scalars learning_rate, adam_beta1, adam_beta2, weight_decay; `control`
    and `slots` as adamw's. The sign of 0 is 0.
  }];
  let arguments = (ins Variadic<Nn_Tensor>:$params, Variadic<Nn_Tensor>:$gradients,
      Variadic<Nn_Tensor>:$m, Optional<F32Tensor>:$control, Optional<Nn_Indices>:$slots,
      BoolAttr:$decay);
  let results = (outs Variadic<Nn_Tensor>:$new_params, Variadic<Nn_Tensor>:$new_m);
}

def Nn_AdafactorOp : Nn_UpdateOp<"adafactor"> {
  let summary = "Adafactor (Shazeer and Stern 2018), as transformers computes it for Trainer";
  let description = [{
    transformers.Adafactor with scale_parameter=False, relative_step=False, no first moment.
    With s = g^2 + eps and b the scalar adafactor_beta2 (1 - t^-0.8 at step t from 1): for
    matrices, with `v_column`, v[i] = b v[i] + (1 - b) mean_j s[i, j],
    v_column[j] = b v_column[j] + (1 - b) mean_i s[i, j] and
    u[i, j] = g[i, j] / sqrt(v[i] / mean(v)) / sqrt(v_column[j]); without it v has the
    parameter's shape, v = b v + (1 - b) s and u = g / sqrt(v). Then u /= max(1, rms(u) / d) over
    each parameter; p -= lr * wd * p (with `decay`); p -= lr * u. Scalars learning_rate,
    adafactor_beta2, adafactor_epsilon (eps), adafactor_clip_threshold (d), weight_decay;
    `control` as adamw's.
  }];
  let arguments = (ins Variadic<Nn_Tensor>:$params, Variadic<Nn_Tensor>:$gradients,
      Variadic<Nn_Tensor>:$v, Variadic<Nn_Vector>:$v_column, Optional<F32Tensor>:$control,
      BoolAttr:$decay);
  let results = (outs Variadic<Nn_Tensor>:$new_params, Variadic<Nn_Tensor>:$new_v,
      Variadic<Nn_Vector>:$new_v_column);
}

def Nn_AdamW8bitOp : Nn_UpdateOp<"adamw_8bit"> {
  let summary = "AdamW with moments of 8 bits (Dettmers et al. 2021), as bitsandbytes' AdamW8bit";
  let description = [{
    The moments are codes of bitsandbytes' dynamic maps, m of the signed one, v of the unsigned
    one, in blocks of 256 elements in row-major order, each with the largest magnitude of its
    block: m = map[m] * m_absmax[block]. adamw's update with the moments so read, then
    absmax = max |m| of the block and m = the code nearest to m / absmax, the lower of two
    equally near. Scalars and `control` as adamw's.
  }];
  let arguments = (ins Variadic<Nn_Tensor>:$params, Variadic<Nn_Tensor>:$gradients,
      Variadic<Nn_Codes>:$m, Variadic<Nn_Codes>:$v, Variadic<Nn_Vector>:$m_absmax,
      Variadic<Nn_Vector>:$v_absmax, Optional<F32Tensor>:$control, BoolAttr:$decay);
  let results = (outs Variadic<Nn_Tensor>:$new_params, Variadic<Nn_Codes>:$new_m,
      Variadic<Nn_Codes>:$new_v, Variadic<Nn_Vector>:$new_m_absmax,
      Variadic<Nn_Vector>:$new_v_absmax);
}

def Nn_LinearWgradUpdateOp : Nn_UpdateOp<"linear_wgrad_update"> {
  let summary = "linear_wgrad and the update of the layer's weight, and of its bias, in one";
  let description = [{
    dW = dy^T x and the update of `weight` [out, in] by it, without a tensor for dW; with `bias`
    [out] also that one's by db, the column sums of `dy` [rows, out]; `x` [rows, in]. `rule` says
    whose equations and run-time scalars: `adamw`, `sgd` or `lion`, of this dialect's ops without
    control and slots. `moments` and `bias_moments` are that op's, in its order; `decay` and
    `bias_decay` are its `decay` for weight and bias. Made by fusion, behind the last reader of
    the weight; the bits are those of linear_wgrad and the update behind it.
  }];
  let arguments = (ins Nn_Matrix:$dy, Nn_Matrix:$x, Nn_Matrix:$weight,
      Variadic<Nn_Matrix>:$moments, Optional<Nn_Vector>:$bias,
      Variadic<Nn_Vector>:$bias_moments, Nn_UpdateRuleAttr:$rule, BoolAttr:$decay,
      DefaultValuedAttr<BoolAttr, "false">:$bias_decay);
  let results = (outs Nn_Matrix:$new_weight, Variadic<Nn_Matrix>:$new_moments,
      Optional<Nn_Vector>:$new_bias, Variadic<Nn_Vector>:$new_bias_moments);
}
#endif
