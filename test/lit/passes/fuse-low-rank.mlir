// RUN: ftc-opt %s -ftc-fuse-low-rank | FileCheck %s
// Sums of a product and a narrow one, and what forbids their fusion.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!w = tensor<4x4xf32>
!v = tensor<4xf32>
!b = tensor<4x2xf32>
!a = tensor<2x4xf32>

// CHECK-LABEL: func.func @forward
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor{{[^%]*}}, %[[U:[a-z0-9]+]]: tensor{{[^%]*}}, %[[W:[a-z0-9]+]]: tensor{{[^%]*}}, %[[BIAS:[a-z0-9]+]]: tensor{{[^%]*}}, %[[B:[a-z0-9]+]]: tensor
// CHECK-NEXT: %[[Y:.*]] = nn.low_rank_linear %[[X]], %[[W]], %[[U]], %[[B]], %[[BIAS]] :
// CHECK-NEXT: return %[[Y]]
func.func @forward(%x: !t4, %u: !t2, %w: !w, %bias: !v, %b: !b) -> !t4
    attributes {nn.program = "evaluate"} {
  %y = nn.linear %x, %w, %bias : (!t4, !w, !v) -> !t4
  %v = nn.linear %u, %b : (!t2, !b) -> !t4
  %z = nn.add %y, %v : (!t4, !t4) -> !t4
  return %z : !t4
}

// The activation comes along; another reader of the sum reads `pre`.
// CHECK-LABEL: func.func @activation
// CHECK: %[[Y:.*]], %[[PRE:.*]] = nn.low_rank_linear {{.*}} {activation = #nn.activation<gelu>}
// CHECK-NEXT: %[[D:.*]] = nn.activation_grad %{{.*}}, %[[PRE]]
// CHECK-NEXT: return %[[Y]], %[[D]]
func.func @activation(%x: !t4, %u: !t2, %w: !w, %b: !b, %dy: !t4) -> (!t4, !t4)
    attributes {nn.program = "train_accumulate"} {
  %y = nn.linear %x, %w : (!t4, !w) -> !t4
  %v = nn.linear %u, %b : (!t2, !b) -> !t4
  %z = nn.add %v, %y : (!t4, !t4) -> !t4
  %g = nn.activation %z {kind = #nn.activation<gelu>} : (!t4) -> !t4
  %d = nn.activation_grad %dy, %z {kind = #nn.activation<gelu>} : (!t4, !t4) -> !t4
  return %g, %d : !t4, !t4
}

// A second reader of a product, or one that is not narrower, keeps them apart.
// CHECK-LABEL: func.func @apart
// CHECK-NOT: low_rank
// CHECK: return
func.func @apart(%x: !t4, %u: !t2, %w: !w, %b: !b) -> (!t4, !t4, !t4)
    attributes {nn.program = "evaluate"} {
  %y = nn.linear %x, %w : (!t4, !w) -> !t4
  %v = nn.linear %u, %b : (!t2, !b) -> !t4
  %z = nn.add %y, %v : (!t4, !t4) -> !t4
  %p = nn.linear %x, %w : (!t4, !w) -> !t4
  %q = nn.linear %z, %w : (!t4, !w) -> !t4
  %s = nn.add %p, %q : (!t4, !t4) -> !t4
  return %z, %v, %s : !t4, !t4, !t4
}

// CHECK-LABEL: func.func @backward
// CHECK-SAME: (%[[DY:[a-z0-9]+]]: tensor{{[^%]*}}, %[[DU:[a-z0-9]+]]: tensor{{[^%]*}}, %[[W:[a-z0-9]+]]: tensor{{[^%]*}}, %[[A:[a-z0-9]+]]: tensor
// CHECK-NEXT: %[[DX:.*]] = nn.low_rank_dgrad %[[DY]], %[[W]], %[[DU]], %[[A]] {
// CHECK-NEXT: return %[[DX]]
func.func @backward(%dy: !t4, %du: !t2, %w: !w, %a: !a) -> !t4
    attributes {nn.program = "train_accumulate"} {
  %n = nn.linear_dgrad %du, %a {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t2, !a) -> !t4
  %g = nn.linear_dgrad %dy, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t4, !w) -> !t4
  %s = nn.add %n, %g : (!t4, !t4) -> !t4
  return %s : !t4
}

// The activation's gradient that reads the sum comes along.
// CHECK-LABEL: func.func @backwardActivation
// CHECK-SAME: (%[[DY:[a-z0-9]+]]: tensor{{[^%]*}}, %[[DU:[a-z0-9]+]]: tensor{{[^%]*}}, %[[W:[a-z0-9]+]]: tensor{{[^%]*}}, %[[A:[a-z0-9]+]]: tensor{{[^%]*}}, %[[H:[a-z0-9]+]]: tensor
// CHECK-NEXT: %[[DX:.*]] = nn.low_rank_dgrad %[[DY]], %[[W]], %[[DU]], %[[A]], %[[H]] {activation = #nn.activation<relu>
// CHECK-NEXT: return %[[DX]]
func.func @backwardActivation(%dy: !t4, %du: !t2, %w: !w, %a: !a, %h: !t4) -> !t4
    attributes {nn.program = "train_accumulate"} {
  %n = nn.linear_dgrad %du, %a {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t2, !a) -> !t4
  %g = nn.linear_dgrad %dy, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t4, !w) -> !t4
  %s = nn.add %n, %g : (!t4, !t4) -> !t4
  %d = nn.activation_grad %s, %h {kind = #nn.activation<relu>} : (!t4, !t4) -> !t4
  return %d : !t4
}

// A gradient summed before both becomes the addend.
// CHECK-LABEL: func.func @addend
// CHECK-SAME: (%[[DY:[a-z0-9]+]]: tensor{{[^%]*}}, %[[DU:[a-z0-9]+]]: tensor{{[^%]*}}, %[[W:[a-z0-9]+]]: tensor{{[^%]*}}, %[[A:[a-z0-9]+]]: tensor{{[^%]*}}, %[[T:[a-z0-9]+]]: tensor
// CHECK-NEXT: %[[DX:.*]] = nn.low_rank_dgrad %[[DY]], %[[W]], %[[DU]], %[[A]], %[[T]] {operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 1>}
// CHECK-NEXT: return %[[DX]]
func.func @addend(%dy: !t4, %du: !t2, %w: !w, %a: !a, %t: !t4) -> !t4
    attributes {nn.program = "train_accumulate"} {
  %n = nn.linear_dgrad %du, %a {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t2, !a) -> !t4
  %p = nn.add %t, %n : (!t4, !t4) -> !t4
  %g = nn.linear_dgrad %dy, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!t4, !w) -> !t4
  %s = nn.add %p, %g : (!t4, !t4) -> !t4
  return %s : !t4
}
