// RUN: ftc-opt %s -split-input-file -ftc-fuse-updates | FileCheck %s
// RUN: ftc-opt %s -split-input-file -ftc-fuse-updates -remarks-filter=ftc-fuse-updates \
// RUN:   -remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// A weight gradient that only its weight's update reads is made there, behind the last reader of
// the old weight; the bias goes along, each with its own decay.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t8 = tensor<?x8xf32, #nn.space<tokens>>
!w = tensor<4x8xf32>
!v = tensor<4xf32>

// REMARK: 1 of 1 weight gradients of @train_step fused with their updates
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: %[[X:arg0]]: tensor<?x8xf32, #nn.space<tokens>>, %[[DY:arg1]]: tensor<?x4xf32
func.func @train_step(%x: !t8, %dy: !t4, %w: !w, %b: !v, %wm: !w, %wv: !w, %bm: !v, %bv: !v)
    -> (!t8, !w, !v, !w, !w, !v, !v) attributes {nn.program = "train_step"} {
  %dw, %db = nn.linear_wgrad %dy, %x : (!t4, !t8) -> (!w, !v)
  %b1, %bm1, %bv1 = nn.adamw %b, %db, %bm, %bv {decay = false,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!v, !v, !v, !v) -> (!v, !v, !v)
  %dx = nn.linear_dgrad %dy, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t4, !w) -> !t8
  %w1, %wm1, %wv1 = nn.adamw %w, %dw, %wm, %wv {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!w, !w, !w, !w) -> (!w, !w, !w)
  // CHECK: nn.linear_dgrad
  // CHECK-NEXT: %[[W1:.*]], %[[M1:.*]]:2, %[[B1:.*]], %[[BM1:.*]]:2 = nn.linear_wgrad_update %[[DY]], %[[X]], %arg2, %arg4, %arg5, %arg3, %arg6, %arg7 {decay = true
  // CHECK-SAME: rule = #nn.update_rule<adamw>
  // CHECK-NEXT: return %{{.*}}, %[[W1]], %[[B1]], %[[M1]]#0, %[[M1]]#1, %[[BM1]]#0, %[[BM1]]#1 :
  return %dx, %w1, %b1, %wm1, %wv1, %bm1, %bv1 : !t8, !w, !v, !w, !w, !v, !v
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t8 = tensor<?x8xf32, #nn.space<tokens>>
!w = tensor<4x8xf32>
!v = tensor<4xf32>

