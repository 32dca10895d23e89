// The language model's loss: the projection to the vocabulary and its cross-entropy in one op,
// so that logits of all rows never exist at once; and the projection alone, of the few rows that
// generation reads.
#ifndef FTC_NN_OPS_VOCABULARYLOSS_TD
#define FTC_NN_OPS_VOCABULARYLOSS_TD
include "dialects/nn/ops/OpBase.td"

def Nn_VocabularyLossOp : Nn_Op<"vocabulary_loss", [Differentiable, CostModel, RowLocal]> {
  let summary = "row_loss = -log softmax(x W^T + bias)[label], smoothed, logits in chunks of rows";
  let description = [{
    `x` [rows, hidden], `weight` [vocabulary, hidden] (row-major on every target: it may be the
    embedding table too), `labels` [rows] in [0, vocabulary), or -100: the row counts nothing
    (row_loss 0). With e = the scalar `label_smoothing`: (1 - e) * NLL + e * mean over the
    vocabulary of -log p. Equals linear, then cross_entropy. `bias` [1, vocabulary], as BART's
    checkpoints keep their final_logits_bias, is a constant of the model: it has no gradient.
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Matrix:$weight, Nn_Indices:$labels,
      Optional<Nn_Matrix>:$bias);
  let results = (outs Nn_Vector:$row_loss);
  let hasVerifier = 1;
}

def Nn_VocabularyLogitsOp : Nn_Op<"vocabulary_logits", [CostModel, RowLocal]> {
  let summary = "logits = x W^T + bias, over a table of the vocabulary";
  let description = [{
    What generation reads: `x` [rows, hidden], one row a text, `weight` [vocabulary, hidden] and
    `bias` [1, vocabulary] as vocabulary_loss has them, row-major on every target; `logits`
    [rows, vocabulary]. Training never has logits, so there is no derivative.
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Matrix:$weight, Optional<Nn_Matrix>:$bias);
  let results = (outs Nn_Matrix:$logits);
  let hasVerifier = 1;
}

def Nn_VocabularyLossGradOp : Nn_Op<"vocabulary_loss_grad", [CostModel]> {
  let summary = "gradients of vocabulary_loss, and the loss itself from the same logits";
  let description = [{
    With dlogits = drow_loss * (softmax(x W^T + bias) - target): dx = dlogits W, dweight = dlogits^T x,
    a chunk of rows after the other. `row_loss` is vocabulary_loss's result: fusion gives it to
    the forward's readers, and the logits are computed once. Without a trainable weight there is
    no `dweight`.
  }];
  let arguments = (ins Nn_Matrix:$x, Nn_Matrix:$weight, Nn_Indices:$labels,
      Nn_Vector:$drow_loss, Optional<Nn_Matrix>:$bias);
  let results = (outs Nn_Vector:$row_loss, Nn_Matrix:$dx, Optional<Nn_Matrix>:$dweight);
  let hasVerifier = 1;
}
#endif
