// RUN: ftc-opt %s -ftc-prune-demand | FileCheck %s
// A decoder's last rows: causal attention moves with its queries' own positions, and so does
// the rotation of queries alone; keys keep theirs.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!ids = tensor<?xi32, #nn.space<tokens>>
!sids = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>

// CHECK-LABEL: func.func @evaluate
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<tokens>>
// CHECK-SAME: %[[CU:[a-z0-9]+]]: tensor<?xi32, #nn.offsets<sequences, tokens>> {nn.input = "cu_seqlens"}
// CHECK-SAME: %[[ALL:[a-z0-9]+]]: tensor<?xi32, #nn.space<tokens>> {nn.input = "token_position"}
// CHECK-SAME: %[[POS:[a-z0-9]+]]: tensor<?xi32, #nn.space<sequences>> {nn.input = "last_positions"}
// CHECK-SAME: %[[OFF:[a-z0-9]+]]: tensor<?xi32, #nn.offsets<sequences, sequences>> {nn.input = "sequence_offsets"}
// CHECK-DAG: %[[K:.*]] = nn.rotary %[[X]], %[[ALL]]
// CHECK-DAG: %[[G:.*]] = nn.gather_rows %[[X]]
// CHECK-DAG: %[[Q:.*]] = nn.rotary %[[G]], %[[POS]]
// CHECK: nn.attention %[[Q]], %[[K]], %[[X]], %[[OFF]], %[[CU]], %[[POS]]
// CHECK-SAME: window = 3 : i32
func.func @evaluate(%x: !t4 {nn.parameter = "x"}, %cu: !cu {nn.input = "cu_seqlens"},
    %pos: !ids {nn.input = "token_position"}, %sid: !sids {nn.input = "sequence_id"},
    %rows: !sids {nn.input = "last_rows"})
    -> (!s4 {nn.output = "y"}) attributes {nn.program = "evaluate"} {
  %q = nn.rotary %x, %pos {heads = 2 : i32, frequencies = array<f32: 1.0>} : (!t4, !ids) -> !t4
  %k = nn.rotary %x, %pos {heads = 2 : i32, frequencies = array<f32: 0.5>} : (!t4, !ids) -> !t4
  %a, %lse = nn.attention %q, %k, %x, %cu, %cu, %pos, %sid {heads = 2 : i32,
      kv_heads = 2 : i32, scale = 0.5 : f64, causal = true, op_id = 1 : i32, module = "m",
      window = 3 : i32} : (!t4, !t4, !t4, !cu, !cu, !ids, !sids) -> (!t4, !t2)
  %y = nn.gather_rows %a, %rows : (!t4, !sids) -> !s4
  return %y : !s4
}
