// The span loss of extractive question answering: a softmax over each sequence's tokens.
#ifndef FTC_NN_OPS_SPAN_TD
#define FTC_NN_OPS_SPAN_TD
include "dialects/nn/ops/OpBase.td"

def Nn_SpanLossOp : Nn_Op<"span_loss", [Differentiable, CostModel]> {
  let summary = "row_loss = mean of -log softmax(start)[starts] and -log softmax(end)[ends]";
  let description = [{
    `logits` [rows, 2] hold a score to begin and a score to end the answer for each row;
    `offsets` says which rows are whose sequence. With p the softmax of a column over the rows
    [offsets[s], offsets[s + 1]) of sequence s alone:

        row_loss[s] = -(log p_start[starts[s]] + log p_end[ends[s]]) / 2

    `starts` and `ends` [sequences] count from the sequence's first row; the end is the answer's
    last row. Where `starts` is -100 the sequence counts nothing (row_loss 0).
  }];
  let arguments = (ins Nn_Matrix:$logits, Nn_Indices:$offsets, Nn_Indices:$starts,
      Nn_Indices:$ends);
  let results = (outs Nn_Vector:$row_loss);
  let hasVerifier = 1;
}

def Nn_SpanLossGradOp : Nn_Op<"span_loss_grad", [CostModel]> {
  let summary = "dlogits = drow_loss / 2 * (softmax over the sequence - target), column by column";
  let arguments = (ins Nn_Matrix:$logits, Nn_Indices:$offsets, Nn_Indices:$starts,
      Nn_Indices:$ends, Nn_Vector:$drow_loss);
  let results = (outs Nn_Matrix:$dlogits);
  let hasVerifier = 1;
}
#endif
