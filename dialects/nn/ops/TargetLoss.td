// Losses against a row of real numbers: several labels at once, or a value to predict.
#ifndef FTC_NN_OPS_TARGETLOSS_TD
#define FTC_NN_OPS_TARGETLOSS_TD
include "dialects/nn/ops/OpBase.td"

def Nn_TargetLossKind : I32EnumAttr<"TargetLossKind", "distance of a row from its targets", [
    I32EnumAttrCase<"BinaryCrossEntropy", 0, "binary_cross_entropy">,
    I32EnumAttrCase<"SquaredError", 1, "squared_error">]> {
  let cppNamespace = "::ftc::nn";
  let genSpecializedAttr = 0;
}
def Nn_TargetLossKindAttr : EnumAttr<Nn_Dialect, Nn_TargetLossKind, "target_loss"> {
  let assemblyFormat = "`<` $value `>`";
}

def Nn_TargetLossOp : Nn_Op<"target_loss", [Differentiable, CostModel, RowLocal]> {
  let summary = "row_loss = mean over the columns of the distance of logits from targets";
  let description = [{
    `logits` and `targets` [rows, columns]. With x a logit and t its target, the distance is

        binary_cross_entropy   -(t log sigmoid(x) + (1 - t) log(1 - sigmoid(x)))
                               = max(x, 0) - x t + log(1 + exp(-|x|))
        squared_error          (x - t)^2

    torch.nn.BCEWithLogitsLoss and MSELoss, row by row: what transformers trains classifiers with
    whose problem_type is multi_label_classification or regression.
  }];
  let arguments = (ins Nn_Matrix:$logits, Nn_Matrix:$targets, Nn_TargetLossKindAttr:$kind);
  let results = (outs Nn_Vector:$row_loss);
  let hasVerifier = 1;
}

def Nn_TargetLossGradOp : Nn_Op<"target_loss_grad", [CostModel, RowLocal]> {
  let summary = "dlogits = drow_loss / columns * (sigmoid(x) - t), or 2 (x - t)";
  let arguments = (ins Nn_Matrix:$logits, Nn_Matrix:$targets, Nn_Vector:$drow_loss,
      Nn_TargetLossKindAttr:$kind);
  let results = (outs Nn_Matrix:$dlogits);
  let hasVerifier = 1;
}
#endif
