// Embeddings and moves of rows between spaces.
#ifndef FTC_NN_OPS_ROWS_TD
#define FTC_NN_OPS_ROWS_TD
include "dialects/nn/ops/OpBase.td"

def Nn_EmbeddingOp : Nn_Op<"embedding", [Differentiable, CostModel, AttrSizedOperandSegments]> {
  let summary = "y[r] = sum over i of tables[i][ids[i][r]]";
  let description = [{
    One to three tables [vocabulary_i, width], each with its ids [rows]; summed in order. The
    backward reads each index array's sort, the batch inputs `NAME.order`, `NAME.segments`,
    `NAME.rows`, where NAME is the ids' batch input. The first table's row `padding` is read and
    gets no gradient here (torch.nn.Embedding's padding_idx).
  }];
  let arguments = (ins Variadic<Nn_Indices>:$ids, Variadic<Nn_Matrix>:$tables,
      OptionalAttr<I32Attr>:$padding);
  let results = (outs Nn_Matrix:$y);
  let hasVerifier = 1;
}

def Nn_EmbeddingGradOp : Nn_Op<"embedding_grad", [CostModel]> {
  let summary = "dtable[rows[u]] = sum of dy[order[j]] for j in segments[u] .. segments[u+1]";
  let description = [{
    A dense gradient [vocabulary, width], zero in rows that no id names and in row `padding`.
    `order` [rows of dy] sorts the ids stably, so that the sum's order is fixed. With `slots`
    [vocabulary] the gradient is compact: row slots[rows[u]] of a ragged space takes what row
    rows[u] of the dense one would.
  }];
  let arguments = (ins Nn_Matrix:$dy, Nn_Indices:$order, Nn_Indices:$segments,
      Nn_Indices:$rows, Optional<Nn_Indices>:$slots, OptionalAttr<I32Attr>:$padding);
  let results = (outs Nn_Matrix:$dtable);
  let hasVerifier = 1;
}

def Nn_IotaOp : Nn_Op<"iota"> {
  let summary = "y[i] = step * i";
  let description = [{
    The counters of a table's dropout: row i of a table that all sequences share has position i
    (`step` 1) of sequence 0 (`step` 0), and one mask a training step.
  }];
  let arguments = (ins I32Attr:$step);
  let results = (outs Nn_Indices:$y);
  let hasVerifier = 1;
}

def Nn_GatherRowsOp : Nn_Op<"gather_rows", [Differentiable, CostModel]> {
  let summary = "y[i] = x[rows[i]], into the space of rows";
  let arguments = (ins AnyRankedTensor:$x, Nn_Indices:$rows);
  let results = (outs AnyRankedTensor:$y);
  let hasVerifier = 1;
}

def Nn_MeanRowsOp : Nn_Op<"mean_rows", [Differentiable, CostModel]> {
  let summary = "y[s] = mean of x[r] for r in offsets[s] .. offsets[s+1], in order";
  let description = [{ A sequence without rows gives zeros. }];
  let arguments = (ins Nn_Matrix:$x, Nn_Indices:$offsets);
  let results = (outs Nn_Matrix:$y);
  let hasVerifier = 1;
}

def Nn_MeanRowsGradOp : Nn_Op<"mean_rows_grad", [CostModel]> {
  let summary = "dx[r] = dy[s] / (offsets[s+1] - offsets[s]) for each row r of sequence s";
  let arguments = (ins Nn_Matrix:$dy, Nn_Indices:$offsets);
  let results = (outs Nn_Matrix:$dx);
  let hasVerifier = 1;
}

def Nn_ScatterRowsOp : Nn_Op<"scatter_rows", [CostModel]> {
  let summary = "dx[rows[i]] = dy[i], zero elsewhere; the rows are distinct";
  let arguments = (ins Nn_Matrix:$dy, Nn_Indices:$rows);
  let results = (outs Nn_Matrix:$dx);
  let hasVerifier = 1;
}
#endif
