// A language model whose table is tied: read by the embedding and by the vocabulary loss.
!t = tensor<?x20xf32, #nn.space<tokens>>
!th = tensor<?x2xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!sids = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!table = tensor<37x20xf32>
!w = tensor<20x20xf32>
func.func @forward(
    %ids: !ids {nn.input = "input_ids"}, %pos: !ids {nn.input = "token_position"},
    %cu: !cu {nn.input = "cu_seqlens"}, %sid: !sids {nn.input = "sequence_id"},
    %labels: !ids {nn.input = "labels"},
    %table: !table {nn.parameter = "words.weight", nn.init = "zeros"},
    %q: !w {nn.parameter = "a.q.weight", nn.init = "zeros"},
    %k: !w {nn.parameter = "a.k.weight", nn.init = "zeros"},
    %v: !w {nn.parameter = "a.v.weight", nn.init = "zeros"})
    -> (!t1 {nn.output = "row_loss"}) {
  %e = "nn.embedding"(%ids, %table) <{operandSegmentSizes = array<i32: 1, 1>}> : (!ids, !table) -> !t
  %qa = nn.linear %e, %q : (!t, !w) -> !t
  %ka = nn.linear %e, %k : (!t, !w) -> !t
  %va = nn.linear %e, %v : (!t, !w) -> !t
  %a, %l = nn.attention %qa, %ka, %va, %cu, %cu, %pos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.4 : f64, causal = true, op_id = 1 : i32, module = "a"} : (!t, !t, !t, !cu, !cu, !ids, !sids) -> (!t, !th)
  %x = nn.add %a, %e : (!t, !t) -> !t
  %loss = nn.vocabulary_loss %x, %table, %labels : (!t, !table, !ids) -> !t1
  return %loss : !t1
}
