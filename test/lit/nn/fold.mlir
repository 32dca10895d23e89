// RUN: ftc-opt %s -canonicalize | FileCheck %s
// An activation that is none, and its gradient, fold to their operand; a split of a concat to
// the parts, a concat of a split to the whole.

!t4 = tensor<?x4xf32, #nn.space<tokens>>

// CHECK-LABEL: func.func @none
// CHECK-SAME: %[[X:.*]]: tensor
// CHECK-NEXT: return %[[X]]
func.func @none(%x: !t4) -> !t4 {
  %y = nn.activation %x {kind = #nn.activation<none>} : (!t4) -> !t4
  return %y : !t4
}

// CHECK-LABEL: func.func @noneGrad
// CHECK-SAME: %[[DY:.*]]: tensor{{.*}}, %{{.*}}: tensor
// CHECK-NEXT: return %[[DY]]
func.func @noneGrad(%dy: !t4, %x: !t4) -> !t4 {
  %dx = nn.activation_grad %dy, %x {kind = #nn.activation<none>} : (!t4, !t4) -> !t4
  return %dx : !t4
}

// CHECK-LABEL: func.func @kept
// CHECK: nn.activation
func.func @kept(%x: !t4) -> !t4 {
  %y = nn.activation %x {kind = #nn.activation<relu>} : (!t4) -> !t4
  return %y : !t4
}

!t1 = tensor<?x1xf32, #nn.space<tokens>>
!t3 = tensor<?x3xf32, #nn.space<tokens>>

// CHECK-LABEL: func.func @splitOfConcat
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor{{.*}}, %[[B:[a-z0-9]+]]: tensor
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @splitOfConcat(%a: !t1, %b: !t3) -> (!t1, !t3) {
  %x = nn.concat_columns %a, %b : (!t1, !t3) -> !t4
  %c, %d = nn.split_columns %x : (!t4) -> (!t1, !t3)
  return %c, %d : !t1, !t3
}

// CHECK-LABEL: func.func @concatOfSplit
// CHECK-SAME: %[[X:.*]]: tensor
// CHECK-NEXT: return %[[X]]
func.func @concatOfSplit(%x: !t4) -> !t4 {
  %a, %b = nn.split_columns %x : (!t4) -> (!t1, !t3)
  %y = nn.concat_columns %a, %b : (!t1, !t3) -> !t4
  return %y : !t4
}

// CHECK-LABEL: func.func @oneColumnRange
// CHECK-SAME: %[[X:.*]]: tensor
// CHECK-NEXT: return %[[X]]
func.func @oneColumnRange(%x: !t4) -> !t4 {
  %a = nn.split_columns %x : (!t4) -> !t4
  %y = nn.concat_columns %a : (!t4) -> !t4
  return %y : !t4
}

// Other widths, another order: nothing folds.
// CHECK-LABEL: func.func @otherParts
// CHECK: nn.concat_columns
// CHECK: nn.split_columns
// CHECK: nn.concat_columns
func.func @otherParts(%a: !t1, %b: !t3) -> !t4 {
  %x = nn.concat_columns %a, %b : (!t1, !t3) -> !t4
  %c, %d = nn.split_columns %x : (!t4) -> (!t3, !t1)
  %y = nn.concat_columns %d, %c : (!t1, !t3) -> !t4
  return %y : !t4
}

// A factor of one folds; another stays.
// CHECK-LABEL: func.func @scales
// CHECK-SAME: %[[X:.*]]: tensor
// CHECK-NEXT: %[[Y:.*]] = nn.scale %[[X]] {factor = 5.000000e-01 : f64}
// CHECK-NEXT: return %[[Y]]
func.func @scales(%x: !t4) -> !t4 {
  %a = nn.scale %x {factor = 1.0 : f64} : (!t4) -> !t4
  %b = nn.scale %a {factor = 0.5 : f64} : (!t4) -> !t4
  return %b : !t4
}
