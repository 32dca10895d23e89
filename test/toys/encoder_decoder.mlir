// The smallest encoder-decoder: source and target are ragged spaces of their own, paired by
// sequence. Widths that fit neither a panel nor a vector register, an embedding that both sides
// share (two gradients for one parameter), dropout, and a layer applied twice (one weight,
// two gradients in packed panels).
!t = tensor<?x20xf32, #nn.space<tokens>>
!th = tensor<?x2xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!g = tensor<?x20xf32, #nn.space<target>>
!gh = tensor<?x2xf32, #nn.space<target>>
!gf = tensor<?x28xf32, #nn.space<target>>
!gv = tensor<?x37xf32, #nn.space<target>>
!g1 = tensor<?xf32, #nn.space<target>>
!ids = tensor<?xi32, #nn.space<tokens>>
!gids = tensor<?xi32, #nn.space<target>>
!sids = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!gcu = tensor<?xi32, #nn.offsets<sequences, target>>
!w = tensor<20x20xf32>
!b = tensor<20xf32>
func.func @forward(
    %ids: !ids {nn.input = "input_ids"}, %pos: !ids {nn.input = "token_position"},
    %seq: !ids {nn.input = "token_sequence"}, %cu: !cu {nn.input = "cu_seqlens"},
    %gids: !gids {nn.input = "target_ids"}, %gpos: !gids {nn.input = "target_position"},
    %gseq: !gids {nn.input = "target_sequence"}, %gcu: !gcu {nn.input = "target_cu_seqlens"},
    %sid: !sids {nn.input = "sequence_id"}, %labels: !gids {nn.input = "labels"},
    %shared: tensor<37x20xf32> {nn.parameter = "shared.weight", nn.init = "zeros"},
    %positions: tensor<12x20xf32> {nn.parameter = "positions.weight", nn.init = "zeros"},
    %eq: !w {nn.parameter = "encoder.q.weight", nn.init = "zeros"},
    %ek: !w {nn.parameter = "encoder.k.weight", nn.init = "zeros"},
    %ev: !w {nn.parameter = "encoder.v.weight", nn.init = "zeros"},
    %evb: !b {nn.parameter = "encoder.v.bias", nn.init = "zeros"},
    %eg: !b {nn.parameter = "encoder.norm.weight", nn.init = "zeros", nn.norm},
    %eb: !b {nn.parameter = "encoder.norm.bias", nn.init = "zeros", nn.norm},
    %dq: !w {nn.parameter = "decoder.q.weight", nn.init = "zeros"},
    %dk: !w {nn.parameter = "decoder.k.weight", nn.init = "zeros"},
    %dv: !w {nn.parameter = "decoder.v.weight", nn.init = "zeros"},
    %dg: !b {nn.parameter = "decoder.norm.weight", nn.init = "zeros", nn.norm},
    %db: !b {nn.parameter = "decoder.norm.bias", nn.init = "zeros", nn.norm},
    %cq: !w {nn.parameter = "cross.q.weight", nn.init = "zeros"},
    %ck: !w {nn.parameter = "cross.k.weight", nn.init = "zeros"},
    %cv: !w {nn.parameter = "cross.v.weight", nn.init = "zeros"},
    %cg: !b {nn.parameter = "cross.norm.weight", nn.init = "zeros", nn.norm},
    %cb: !b {nn.parameter = "cross.norm.bias", nn.init = "zeros", nn.norm},
    %up: tensor<28x20xf32> {nn.parameter = "up.weight", nn.init = "zeros"},
    %upb: tensor<28xf32> {nn.parameter = "up.bias", nn.init = "zeros"},
    %down: tensor<20x28xf32> {nn.parameter = "down.weight", nn.init = "zeros"},
    %head: tensor<37x20xf32> {nn.parameter = "head.weight", nn.init = "zeros"},
    %headb: tensor<37xf32> {nn.parameter = "head.bias", nn.init = "zeros"})
    -> (!g1 {nn.output = "row_loss"}, !gv {nn.output = "logits"}) {
  %e = "nn.embedding"(%ids, %pos, %shared, %positions) <{operandSegmentSizes = array<i32: 2, 2>}> : (!ids, !ids, tensor<37x20xf32>, tensor<12x20xf32>) -> !t
  %e1 = nn.dropout %e, %seq, %pos {rate = "dropout.hidden", op_id = 1 : i32, module = "encoder"} : (!t, !ids, !ids) -> !t
  %q1 = nn.linear %e1, %eq : (!t, !w) -> !t
  %k1 = nn.linear %e1, %ek : (!t, !w) -> !t
  %v1 = nn.linear %e1, %ev, %evb : (!t, !w, !b) -> !t
  %a1, %l1 = nn.attention %q1, %k1, %v1, %cu, %cu, %pos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.3 : f64, causal = false, rate = "dropout.attention", op_id = 2 : i32, module = "encoder"} : (!t, !t, !t, !cu, !cu, !ids, !sids) -> (!t, !th)
  %s1 = nn.add %a1, %e1 : (!t, !t) -> !t
  %n1, %nm1, %nr1 = nn.layer_norm %s1, %eg, %eb {eps = 1.0e-5 : f64} : (!t, !b, !b) -> (!t, !t1, !t1)

  %d = "nn.embedding"(%gids, %gpos, %shared, %positions) <{operandSegmentSizes = array<i32: 2, 2>}> : (!gids, !gids, tensor<37x20xf32>, tensor<12x20xf32>) -> !g
  %q2 = nn.linear %d, %dq : (!g, !w) -> !g
  %k2 = nn.linear %d, %dk : (!g, !w) -> !g
  %v2 = nn.linear %d, %dv : (!g, !w) -> !g
  %a2, %l2 = nn.attention %q2, %k2, %v2, %gcu, %gcu, %gpos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.3 : f64, causal = true, rate = "dropout.attention", op_id = 3 : i32, module = "decoder"} : (!g, !g, !g, !gcu, !gcu, !gids, !sids) -> (!g, !gh)
  %s2 = nn.add %a2, %d : (!g, !g) -> !g
  %n2, %nm2, %nr2 = nn.layer_norm %s2, %dg, %db {eps = 1.0e-5 : f64} : (!g, !b, !b) -> (!g, !g1, !g1)

  %q3 = nn.linear %n2, %cq : (!g, !w) -> !g
  %k3 = nn.linear %n1, %ck : (!t, !w) -> !t
  %v3 = nn.linear %n1, %cv : (!t, !w) -> !t
  %a3, %l3 = nn.attention %q3, %k3, %v3, %gcu, %cu, %gpos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.3 : f64, causal = false, rate = "dropout.attention", op_id = 4 : i32, module = "cross"} : (!g, !t, !t, !gcu, !cu, !gids, !sids) -> (!g, !gh)
  %a3d = nn.dropout %a3, %gseq, %gpos {rate = "dropout.hidden", op_id = 5 : i32, module = "cross"} : (!g, !gids, !gids) -> !g
  %s3 = nn.add %a3d, %n2 : (!g, !g) -> !g
  %n3, %nm3, %nr3 = nn.layer_norm %s3, %cg, %cb {eps = 1.0e-5 : f64} : (!g, !b, !b) -> (!g, !g1, !g1)

  %u1 = nn.linear %n3, %up, %upb : (!g, tensor<28x20xf32>, tensor<28xf32>) -> !gf
  %u2 = nn.activation %u1 {kind = #nn.activation<gelu>} : (!gf) -> !gf
  %u3 = nn.linear %u2, %down : (!gf, tensor<20x28xf32>) -> !g
  %s4 = nn.add %u3, %n3 : (!g, !g) -> !g
  %u4 = nn.linear %s4, %up, %upb : (!g, tensor<28x20xf32>, tensor<28xf32>) -> !gf
  %u5 = nn.activation %u4 {kind = #nn.activation<gelu>} : (!gf) -> !gf
  %u6 = nn.linear %u5, %down : (!gf, tensor<20x28xf32>) -> !g
  %s5 = nn.add %u6, %s4 : (!g, !g) -> !g
  %z = nn.linear %s5, %head, %headb : (!g, tensor<37x20xf32>, tensor<37xf32>) -> !gv
  %loss = nn.cross_entropy %z, %labels : (!gv, !gids) -> !g1
  return %loss, %z : !g1, !gv
}
