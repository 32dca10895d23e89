// RUN: ftc-opt %s -ftc-prune-demand -remarks-filter=ftc-prune-demand \
// RUN:   -remark-format=emitRemark 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t
// A value that something else reads is computed whole; a gather of a gather is one gather.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!l4 = tensor<?x4xf32, #nn.space<labelled>>
!sids = tensor<?xi32, #nn.space<sequences>>
!lids = tensor<?xi32, #nn.space<labelled>>

// REMARK: 0 ops of @evaluate computed only on the rows that are read
// CHECK-LABEL: func.func @evaluate
// CHECK: %[[A:.*]] = nn.activation
// CHECK-NEXT: nn.gather_rows %[[A]]
func.func @evaluate(%x: !t4 {nn.parameter = "x"}, %rows: !sids {nn.input = "first_rows"})
    -> (!s4 {nn.output = "y"}, !t4 {nn.output = "a"}) attributes {nn.program = "evaluate"} {
  %a = nn.activation %x {kind = #nn.activation<tanh>} : (!t4) -> !t4
  %y = nn.gather_rows %a, %rows : (!t4, !sids) -> !s4
  return %y, %a : !s4, !t4
}

// REMARK: 1 ops of @train computed only on the rows that are read
// CHECK-LABEL: func.func @train
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<tokens>>
// CHECK-SAME: %[[L:[a-z0-9]+]]: tensor<?xi32, #nn.space<labelled>>
// CHECK-SAME: %[[R:[a-z0-9]+]]: tensor<?xi32, #nn.space<sequences>>
// CHECK-NEXT: %[[LR:.*]] = nn.gather_rows %[[L]], %[[R]]
// CHECK-NEXT: %[[Y:.*]] = nn.gather_rows %[[X]], %[[LR]]
// CHECK-NEXT: return %[[Y]]
func.func @train(%x: !t4 {nn.parameter = "x"}, %l: !lids {nn.input = "labelled_rows"},
    %r: !sids {nn.input = "picked"})
    -> (!s4 {nn.output = "y"}) attributes {nn.program = "train"} {
  %a = nn.gather_rows %x, %l : (!t4, !lids) -> !l4
  %y = nn.gather_rows %a, %r : (!l4, !sids) -> !s4
  return %y : !s4
}
