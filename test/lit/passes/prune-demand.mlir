// RUN: ftc-opt %s -ftc-prune-demand | FileCheck %s
// Gathers move up through row-local ops and attention's query side, and stop elsewhere.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!l4 = tensor<?x4xf32, #nn.space<labelled>>
!ids = tensor<?xi32, #nn.space<tokens>>
!sids = tensor<?xi32, #nn.space<sequences>>
!lids = tensor<?xi32, #nn.space<labelled>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>

// Both uses of the dropout's operand are gathered once; its index arrays become the batch
// inputs that hold those rows.
// CHECK-LABEL: func.func @residual
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<tokens>>
// CHECK-SAME: %[[ROWS:[a-z0-9]+]]: tensor<?xi32, #nn.space<sequences>> {nn.input = "first_rows"}
// CHECK-SAME: %[[POS:[a-z0-9]+]]: tensor<?xi32, #nn.space<sequences>> {nn.input = "{{sequence_id|zero_positions}}"}
// CHECK-SAME: %[[SEQ:[a-z0-9]+]]: tensor<?xi32, #nn.space<sequences>> {nn.input = "{{sequence_id|zero_positions}}"}
// CHECK-NEXT: %[[G:.*]] = nn.gather_rows %[[X]], %[[ROWS]]
// CHECK-NEXT: %[[A:.*]] = nn.activation %[[G]]
// CHECK-NEXT: %[[D:.*]] = nn.dropout %[[A]], %{{(arg2, %arg3|arg3, %arg2)}} {
// CHECK-NEXT: %[[Y:.*]] = nn.add %[[D]], %[[G]]
// CHECK-NEXT: return %[[Y]]
func.func @residual(%x: !t4 {nn.parameter = "x"}, %seq: !ids {nn.input = "token_sequence"},
    %pos: !ids {nn.input = "token_position"}, %rows: !sids {nn.input = "first_rows"})
    -> (!s4 {nn.output = "y"}) attributes {nn.program = "train"} {
  %a = nn.activation %x {kind = #nn.activation<tanh>} : (!t4) -> !t4
  %d = nn.dropout %a, %seq, %pos {rate = "p", op_id = 1 : i32, module = "m"}
      : (!t4, !ids, !ids) -> !t4
  %s = nn.add %d, %x : (!t4, !t4) -> !t4
  %y = nn.gather_rows %s, %rows : (!t4, !sids) -> !s4
  return %y : !s4
}
