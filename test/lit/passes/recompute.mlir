// RUN: ftc-opt %s -ftc-recompute="spaces=tokens=64" | FileCheck %s --check-prefix=KEPT
// RUN: ftc-opt %s -ftc-recompute="price=30 spaces=tokens=64" \
// RUN:   -remarks-filter=ftc-recompute -remark-format=emitRemark 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t
// RUN: ftc-opt %s -ftc-recompute="memory-budget=1000000000 spaces=tokens=64" \
// RUN:   | FileCheck %s --check-prefix=KEPT
// RUN: ftc-opt %s -ftc-recompute="memory-budget=1 spaces=tokens=64" \
// RUN:   -remarks-filter=ftc-recompute -remark-format=emitRemark 2>%t | FileCheck %s --check-prefix=LEAST
// RUN: FileCheck %s --check-prefix=ABOVE < %t
// RUN: not ftc-opt %s -ftc-recompute=price=-1 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: not ftc-opt %s -ftc-recompute=spaces=tokens 2>&1 | FileCheck %s --check-prefix=BAD
// What the backward reads is kept, or made again right before its first reader there.

// BAD: expected a price, a slope and a budget >= 0 and spaces as name=size
// REMARK: values of @chain made again in the backward: about {{[0-9]+}} -> {{[0-9]+}} live bytes for {{[1-9][0-9]*}}.{{[0-9]+}} % more FLOPs"
// ABOVE: values of @chain made again in the backward{{.*}}above the budget

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t64 = tensor<?x64xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!up = tensor<64x4xf32>
!down = tensor<4x64xf32>

