// An encoder's tokens and a decoder's targets: two ragged spaces, causal self-attention and
// cross-attention, one tied embedding.
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!g4 = tensor<?x4xf32, #nn.space<target>>
!g2 = tensor<?x2xf32, #nn.space<target>>
!g3 = tensor<?x3xf32, #nn.space<target>>
!g1 = tensor<?xf32, #nn.space<target>>
!ids = tensor<?xi32, #nn.space<tokens>>
!gids = tensor<?xi32, #nn.space<target>>
!sids = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!gcu = tensor<?xi32, #nn.offsets<sequences, target>>
func.func @train(
    %ids: !ids {nn.input = "input_ids"}, %pos: !ids {nn.input = "token_position"},
    %gids: !gids {nn.input = "target_ids"}, %gpos: !gids {nn.input = "target_position"},
    %cu: !cu {nn.input = "cu_seqlens"}, %gcu: !gcu {nn.input = "target_cu_seqlens"},
    %sid: !sids {nn.input = "sequence_id"}, %labels: !gids {nn.input = "labels"},
    %shared: tensor<11x4xf32> {nn.parameter = "shared", nn.trainable},
    %wq: tensor<4x4xf32> {nn.parameter = "q", nn.trainable},
    %wk: tensor<4x4xf32> {nn.parameter = "k", nn.trainable},
    %wv: tensor<4x4xf32> {nn.parameter = "v", nn.trainable},
    %cq: tensor<4x4xf32> {nn.parameter = "cq", nn.trainable},
    %ck: tensor<4x4xf32> {nn.parameter = "ck", nn.trainable},
    %cv: tensor<4x4xf32> {nn.parameter = "cv", nn.trainable},
    %head: tensor<3x4xf32> {nn.parameter = "head", nn.trainable})
    -> (!g1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  %e = "nn.embedding"(%ids, %shared) <{operandSegmentSizes = array<i32: 1, 1>}> : (!ids, tensor<11x4xf32>) -> !t4
  %eq = nn.linear %e, %wq : (!t4, tensor<4x4xf32>) -> !t4
  %ea, %el = nn.attention %eq, %e, %e, %cu, %cu, %pos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.7 : f64, causal = false, rate = "dropout.attention", op_id = 1 : i32, module = "e"} : (!t4, !t4, !t4, !cu, !cu, !ids, !sids) -> (!t4, !t2)
  %es = nn.add %e, %ea : (!t4, !t4) -> !t4
  %d = "nn.embedding"(%gids, %shared) <{operandSegmentSizes = array<i32: 1, 1>}> : (!gids, tensor<11x4xf32>) -> !g4
  %k = nn.linear %d, %wk : (!g4, tensor<4x4xf32>) -> !g4
  %v = nn.linear %d, %wv : (!g4, tensor<4x4xf32>) -> !g4
  %da, %dl = nn.attention %d, %k, %v, %gcu, %gcu, %gpos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.7 : f64, causal = true, op_id = 2 : i32, module = "d"} : (!g4, !g4, !g4, !gcu, !gcu, !gids, !sids) -> (!g4, !g2)
  %ds = nn.add %d, %da : (!g4, !g4) -> !g4
  %q2 = nn.linear %ds, %cq : (!g4, tensor<4x4xf32>) -> !g4
  %k2 = nn.linear %es, %ck : (!t4, tensor<4x4xf32>) -> !t4
  %v2 = nn.linear %es, %cv : (!t4, tensor<4x4xf32>) -> !t4
  %ca, %cl = nn.attention %q2, %k2, %v2, %gcu, %cu, %gpos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.7 : f64, causal = false, rate = "dropout.attention", op_id = 3 : i32, module = "d"} : (!g4, !t4, !t4, !gcu, !cu, !gids, !sids) -> (!g4, !g2)
  %cs = nn.add %ds, %ca : (!g4, !g4) -> !g4
  %z = nn.linear %cs, %head : (!g4, tensor<3x4xf32>) -> !g3
  %loss = nn.cross_entropy %z, %labels : (!g3, !gids) -> !g1
  return %loss : !g1
}
