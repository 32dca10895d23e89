// Losses. A loss is a value a row; the whole loss is their sum times a run-time scalar.
#ifndef FTC_NN_OPS_LOSS_TD
#define FTC_NN_OPS_LOSS_TD
include "dialects/nn/ops/OpBase.td"

def Nn_CrossEntropyOp : Nn_Op<"cross_entropy", [Differentiable, CostModel, RowLocal]> {
  let summary = "row_loss = -log softmax(logits)[label], smoothed";
  let description = [{
    `logits` [rows, classes], `labels` [rows], -100: the row counts nothing (row_loss 0). With
    e = the scalar `label_smoothing`: (1 - e) * NLL + e * mean over classes of -log p.

    With `class_weights` w [classes] it is torch.nn.CrossEntropyLoss's:
    (1 - e) * w[label] * NLL + e * mean over classes c of w[c] * -log p[c].
  }];
  let arguments = (ins Nn_Matrix:$logits, Nn_Indices:$labels,
      Optional<Nn_Vector>:$class_weights);
  let results = (outs Nn_Vector:$row_loss);
  let hasVerifier = 1;
}

def Nn_LossSeedOp : Nn_Op<"loss_seed"> {
  let summary = "every row holds the run-time scalar `inverse_denominator`";
  let description = [{
    The gradient of the loss with respect to each row's loss: 1 / (labels that count in the
    whole accumulated batch, each as often as its class's weight says).
  }];
  let arguments = (ins);
  let results = (outs Nn_Vector:$seed);
}

def Nn_CrossEntropyGradOp : Nn_Op<"cross_entropy_grad", [CostModel, RowLocal]> {
  let summary = "dlogits = drow_loss * (softmax(logits) - target)";
  let description = [{
    `target` is (1 - e) at the label plus e / classes everywhere. With `class_weights` the gradient
    of the weighted loss: the target's two terms and the softmax's factor carry the weights.
  }];
  let arguments = (ins Nn_Matrix:$logits, Nn_Indices:$labels, Nn_Vector:$drow_loss,
      Optional<Nn_Vector>:$class_weights);
  let results = (outs Nn_Matrix:$dlogits);
  let hasVerifier = 1;
}
#endif
