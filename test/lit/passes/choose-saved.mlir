// RUN: ftc-opt %s -ftc-choose-saved="spaces=tokens=64" \
// RUN:   -remarks-filter=ftc-choose-saved -remark-format=emitRemark 2>%t \
// RUN:   | FileCheck %s --check-prefixes=CHEAP,NORMS
// RUN: FileCheck %s --check-prefix=REMARK < %t
// RUN: not ftc-opt %s -ftc-choose-saved=spaces=tokens 2>&1 | FileCheck %s --check-prefix=BAD
// Activations, normalized rows and gated products are made again where the backward reads them.

// REMARK: 1 results of @train_accumulate recomputed in the backward: about {{[0-9]+}} -> {{[0-9]+}} live bytes for {{[0-9.]+}} % more FLOPs
// BAD: expected spaces as name=size

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!w = tensor<4x4xf32>

// CHEAP-LABEL: func.func @train_accumulate
// CHEAP: %[[Y:.*]], %[[PRE:.*]] = nn.linear
// CHEAP: nn.linear %[[Y]]
// CHEAP: nn.loss_seed
// CHEAP: %[[AGAIN:.*]] = nn.activation %[[PRE]] {kind = #nn.activation<gelu>}
// CHEAP-NEXT: nn.linear_wgrad %{{.*}}, %[[AGAIN]]
func.func @train_accumulate(%x: !t4, %w: !w, %u: !w, %labels: !ids) -> (!t1, !w, !t4)
    attributes {nn.program = "train_accumulate"} {
  %y, %pre = nn.linear %x, %w {activation = #nn.activation<gelu>} : (!t4, !w) -> (!t4, !t4)
  %z = nn.linear %y, %u : (!t4, !w) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  %seed = nn.loss_seed : () -> !t1
  %dz = nn.cross_entropy_grad %z, %labels, %seed : (!t4, !ids, !t1) -> !t4
  %du = nn.linear_wgrad %dz, %y : (!t4, !t4) -> !w
  %dh = nn.linear_dgrad %dz, %u, %pre {activation = #nn.activation<gelu>,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>} : (!t4, !w, !t4) -> !t4
  return %loss, %du, %dh : !t1, !w, !t4
}

// Normalized rows come again from the sum that the gradient reads behind them, a gated product
// from gate and up. %late is saved: nothing behind its first reader reads what it is made of.
// NORMS-LABEL: func.func @norms
// NORMS: %[[Y:.*]], %[[SUM:.*]], %{{.*}}, %{{.*}} = nn.add_layer_norm
// NORMS: %[[LATE:.*]], %{{.*}} = nn.rms_norm
// NORMS: nn.gated %[[Y]], %[[LATE]]
// NORMS: nn.loss_seed
// NORMS: nn.linear_wgrad %{{.*}}, %[[LATE]]
// NORMS: %[[AGAIN:.*]] = nn.gated %[[Y]], %[[LATE]]
// NORMS-NEXT: nn.linear_wgrad %{{.*}}, %[[AGAIN]]
// NORMS: %[[NORM:.*]], %{{.*}}, %{{.*}} = nn.layer_norm %[[SUM]]
// NORMS-NEXT: nn.gated_grad %{{.*}}, %[[NORM]], %[[LATE]]
// NORMS: nn.linear_wgrad %{{.*}}, %[[NORM]]
// NORMS: nn.layer_norm_grad %{{.*}}, %[[SUM]]
func.func @norms(%x: !t4, %r: !t4, %w: !w, %gamma: tensor<4xf32>, %labels: !ids)
    -> (!t1, !w, !w, !w, !t4, !t4) attributes {nn.program = "train_accumulate"} {
  %y, %sum, %mean, %rstd = nn.add_layer_norm %x, %r, %gamma {eps = 1.0e-5 : f64,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>}
      : (!t4, !t4, tensor<4xf32>) -> (!t4, !t4, !t1, !t1)
  %m = nn.linear %y, %w : (!t4, !w) -> !t4
  %late, %late_rstd = nn.rms_norm %m, %gamma {eps = 1.0e-5 : f64}
      : (!t4, tensor<4xf32>) -> (!t4, !t1)
  %u = nn.gated %y, %late {kind = #nn.activation<silu>} : (!t4, !t4) -> !t4
  %z = nn.linear %u, %w : (!t4, !w) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  %seed = nn.loss_seed : () -> !t1
  %dz = nn.cross_entropy_grad %z, %labels, %seed : (!t4, !ids, !t1) -> !t4
  %dv = nn.linear_wgrad %dz, %late : (!t4, !t4) -> !w
  %du = nn.linear_wgrad %dz, %u : (!t4, !t4) -> !w
  %dgate, %dup = nn.gated_grad %dz, %y, %late {kind = #nn.activation<silu>}
      : (!t4, !t4, !t4) -> (!t4, !t4)
  %dw = nn.linear_wgrad %dup, %y : (!t4, !t4) -> !w
  %dx, %dgamma, %dbeta = nn.layer_norm_grad %dgate, %sum, %mean, %rstd, %gamma
      : (!t4, !t4, !t1, !t1, tensor<4xf32>) -> (!t4, tensor<4xf32>, tensor<4xf32>)
  return %loss, %dv, %du, %dw, %dup, %dx : !t1, !w, !w, !w, !t4, !t4
}
