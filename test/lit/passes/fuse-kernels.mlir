// RUN: ftc-opt %s -ftc-fuse-kernels | FileCheck %s
// Each fusion, and what forbids it.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!w = tensor<4x4xf32>
!v = tensor<4xf32>

// CHECK-LABEL: func.func @activation
// CHECK-NEXT: %[[Y:.*]] = nn.linear %{{.*}}, %{{.*}} {activation = #nn.activation<gelu>}
// CHECK-NEXT: return %[[Y]]
func.func @activation(%x: !t4, %w: !w) -> !t4 attributes {nn.program = "evaluate"} {
  %h = nn.linear %x, %w : (!t4, !w) -> !t4
  %y = nn.activation %h {kind = #nn.activation<gelu>} : (!t4) -> !t4
  return %y : !t4
}

// What else reads the sum reads `pre`.
// CHECK-LABEL: func.func @activationAndPre
// CHECK: %[[Y:.*]], %[[PRE:.*]] = nn.linear
// CHECK-NEXT: nn.activation_grad %{{.*}}, %[[PRE]]
func.func @activationAndPre(%x: !t4, %w: !w, %dy: !t4) -> (!t4, !t4)
    attributes {nn.program = "train_accumulate"} {
  %h = nn.linear %x, %w : (!t4, !w) -> !t4
  %y = nn.activation %h {kind = #nn.activation<gelu>} : (!t4) -> !t4
  %dh = nn.activation_grad %dy, %h {kind = #nn.activation<gelu>} : (!t4, !t4) -> !t4
  return %y, %dh : !t4, !t4
}

// CHECK-LABEL: func.func @twoActivations
// CHECK: nn.linear %{{.*}}, %{{[a-z0-9]+}} :
// CHECK-COUNT-2: nn.activation %
func.func @twoActivations(%x: !t4, %w: !w) -> (!t4, !t4) attributes {nn.program = "evaluate"} {
  %h = nn.linear %x, %w : (!t4, !w) -> !t4
  %y = nn.activation %h {kind = #nn.activation<gelu>} : (!t4) -> !t4
  %z = nn.activation %h {kind = #nn.activation<relu>} : (!t4) -> !t4
  return %y, %z : !t4, !t4
}

// CHECK-LABEL: func.func @norm
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor{{[^%]*}}, %[[R:[a-z0-9]+]]: tensor
// CHECK-NEXT: %[[Y:[^,]*]], %[[SUM:[^,]*]], %{{.*}}, %{{.*}} = nn.add_layer_norm %[[X]], %[[R]],
// CHECK-SAME: op_id = 7 : i32
// CHECK-SAME: rate = "p"
// CHECK-NEXT: return %[[Y]], %[[SUM]]
func.func @norm(%x: !t4, %r: !t4, %s: !ids, %g: !v, %b: !v) -> (!t4, !t4)
    attributes {nn.program = "train_accumulate"} {
  %d = nn.dropout %x, %s, %s {rate = "p", op_id = 7 : i32, module = "m"}
      : (!t4, !ids, !ids) -> !t4
  %a = nn.add %r, %d : (!t4, !t4) -> !t4
  %y, %m, %q = nn.layer_norm %a, %g, %b {eps = 1.0e-5 : f64} : (!t4, !v, !v) -> (!t4, !t1, !t1)
  return %y, %a : !t4, !t4
}

// A dropout that something else reads stays; the sum still fuses.
// CHECK-LABEL: func.func @sharedDropout
// CHECK-NEXT: %[[D:.*]] = nn.dropout
// CHECK-NEXT: nn.add_layer_norm %[[D]], %{{.*}}operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>
func.func @sharedDropout(%x: !t4, %r: !t4, %s: !ids, %g: !v, %b: !v) -> (!t4, !t4)
    attributes {nn.program = "train_accumulate"} {
  %d = nn.dropout %x, %s, %s {rate = "p", op_id = 7 : i32, module = "m"}
      : (!t4, !ids, !ids) -> !t4
  %a = nn.add %d, %r : (!t4, !t4) -> !t4
  %y, %m, %q = nn.layer_norm %a, %g, %b {eps = 1.0e-5 : f64} : (!t4, !v, !v) -> (!t4, !t1, !t1)
  return %y, %d : !t4, !t4
}

// The activation's gradient and then a sum become epilogues.
// CHECK-LABEL: func.func @dgrad
// CHECK-SAME: (%[[DY:[a-z0-9]+]]: tensor{{[^%]*}}, %[[W:[a-z0-9]+]]: tensor{{[^%]*}}, %[[H:[a-z0-9]+]]: tensor{{[^%]*}}, %[[O:[a-z0-9]+]]: tensor
// CHECK-NEXT: %[[DX:.*]] = nn.linear_dgrad %[[DY]], %[[W]], %[[H]], %[[O]] {activation = #nn.activation<gelu>
// CHECK-NEXT: return %[[DX]]
func.func @dgrad(%dy: !t4, %w: !w, %h: !t4, %o: !t4) -> !t4
    attributes {nn.program = "train_accumulate"} {
  %dg = nn.linear_dgrad %dy, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t4, !w) -> !t4
  %dh = nn.activation_grad %dg, %h {kind = #nn.activation<gelu>} : (!t4, !t4) -> !t4
  %s = nn.add %o, %dh : (!t4, !t4) -> !t4
  return %s : !t4
}

// Of two dgrads summed, one is the other's addend.
// CHECK-LABEL: func.func @sumOfTwo
// CHECK-NEXT: %[[A:.*]] = nn.linear_dgrad
// CHECK-NEXT: %[[B:.*]] = nn.linear_dgrad %{{.*}}, %{{.*}}, %[[A]]
// CHECK-NEXT: return %[[B]]
func.func @sumOfTwo(%dy: !t4, %w: !w, %v: !w) -> !t4
    attributes {nn.program = "train_accumulate"} {
  %a = nn.linear_dgrad %dy, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t4, !w) -> !t4
  %b = nn.linear_dgrad %dy, %v {operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t4, !w) -> !t4
  %s = nn.add %a, %b : (!t4, !t4) -> !t4
  return %s : !t4
}

// The loss is taken from its gradient's logits.
// CHECK-LABEL: func.func @loss
// CHECK-NOT: nn.vocabulary_loss %
// CHECK: %[[LOSS:.*]], %[[DX:.*]], %[[DW:.*]] = nn.vocabulary_loss_grad
// CHECK-NEXT: return %[[LOSS]], %[[DX]], %[[DW]]
func.func @loss(%x: !t4, %w: !w, %labels: !ids) -> (!t1, !t4, !w)
    attributes {nn.program = "train_accumulate"} {
  %loss = nn.vocabulary_loss %x, %w, %labels : (!t4, !w, !ids) -> !t1
  %seed = nn.loss_seed : () -> !t1
  %again, %dx, %dw = nn.vocabulary_loss_grad %x, %w, %labels, %seed
      : (!t4, !w, !ids, !t1) -> (!t1, !t4, !w)
  return %loss, %dx, %dw : !t1, !t4, !w
}

// Of another row's labels it is another loss.
// CHECK-LABEL: func.func @otherLabels
// CHECK: nn.vocabulary_loss %
func.func @otherLabels(%x: !t4, %w: !w, %labels: !ids, %other: !ids) -> (!t1, !t4, !w)
    attributes {nn.program = "train_accumulate"} {
  %loss = nn.vocabulary_loss %x, %w, %other : (!t4, !w, !ids) -> !t1
  %seed = nn.loss_seed : () -> !t1
  %again, %dx, %dw = nn.vocabulary_loss_grad %x, %w, %labels, %seed
      : (!t4, !w, !ids, !t1) -> (!t1, !t4, !w)
  return %loss, %dx, %dw : !t1, !t4, !w
}
