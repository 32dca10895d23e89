// RUN: ftc-opt %s -canonicalize | FileCheck %s
// An activation that is none, and its gradient, fold to their operand.

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