// Narrow rows, wide ones behind them. At this price both come again from the arguments, dropout with
// its op id, each op once, and the value before an activation without the activation; logits, whose
// product is dear beside their size, are kept.
// KEPT-LABEL: func.func @chain
// KEPT-COUNT-2: nn.linear %
// KEPT: nn.loss_seed
// KEPT-NOT: nn.linear %
// KEPT-NOT: nn.dropout
// KEPT: return
// CHECK-LABEL: func.func @chain
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<tokens>>, %[[UP:[a-z0-9]+]]: tensor<64x4xf32>
// CHECK: %[[FIRST:.*]] = nn.dropout %[[X]]
// CHECK-NEXT: nn.linear %[[FIRST]], %[[UP]] {activation = #nn.activation<gelu>} : {{.*}} -> tensor<?x64xf32
// CHECK-NEXT: nn.linear
// CHECK: nn.loss_seed
// CHECK-NEXT: nn.cross_entropy_grad
// CHECK-NEXT: %[[D:.*]] = nn.dropout %[[X]], {{.*}} {module = "m", op_id = 7 : i32, rate = "dropout.hidden"}
// CHECK-NEXT: %[[PRE:.*]] = nn.linear %[[D]], %[[UP]] :
// CHECK-NEXT: nn.activation %[[PRE]]
// CHECK-NEXT: nn.linear_wgrad
// CHECK-NEXT: nn.linear_dgrad {{.*}}, %[[PRE]] {
// CHECK-NEXT: nn.linear_wgrad %{{.*}}, %[[D]] :
// CHECK-NEXT: return
// The estimate of the peak, when the wide rows are at work, falls by the narrow ones alone.
// LEAST-LABEL: func.func @chain
// LEAST: nn.loss_seed
// LEAST-NOT: nn.linear %
// LEAST: nn.linear_dgrad
// LEAST-NEXT: nn.dropout
// LEAST-NEXT: nn.linear_wgrad
// LEAST: return
func.func @chain(%x: !t4, %up: !up, %down: !down, %labels: !ids, %s: !ids, %p: !ids)
    -> (!t1, !down, !up) attributes {nn.program = "chain"} {
  %d = nn.dropout %x, %s, %p {rate = "dropout.hidden", op_id = 7 : i32, module = "m"}
      : (!t4, !ids, !ids) -> !t4
  %y, %pre = nn.linear %d, %up {activation = #nn.activation<gelu>} : (!t4, !up) -> (!t64, !t64)
  %z = nn.linear %y, %down : (!t64, !down) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  %seed = nn.loss_seed : () -> !t1
  %dz = nn.cross_entropy_grad %z, %labels, %seed : (!t4, !ids, !t1) -> !t4
  %again = nn.activation %pre {kind = #nn.activation<gelu>} : (!t64) -> !t64
  %ddown = nn.linear_wgrad %dz, %again : (!t4, !t64) -> !down
  %dh = nn.linear_dgrad %dz, %down, %pre {activation = #nn.activation<gelu>,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>} : (!t4, !down, !t64) -> !t64
  %dup = nn.linear_wgrad %dh, %d : (!t64, !t4) -> !up
  return %loss, %ddown, %dup : !t1, !down, !up
}

// A normalization comes again from its sum, which is kept, where its gradient reads it first; a
// product of those rows right before its own reader. An update moves behind the product, which
// reads the old weight.
// CHECK-LABEL: func.func @norm
// CHECK: %{{.*}}, %[[SUM:.*]], %{{.*}}, %{{.*}} = nn.add_layer_norm
// CHECK: nn.loss_seed
// CHECK: nn.linear_dgrad
// CHECK-NEXT: %[[Y:.*]], %[[MEAN:.*]], %[[RSTD:.*]] = nn.layer_norm %[[SUM]], %
// CHECK-NEXT: nn.layer_norm_grad %{{.*}}, %[[SUM]], %[[MEAN]], %[[RSTD]],
// CHECK-NEXT: nn.linear_wgrad
// CHECK-NEXT: %[[U:.*]] = nn.linear %[[Y]], %[[W:[a-z0-9]+]] :
// CHECK-NEXT: nn.adamw %[[W]],
// CHECK-NEXT: nn.linear_wgrad %{{.*}}, %[[U]] :
func.func @norm(%x: !t4, %r: !t4, %gamma: tensor<4xf32>,
                %w: !up {nn.parameter = "w", nn.trainable}, %down: !down, %labels: !ids,
                %m: !up {nn.moment = "w", nn.moment_index = 0 : i32},
                %v: !up {nn.moment = "w", nn.moment_index = 1 : i32})
    -> (!t1, !down, !t4, !up {nn.updates = 3 : i32}, !up {nn.updates = 6 : i32},
        !up {nn.updates = 7 : i32}) attributes {nn.program = "norm"} {
  %y, %sum, %mean, %rstd = nn.add_layer_norm %x, %r, %gamma {eps = 1.0e-5 : f64,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>}
      : (!t4, !t4, tensor<4xf32>) -> (!t4, !t4, !t1, !t1)
  %u = nn.linear %y, %w : (!t4, !up) -> !t64
  %z = nn.linear %u, %down : (!t64, !down) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  %seed = nn.loss_seed : () -> !t1
  %dz = nn.cross_entropy_grad %z, %labels, %seed : (!t4, !ids, !t1) -> !t4
  %du = nn.linear_dgrad %dz, %down {operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t4, !down) -> !t64
  %dx, %dgamma, %dbeta = nn.layer_norm_grad %dz, %sum, %mean, %rstd, %gamma
      : (!t4, !t4, !t1, !t1, tensor<4xf32>) -> (!t4, tensor<4xf32>, tensor<4xf32>)
  %dw = nn.linear_wgrad %du, %dx : (!t64, !t4) -> !up
  %w1, %m1, %v1 = nn.adamw %w, %dw, %m, %v {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1>} : (!up, !up, !up, !up) -> (!up, !up, !up)
  %ddown = nn.linear_wgrad %dz, %u : (!t4, !t64) -> !down
  return %loss, %ddown, %dx, %w1, %m1, %v1 : !t1, !down, !t4, !up, !up, !up
}
