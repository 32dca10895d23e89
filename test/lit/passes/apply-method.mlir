// RUN: ftc-opt %s -ftc-apply-method | FileCheck %s --check-prefix=FULL
// RUN: ftc-opt %s -ftc-apply-method=method=head | FileCheck %s --check-prefix=HEAD
// RUN: ftc-opt %s -ftc-apply-method=method=layers:1 | FileCheck %s --check-prefix=LAST
// RUN: ftc-opt %s -ftc-apply-method="method=head frozen-dropout=true" \
// RUN:   | FileCheck %s --check-prefix=FROZEN
// What is trained, what decays, and whose dropout goes.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!v = tensor<4xf32>
!w = tensor<4x4xf32>

module attributes {nn.head_prefixes = ["classifier."], nn.layer_prefixes = ["l.0.", "l.1."]} {
  // FULL-LABEL: func.func @forward
  // FULL-SAME: {nn.decay, nn.parameter = "emb.weight", nn.trainable}
  // FULL-SAME: {nn.decay, nn.parameter = "l.0.weight", nn.trainable}
  // FULL-SAME: {nn.parameter = "l.0.bias", nn.trainable}
  // FULL-SAME: {nn.norm, nn.parameter = "l.0.scale", nn.trainable}
  // FULL-SAME: {nn.parameter = "l.1.norm.weight", nn.trainable}
  // FULL-SAME: {nn.parameter = "l.1.pre_norm", nn.trainable}
  // FULL-SAME: {nn.decay, nn.parameter = "l.1.normal.weight", nn.trainable}
  // FULL-SAME: {nn.parameter = "pooler.LayerNorm.weight", nn.trainable}
  // FULL-SAME: {nn.decay, nn.parameter = "classifier.weight", nn.trainable}
  // FULL: nn.dropout
  // FULL: nn.dropout

  // HEAD-LABEL: func.func @forward
  // HEAD-SAME: {nn.parameter = "emb.weight"}
  // HEAD-SAME: {nn.parameter = "pooler.LayerNorm.weight"}
  // HEAD-SAME: {nn.decay, nn.parameter = "classifier.weight", nn.trainable}
  // HEAD-NOT: module = "l.0"
  // HEAD: nn.dropout {{.*}}module = "classifier"

  // LAST-LABEL: func.func @forward
  // LAST-SAME: {nn.parameter = "emb.weight"}
  // LAST-SAME: {nn.parameter = "l.0.weight"}
  // LAST-SAME: {nn.parameter = "l.1.norm.weight", nn.trainable}
  // LAST-SAME: {nn.parameter = "pooler.LayerNorm.weight", nn.trainable}
  // LAST-SAME: {nn.decay, nn.parameter = "classifier.weight", nn.trainable}

  // FROZEN: nn.dropout {{.*}}module = "l.0"
  // FROZEN: nn.dropout {{.*}}module = "classifier"
  func.func @forward(%e: !w {nn.parameter = "emb.weight"},
      %a: !w {nn.parameter = "l.0.weight"}, %b: !v {nn.parameter = "l.0.bias"},
      %c: !v {nn.parameter = "l.0.scale", nn.norm},
      %d: !v {nn.parameter = "l.1.norm.weight"}, %f: !v {nn.parameter = "l.1.pre_norm"},
      %g: !w {nn.parameter = "l.1.normal.weight"},
      %h: !v {nn.parameter = "pooler.LayerNorm.weight"},
      %i: !w {nn.parameter = "classifier.weight"},
      %x: !t4 {nn.input = "x"}, %s: !ids {nn.input = "s"}) -> !t4 {
    %0 = nn.dropout %x, %s, %s {rate = "p", op_id = 1 : i32, module = "l.0"}
        : (!t4, !ids, !ids) -> !t4
    %1 = nn.dropout %0, %s, %s {rate = "p", op_id = 2 : i32, module = "classifier"}
        : (!t4, !ids, !ids) -> !t4
    return %1 : !t4
  }
}
