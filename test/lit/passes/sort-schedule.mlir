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

// What the backward makes again moves behind the input gradient, which packs a weight besides,
// and stands before its first reader; the update reads it, and replaces what dgrad reads.
// CHECK-LABEL: func.func @sunk
// CHECK: nn.cross_entropy_grad
// CHECK-NEXT: nn.linear_dgrad
// CHECK-NEXT: %[[AGAIN:.*]] = nn.activation
// CHECK-NEXT: nn.linear_wgrad_update %{{.*}}, %[[AGAIN]],
func.func @sunk(%x: !t4, %labels: !ids, %u: tensor<8x4xf32>, %w: !w, %m: !w) -> (!t1, !w, !w, !t8)
    attributes {nn.program = "sunk"} {
  %h = nn.linear %x, %u : (!t4, tensor<8x4xf32>) -> !t8
  %a = nn.activation %h {kind = #nn.activation<gelu>} : (!t8) -> !t8
  %z = nn.linear %a, %w : (!t8, !w) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  %seed = nn.loss_seed : () -> !t1
  %dz = nn.cross_entropy_grad %z, %labels, %seed : (!t4, !ids, !t1) -> !t4
  %again = nn.activation %h {kind = #nn.activation<gelu>} : (!t8) -> !t8
  %dh = nn.linear_dgrad %dz, %w, %h {activation = #nn.activation<gelu>,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>} : (!t4, !w, !t8) -> !t8
  %w1, %m1 = nn.linear_wgrad_update %dz, %again, %w, %m {rule = #nn.update_rule<sgd>,
      decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t4, !t8, !w, !w) -> (!w, !w)
  return %loss, %w1, %m1, %dh : !t1, !w, !w, !t8
}

// It stays before the update of a parameter that it reads.
// CHECK-LABEL: func.func @before_the_update
// CHECK: nn.cross_entropy_grad
// CHECK: nn.linear %{{.*}}, %[[U:arg2]] :
// CHECK: nn.sgd %[[U]],
// CHECK: return
func.func @before_the_update(%x: !t8, %labels: !ids, %u: tensor<8x8xf32>, %du: tensor<8x8xf32>,
    %um: tensor<8x8xf32>, %w: !w, %m: !w) -> (!t1, tensor<8x8xf32>, tensor<8x8xf32>, !w, !w, !t8)
    attributes {nn.program = "before_the_update"} {
  %z = nn.linear %x, %w : (!t8, !w) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  %seed = nn.loss_seed : () -> !t1
  %dz = nn.cross_entropy_grad %z, %labels, %seed : (!t4, !ids, !t1) -> !t4
  %n = nn.linear %x, %u : (!t8, tensor<8x8xf32>) -> !t8
  %u1, %um1 = nn.sgd %u, %du, %um {decay = false,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>)
  %dh = nn.linear_dgrad %dz, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t4, !w) -> !t8
  %w1, %m1 = nn.linear_wgrad_update %dz, %n, %w, %m {rule = #nn.update_rule<sgd>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t4, !t8, !w, !w) -> (!w, !w)
  return %loss, %u1, %um1, %w1, %m1, %dh : !t1, tensor<8x8xf32>, tensor<8x8xf32>, !w, !w, !t8
}

// A layer's input may be a parameter: its update stays behind the op that only reads it.
!tab = tensor<16x8xf32>
!dt = tensor<16x4xf32>
// CHECK-LABEL: func.func @table
// CHECK: nn.linear_dgrad
// CHECK-NEXT: nn.linear_wgrad_update %{{.*}}, %[[TABLE:arg2]], %
// CHECK-NEXT: nn.sgd %[[TABLE]],
// CHECK: nn.activation
func.func @table(%z: !t4, %labels: !ids, %table: !tab, %tm: !tab, %dy: !dt, %w: !w, %m: !w)
    -> (!t4, !t4, !tab, !tab, !w, !w)
    attributes {nn.program = "table"} {
  %seed = nn.loss_seed : () -> !t1
  %dz = nn.cross_entropy_grad %z, %labels, %seed : (!t4, !ids, !t1) -> !t4
  %dt = nn.linear_dgrad %dy, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!dt, !w) -> !tab
  %a = nn.activation %dz {kind = #nn.activation<gelu>} : (!t4) -> !t4
  %w1, %m1 = nn.linear_wgrad_update %dy, %table, %w, %m {rule = #nn.update_rule<sgd>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 0, 0>} : (!dt, !tab, !w, !w) -> (!w, !w)
  %t1, %tm1 = nn.sgd %table, %dt, %tm {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (!tab, !tab, !tab) -> (!tab, !tab)
  return %a, %dz, %t1, %tm1, %w1, %m1 : !t4, !t4, !tab, !tab, !w, !w
}