// One moment; a bias that is frozen has no gradient; another order of updates.
// REMARK: 2 of 2 weight gradients of @rules fused with their updates
// CHECK-LABEL: func.func @rules
func.func @rules(%x: !t8, %dy: !t4, %w: !w, %b: !v, %wm: !w, %bm: !v, %w2: !w, %m2: !w)
    -> (!w, !v, !w, !v, !w, !w) attributes {nn.program = "rules"} {
  %dw, %db = nn.linear_wgrad %dy, %x : (!t4, !t8) -> (!w, !v)
  %w1, %wm1 = nn.sgd %w, %dw, %wm {decay = false,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (!w, !w, !w) -> (!w, !w)
  %b1, %bm1 = nn.sgd %b, %db, %bm {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (!v, !v, !v) -> (!v, !v)
  %dw2 = nn.linear_wgrad %dy, %x : (!t4, !t8) -> !w
  %w3, %m3 = nn.lion %w2, %dw2, %m2 {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (!w, !w, !w) -> (!w, !w)
  // CHECK-NEXT: %[[W1:.*]], %[[M1:.*]], %[[B1:.*]], %[[BM1:.*]] = nn.linear_wgrad_update %arg1, %arg0, %arg2, %arg4, %arg3, %arg5 {bias_decay = true, decay = false
  // CHECK-SAME: rule = #nn.update_rule<sgd>
  // CHECK-NEXT: %[[W3:.*]], %[[M3:.*]] = nn.linear_wgrad_update %arg1, %arg0, %arg6, %arg7 {
  // CHECK-SAME: decay = true
  // CHECK-SAME: rule = #nn.update_rule<lion>
  // CHECK-NEXT: return %[[W1]], %[[B1]], %[[M1]], %[[BM1]], %[[W3]], %[[M3]] :
  return %w1, %b1, %wm1, %bm1, %w3, %m3 : !w, !v, !w, !v, !w, !w
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t8 = tensor<?x8xf32, #nn.space<tokens>>
!w = tensor<4x8xf32>
!v = tensor<4xf32>
!two = tensor<2xf32>

// What stays: the gradient of a weight that two layers share; an update with a control; a bias
// that another optimizer updates; Adafactor.
// REMARK-DAG: 3 weight gradients of @kept keep an update of their own: their gradient is not read by an update alone
// REMARK-DAG: 2 weight gradients of @kept keep an update of their own: their optimizer needs more of a gradient than one element
// REMARK-DAG: 1 weight gradients of @kept keep an update of their own: their bias is not updated alike
// CHECK-LABEL: func.func @kept
// CHECK-NOT: nn.linear_wgrad_update
func.func @kept(%x: !t8, %dy: !t4, %w: !w, %m: !w, %c: !two, %b: !v, %bm: !v, %bv: !v, %wv: !v,
    %wc: tensor<8xf32>) -> (!w, !w, !w, !v, !w, !w) attributes {nn.program = "kept"} {
  %d1 = nn.linear_wgrad %dy, %x : (!t4, !t8) -> !w
  %d2 = nn.linear_wgrad %dy, %x : (!t4, !t8) -> !w
  %d = nn.add %d1, %d2 : (!w, !w) -> !w
  %a:2 = nn.sgd %w, %d, %m {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (!w, !w, !w) -> (!w, !w)
  %d3 = nn.linear_wgrad %dy, %x : (!t4, !t8) -> !w
  %e:2 = nn.sgd %w, %d3, %m, %c {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1>, resultSegmentSizes = array<i32: 1, 1>}
      : (!w, !w, !w, !two) -> (!w, !w)
  %d4, %db4 = nn.linear_wgrad %dy, %x : (!t4, !t8) -> (!w, !v)
  %f:2 = nn.sgd %w, %d4, %m {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (!w, !w, !w) -> (!w, !w)
  %g:2 = nn.lion %b, %db4, %bm {decay = false,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (!v, !v, !v) -> (!v, !v)
  %d5 = nn.linear_wgrad %dy, %x : (!t4, !t8) -> !w
  %h:3 = nn.adafactor %w, %d5, %wv, %wc {decay = false,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!w, !w, !v, tensor<8xf32>) -> (!w, !v, tensor<8xf32>)
  %d6 = nn.linear_wgrad %dy, %x : (!t4, !t8) -> !w
  return %a#0, %e#0, %f#0, %g#0, %h#0, %d6 : !w, !w, !w, !v, !w, !w
}

// -----

!t4 = tensor<16x4xf32>
!t8 = tensor<16x8xf32>
!w = tensor<4x8xf32>

// A layer may read a table as its rows: it stays before the table's own update.
// REMARK: 1 weight gradients of @table keep an update of their own: they read what is updated before them
// CHECK-LABEL: func.func @table
// CHECK: nn.linear_wgrad %
// CHECK: nn.sgd
// CHECK: nn.linear_dgrad
// CHECK: nn.sgd
func.func @table(%x: !t8, %xm: !t8, %dx: !t8, %dy: !t4, %w: !w, %m: !w) -> (!t8, !t8, !w, !t8)
    attributes {nn.program = "table"} {
  %dw = nn.linear_wgrad %dy, %x : (!t4, !t8) -> !w
  %x1:2 = nn.sgd %x, %dx, %xm {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (!t8, !t8, !t8) -> (!t8, !t8)
  %g = nn.linear_dgrad %dy, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t4, !w) -> !t8
  %w1:2 = nn.sgd %w, %dw, %m {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (!w, !w, !w) -> (!w, !w)
  return %x1#0, %x1#1, %w1#0, %g : !t8, !t8, !w, !t8
}
