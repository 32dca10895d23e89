// A decoder as a frontend builds it, of which the line makes prefill and decode: learned and
// rotary positions, grouped heads, a window in the second layer, a tied table, dropout.
!t = tensor<?x24xf32, #nn.space<tokens>>
!tk = tensor<?x12xf32, #nn.space<tokens>>
!th = tensor<?x2xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!sids = tensor<?xi32, #nn.space<sequences>>
!lids = tensor<?xi32, #nn.space<labelled>>
!l = tensor<?x24xf32, #nn.space<labelled>>
!l1 = tensor<?xf32, #nn.space<labelled>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!table = tensor<29x24xf32>
!places = tensor<16x24xf32>
!w = tensor<24x24xf32>
!wk = tensor<12x24xf32>
func.func @forward(
    %ids: !ids {nn.input = "input_ids"}, %pos: !ids {nn.input = "token_position"},
    %seq: !ids {nn.input = "token_sequence"}, %pids: !ids {nn.input = "position_ids"},
    %cu: !cu {nn.input = "cu_seqlens"}, %sid: !sids {nn.input = "sequence_id"},
    %rows: !lids {nn.input = "labelled_rows"}, %labels: !lids {nn.input = "labels"},
    %table: !table {nn.parameter = "words.weight", nn.init = "zeros"},
    %places: !places {nn.parameter = "positions.weight", nn.init = "zeros"},
    %q1: !w {nn.parameter = "a.q.weight", nn.init = "zeros"},
    %k1: !wk {nn.parameter = "a.k.weight", nn.init = "zeros"},
    %v1: !wk {nn.parameter = "a.v.weight", nn.init = "zeros"},
    %q2: !w {nn.parameter = "b.q.weight", nn.init = "zeros"},
    %k2: !wk {nn.parameter = "b.k.weight", nn.init = "zeros"},
    %v2: !wk {nn.parameter = "b.v.weight", nn.init = "zeros"})
    -> (!l1 {nn.output = "row_loss"}) {
  %e0 = "nn.embedding"(%ids, %pids, %table, %places) <{operandSegmentSizes = array<i32: 2, 2>}> : (!ids, !ids, !table, !places) -> !t
  %e = nn.dropout %e0, %seq, %pos {rate = "dropout.embedding", op_id = 3 : i32, module = "e"} : (!t, !ids, !ids) -> !t
  %qa0 = nn.linear %e, %q1 : (!t, !w) -> !t
  %ka0 = nn.linear %e, %k1 : (!t, !wk) -> !tk
  %va = nn.linear %e, %v1 : (!t, !wk) -> !tk
  %qa = nn.rotary %qa0, %pos {heads = 2 : i32, frequencies = array<f32: 1.0, 0.5, 0.3, 0.1, 0.05, 0.01>} : (!t, !ids) -> !t
  %ka = nn.rotary %ka0, %pos {heads = 1 : i32, frequencies = array<f32: 1.0, 0.5, 0.3, 0.1, 0.05, 0.01>} : (!tk, !ids) -> !tk
  %aa, %la = nn.attention %qa, %ka, %va, %cu, %cu, %pos, %sid {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.4 : f64, causal = true, rate = "dropout.attention", op_id = 1 : i32, module = "a"} : (!t, !tk, !tk, !cu, !cu, !ids, !sids) -> (!t, !th)
  %ra = nn.add %aa, %e : (!t, !t) -> !t
  %qb = nn.linear %ra, %q2 : (!t, !w) -> !t
  %kb = nn.linear %ra, %k2 : (!t, !wk) -> !tk
  %vb = nn.linear %ra, %v2 : (!t, !wk) -> !tk
  %ab, %lb = nn.attention %qb, %kb, %vb, %cu, %cu, %pos, %sid {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.7 : f64, causal = true, window = 4 : i32, op_id = 2 : i32, module = "b"} : (!t, !tk, !tk, !cu, !cu, !ids, !sids) -> (!t, !th)
  %rb = nn.add %ab, %ra : (!t, !t) -> !t
  %g = nn.gather_rows %rb, %rows : (!t, !lids) -> !l
  %s = nn.scale %g {factor = 0.5 : f64} : (!l) -> !l
  %loss = nn.vocabulary_loss %s, %table, %labels : (!l, !table, !lids) -> !l1
  return %loss : !l1
}
