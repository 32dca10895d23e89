// What ProfileTest counts: an embedding that nothing else reads, attention within a window, a
// linear layer and a loss.
!t = tensor<?x20xf32, #nn.space<tokens>>
!th = tensor<?x2xf32, #nn.space<tokens>>
!tv = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!sids = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!table = tensor<137x20xf32>
!w = tensor<6x20xf32>
func.func @forward(
    %ids: !ids {nn.input = "input_ids"}, %pos: !ids {nn.input = "token_position"},
    %cu: !cu {nn.input = "cu_seqlens"}, %sid: !sids {nn.input = "sequence_id"},
    %labels: !ids {nn.input = "labels"},
    %table: !table {nn.parameter = "words.weight", nn.init = "zeros"},
    %w: !w {nn.parameter = "head.weight", nn.init = "zeros"})
    -> (!t1 {nn.output = "row_loss"}) {
  %e = "nn.embedding"(%ids, %table) <{operandSegmentSizes = array<i32: 1, 1>}> : (!ids, !table) -> !t
  %a, %l = nn.attention %e, %e, %e, %cu, %cu, %pos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.4 : f64, window = 3 : i32, causal = false, op_id = 1 : i32, module = "a"} : (!t, !t, !t, !cu, !cu, !ids, !sids) -> (!t, !th)
  %z = nn.linear %a, %w : (!t, !w) -> !tv
  %loss = nn.cross_entropy %z, %labels : (!tv, !ids) -> !t1
  return %loss : !t1
}
