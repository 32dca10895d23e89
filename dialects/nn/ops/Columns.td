// Columns of a row: parts of a fused projection, and rotary positions within heads.
#ifndef FTC_NN_OPS_COLUMNS_TD
#define FTC_NN_OPS_COLUMNS_TD
include "dialects/nn/ops/OpBase.td"

def Nn_SplitColumnsOp : Nn_Op<"split_columns", [Differentiable, CostModel, RowLocal]> {
  let summary = "the columns of x, in order, as matrices of their own";
  let description = [{
    Takes a fused projection apart: GPT-2's `c_attn`, ModernBERT's `Wqkv` and `Wi`. The widths
    are those of the results. Its backward is concat_columns.
  }];
  let arguments = (ins Nn_Matrix:$x);
  let results = (outs Variadic<Nn_Matrix>:$parts);
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Nn_ConcatColumnsOp : Nn_Op<"concat_columns", [Differentiable, CostModel, RowLocal]> {
  let summary = "matrices over the same rows side by side";
  let description = [{ Its backward is split_columns. }];
  let arguments = (ins Variadic<Nn_Matrix>:$parts);
  let results = (outs Nn_Matrix:$y);
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Nn_RotaryOp : Nn_Op<"rotary", [Differentiable, CostModel, RowLocal]> {
  let summary = "rotary position embedding of each head, half-split layout";
  let description = [{
    RoPE (Su et al. 2021) as transformers lays it out: with n = head width / 2 `frequencies`,
    a[i] = position * frequencies[i], for each head of `x` [rows, heads * 2 n]:
    y[i] = scale * (x[i] cos a[i] - x[i + n] sin a[i]),
    y[i + n] = scale * (x[i + n] cos a[i] + x[i] sin a[i]), i < n. `inverse` rotates back
    (by -a): the derivative is the inverse rotation. a is the f32 product.
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Indices:$position, I32Attr:$heads,
      DenseF32ArrayAttr:$frequencies, DefaultValuedAttr<F64Attr, "1.0">:$scale,
      UnitAttr:$inverse);
  let results = (outs Nn_Matrix:$y);
  let hasVerifier = 1;
}
#endif
