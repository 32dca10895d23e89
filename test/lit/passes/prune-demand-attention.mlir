// RUN: ftc-opt %s -ftc-prune-demand | FileCheck %s
// Keys and values stay; queries, positions and offsets are those of the rows that are read.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!l4 = tensor<?x4xf32, #nn.space<labelled>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!ids = tensor<?xi32, #nn.space<tokens>>
!sids = tensor<?xi32, #nn.space<sequences>>
!lids = tensor<?xi32, #nn.space<labelled>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>

// CHECK-LABEL: func.func @evaluate
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<tokens>>
// CHECK-SAME: %[[CU:[a-z0-9]+]]: tensor<?xi32, #nn.offsets<sequences, tokens>> {nn.input = "cu_seqlens"}
// CHECK-SAME: %[[POS:[a-z0-9]+]]: tensor<?xi32, #nn.space<labelled>> {nn.input = "labelled_position"}
// CHECK-SAME: %[[OFF:[a-z0-9]+]]: tensor<?xi32, #nn.offsets<sequences, labelled>> {nn.input = "labelled_offsets"}
// CHECK: %[[Q:.*]] = nn.gather_rows %[[X]]
// CHECK: nn.attention %[[Q]], %[[X]], %[[X]], %[[OFF]], %[[CU]], %[[POS]]
// CHECK-SAME: -> (tensor<?x4xf32, #nn.space<labelled>>, tensor<?x2xf32, #nn.space<labelled>>)
func.func @evaluate(%x: !t4 {nn.parameter = "x"}, %cu: !cu {nn.input = "cu_seqlens"},
    %pos: !ids {nn.input = "token_position"}, %sid: !sids {nn.input = "sequence_id"},
    %rows: !lids {nn.input = "labelled_rows"})
    -> (!l4 {nn.output = "y"}) attributes {nn.program = "evaluate"} {
  %a, %lse = nn.attention %x, %x, %x, %cu, %cu, %pos, %sid {heads = 2 : i32,
      kv_heads = 2 : i32, scale = 0.5 : f64, causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ids, !sids) -> (!t4, !t2)
  %y = nn.gather_rows %a, %rows : (!t4, !lids) -> !l4
  return %y : !l4
}

// Rows whose offsets the batch does not carry leave attention whole.
// CHECK-LABEL: func.func @train
// CHECK: %[[A:.*]], %{{.*}} = nn.attention
// CHECK-NEXT: nn.gather_rows %[[A]]
func.func @train(%x: !t4 {nn.parameter = "x"}, %cu: !cu {nn.input = "cu_seqlens"},
    %pos: !ids {nn.input = "token_position"}, %sid: !sids {nn.input = "sequence_id"},
    %rows: !sids {nn.input = "middle_rows"})
    -> (!s4 {nn.output = "y"}) attributes {nn.program = "train"} {
  %a, %lse = nn.attention %x, %x, %x, %cu, %cu, %pos, %sid {heads = 2 : i32,
      kv_heads = 2 : i32, scale = 0.5 : f64, causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ids, !sids) -> (!t4, !t2)
  %y = nn.gather_rows %a, %rows : (!t4, !sids) -> !s4
  return %y : !s4
}
