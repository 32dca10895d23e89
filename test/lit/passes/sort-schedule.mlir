// RUN: ftc-opt %s -ftc-sort-schedule | FileCheck %s
// RUN: not ftc-opt %s -ftc-sort-schedule=spaces=tokens=-1 2>&1 \
// RUN:   | FileCheck %s --check-prefix=BAD
// The weight's gradient comes before another large value is made, so that its operands die
// first; an update stays behind the last reader of the old value.

// BAD: expected spaces as name=size

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t8 = tensor<?x8xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!w = tensor<4x8xf32>

// CHECK-LABEL: func.func @train_step
// CHECK: %[[DZ:.*]] = nn.cross_entropy_grad
// CHECK-NEXT: %[[DW:.*]] = nn.linear_wgrad %[[DZ]]
// CHECK-NEXT: nn.linear_dgrad %[[DZ]], %[[W:.*]] {
// CHECK: nn.sgd %[[W]], %[[DW]]
func.func @train_step(%x: !t8, %w: !w, %m: !w, %labels: !ids) -> (!t1, !w, !w, !t8)
    attributes {nn.program = "train_step"} {
  %h = nn.activation %x {kind = #nn.activation<gelu>} : (!t8) -> !t8
  %z = nn.linear %h, %w : (!t8, !w) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  %seed = nn.loss_seed : () -> !t1
  %dz = nn.cross_entropy_grad %z, %labels, %seed : (!t4, !ids, !t1) -> !t4
  %dh = nn.linear_dgrad %dz, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t4, !w) -> !t8
  %a = nn.activation_grad %dh, %x {kind = #nn.activation<gelu>} : (!t8, !t8) -> !t8
  %dw = nn.linear_wgrad %dz, %h : (!t4, !t8) -> !w
  %w1, %m1 = nn.sgd %w, %dw, %m {decay = false, operandSegmentSizes = array<i32: 1, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1>} : (!w, !w, !w) -> (!w, !w)
  return %loss, %w1, %m1, %a : !t1, !w, !w, !t8
}

// An order that gains nothing is kept.
// CHECK-LABEL: func.func @kept
// CHECK: nn.loss_seed
// CHECK-NEXT: nn.cross_entropy_grad
// CHECK-NEXT: nn.linear_wgrad
func.func @kept(%z: !t4, %x: !t8, %labels: !ids) -> !w attributes {nn.program = "kept"} {
  %seed = nn.loss_seed : () -> !t1
  %dz = nn.cross_entropy_grad %z, %labels, %seed : (!t4, !ids, !t1) -> !t4
  %dw = nn.linear_wgrad %dz, %x : (!t4, !t8) -> !w
  return %dw : !w
}
