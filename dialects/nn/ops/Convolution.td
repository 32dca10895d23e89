// Convolution along a sequence: its rows with their neighbours side by side, and the way back.
// The product with the kernel is nn.linear.
#ifndef FTC_NN_OPS_CONVOLUTION_TD
#define FTC_NN_OPS_CONVOLUTION_TD
include "dialects/nn/ops/OpBase.td"

def Nn_UnfoldOp : Nn_Op<"unfold", [Differentiable, CostModel]> {
  let summary = "y[r, size c + t] = x[r + t - size / 2, c], zero beyond the row's sequence";
  let description = [{
    `x` [rows, width], `offsets` [sequences + 1] into its rows, `size` odd, t < size: y
    [rows, width * size]. A linear layer of y is a one-dimensional convolution with zero padding
    of size / 2: the columns are in the order of PyTorch's Conv1d weight [out, in, size].
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Indices:$offsets, I32Attr:$size);
  let results = (outs Nn_Matrix:$y);
  let hasVerifier = 1;
}

def Nn_FoldOp : Nn_Op<"fold", [CostModel]> {
  let summary = "dx[r, c] = sum over t of dy[r - t + size / 2, size c + t] within the sequence";
  let description = [{ The gradient of unfold; summed by growing t. }];
  let arguments = (ins Nn_Matrix:$dy, Nn_Indices:$offsets, I32Attr:$size);
  let results = (outs Nn_Matrix:$dx);
  let hasVerifier = 1;
}
#endif
