// An encoder-decoder as a frontend builds it, of which the line makes prefill and decode: T5's
// relative bias in both stacks, learned target positions, two decoder layers of which the second
// groups its heads, a tied table whose rows are scaled, a constant bias of the scores, dropout.
!t = tensor<?x24xf32, #nn.space<tokens>>
!tk = tensor<?x12xf32, #nn.space<tokens>>
!th = tensor<?x2xf32, #nn.space<tokens>>
!g = tensor<?x24xf32, #nn.space<target>>
!gk = tensor<?x12xf32, #nn.space<target>>
!gh = tensor<?x2xf32, #nn.space<target>>
!g1 = tensor<?xf32, #nn.space<target>>
!ids = tensor<?xi32, #nn.space<tokens>>
!gids = tensor<?xi32, #nn.space<target>>
!sids = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!gcu = tensor<?xi32, #nn.offsets<sequences, target>>
!table = tensor<29x24xf32>
!places = tensor<16x24xf32>
!w = tensor<24x24xf32>
!wk = tensor<12x24xf32>
!bias = tensor<6x2xf32>
func.func @forward(
    %ids: !ids {nn.input = "input_ids"}, %pos: !ids {nn.input = "token_position"},
    %cu: !cu {nn.input = "cu_seqlens"}, %gids: !gids {nn.input = "target_ids"},
    %gpos: !gids {nn.input = "target_position"}, %gseq: !gids {nn.input = "target_sequence"},
    %gcu: !gcu {nn.input = "target_cu_seqlens"}, %sid: !sids {nn.input = "sequence_id"},
    %labels: !gids {nn.input = "labels"},
    %table: !table {nn.parameter = "words.weight", nn.init = "zeros"},
    %places: !places {nn.parameter = "positions.weight", nn.init = "zeros"},
    %ebias: !bias {nn.parameter = "encoder.bias.weight", nn.init = "zeros"},
    %dbias: !bias {nn.parameter = "decoder.bias.weight", nn.init = "zeros"},
    %q1: !w {nn.parameter = "encoder.q.weight", nn.init = "zeros"},
    %q2: !w {nn.parameter = "a.q.weight", nn.init = "zeros"},
    %k2: !w {nn.parameter = "a.k.weight", nn.init = "zeros"},
    %xk: !w {nn.parameter = "a.cross.k.weight", nn.init = "zeros"},
    %xv: !w {nn.parameter = "a.cross.v.weight", nn.init = "zeros"},
    %k3: !wk {nn.parameter = "b.k.weight", nn.init = "zeros"},
    %yk: !wk {nn.parameter = "b.cross.k.weight", nn.init = "zeros"},
    %yv: !wk {nn.parameter = "b.cross.v.weight", nn.init = "zeros"},
    %scores: tensor<1x29xf32> {nn.parameter = "final_logits_bias", nn.init = "zeros", nn.constant})
    -> (!g1 {nn.output = "row_loss"}) {
  %e = nn.embedding %ids, %table {operandSegmentSizes = array<i32: 1, 1>} : (!ids, !table) -> !t
  %eq = nn.linear %e, %q1 : (!t, !w) -> !t
  %ea, %el = nn.attention %eq, %e, %e, %cu, %cu, %pos, %sid, %ebias {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64, causal = false, max_distance = 9 : i32, op_id = 1 : i32, module = "encoder"} : (!t, !t, !t, !cu, !cu, !ids, !sids, !bias) -> (!t, !th)
  %er = nn.add %ea, %e : (!t, !t) -> !t

  %d0 = "nn.embedding"(%gids, %gpos, %table, %places) <{operandSegmentSizes = array<i32: 2, 2>}> : (!gids, !gids, !table, !places) -> !g
  %d = nn.dropout %d0, %gseq, %gpos {rate = "dropout.hidden", op_id = 2 : i32, module = "d"} : (!g, !gids, !gids) -> !g
  %aq = nn.linear %d, %q2 : (!g, !w) -> !g
  %ak = nn.linear %d, %k2 : (!g, !w) -> !g
  %aa, %al = nn.attention %aq, %ak, %d, %gcu, %gcu, %gpos, %sid, %dbias {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64, causal = true, max_distance = 9 : i32, rate = "dropout.attention", op_id = 3 : i32, module = "a"} : (!g, !g, !g, !gcu, !gcu, !gids, !sids, !bias) -> (!g, !gh)
  %ar = nn.add %aa, %d : (!g, !g) -> !g
  %ck = nn.linear %er, %xk : (!t, !w) -> !t
  %cv = nn.linear %er, %xv : (!t, !w) -> !t
  %ca, %cl = nn.attention %ar, %ck, %cv, %gcu, %cu, %gpos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.6 : f64, causal = false, rate = "dropout.attention", op_id = 4 : i32, module = "a.cross"} : (!g, !t, !t, !gcu, !cu, !gids, !sids) -> (!g, !gh)
  %cr = nn.add %ca, %ar : (!g, !g) -> !g

  %bk = nn.linear %cr, %k3 : (!g, !wk) -> !gk
  %ba, %bl = nn.attention %cr, %bk, %bk, %gcu, %gcu, %gpos, %sid, %dbias {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.5 : f64, causal = true, max_distance = 9 : i32, op_id = 5 : i32, module = "b"} : (!g, !gk, !gk, !gcu, !gcu, !gids, !sids, !bias) -> (!g, !gh)
  %br = nn.add %ba, %cr : (!g, !g) -> !g
  %dk = nn.linear %er, %yk : (!t, !wk) -> !tk
  %dv = nn.linear %er, %yv : (!t, !wk) -> !tk
  %da, %dl = nn.attention %br, %dk, %dv, %gcu, %cu, %gpos, %sid {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.6 : f64, causal = false, op_id = 6 : i32, module = "b.cross"} : (!g, !tk, !tk, !gcu, !cu, !gids, !sids) -> (!g, !gh)
  %dr = nn.add %da, %br : (!g, !g) -> !g

  %s = nn.scale %dr {factor = 0.5 : f64} : (!g) -> !g
  %loss = nn.vocabulary_loss %s, %table, %labels, %scores : (!g, !table, !gids, tensor<1x29xf32>) -> !g1
  return %loss : !g1
}
