// A causal decoder beside its decode form: @decode takes one token a sequence, appends its keys
// and values to caches that persist between runs, and attends to the slots of its list. Two query heads share
// one key/value head.
!t = tensor<?x24xf32, #nn.space<tokens>>
!tk = tensor<?x12xf32, #nn.space<tokens>>
!th = tensor<?x2xf32, #nn.space<tokens>>
!tv = tensor<?x29xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s = tensor<?x24xf32, #nn.space<sequences>>
!sk = tensor<?x12xf32, #nn.space<sequences>>
!sv = tensor<?x29xf32, #nn.space<sequences>>
!cache = tensor<?x12xf32, #nn.space<slots>>
!ids = tensor<?xi32, #nn.space<tokens>>
!sids = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!lists = tensor<?xi32, #nn.offsets<sequences, entries>>
!entries = tensor<?xi32, #nn.space<entries>>
!table = tensor<29x24xf32>
!places = tensor<16x24xf32>
!w = tensor<24x24xf32>
!wk = tensor<12x24xf32>
!head = tensor<29x24xf32>
func.func @forward(
    %ids: !ids {nn.input = "input_ids"}, %pos: !ids {nn.input = "token_position"},
    %cu: !cu {nn.input = "cu_seqlens"}, %sid: !sids {nn.input = "sequence_id"},
    %labels: !ids {nn.input = "labels"},
    %table: !table {nn.parameter = "words.weight", nn.init = "zeros"},
    %places: !places {nn.parameter = "positions.weight", nn.init = "zeros"},
    %q1: !w {nn.parameter = "a.q.weight", nn.init = "zeros"},
    %k1: !wk {nn.parameter = "a.k.weight", nn.init = "zeros"},
    %v1: !wk {nn.parameter = "a.v.weight", nn.init = "zeros"},
    %q2: !w {nn.parameter = "b.q.weight", nn.init = "zeros"},
    %k2: !wk {nn.parameter = "b.k.weight", nn.init = "zeros"},
    %v2: !wk {nn.parameter = "b.v.weight", nn.init = "zeros"},
    %head: !head {nn.parameter = "head.weight", nn.init = "zeros"})
    -> (!t1 {nn.output = "row_loss"}, !tv {nn.output = "logits"}) {
  %e = "nn.embedding"(%ids, %pos, %table, %places) <{operandSegmentSizes = array<i32: 2, 2>}> : (!ids, !ids, !table, !places) -> !t
  %qa = nn.linear %e, %q1 : (!t, !w) -> !t
  %ka = nn.linear %e, %k1 : (!t, !wk) -> !tk
  %va = nn.linear %e, %v1 : (!t, !wk) -> !tk
  %aa, %la = nn.attention %qa, %ka, %va, %cu, %cu, %pos, %sid {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.4 : f64, causal = true, op_id = 1 : i32, module = "a"} : (!t, !tk, !tk, !cu, !cu, !ids, !sids) -> (!t, !th)
  %ra = nn.add %aa, %e : (!t, !t) -> !t
  %qb = nn.linear %ra, %q2 : (!t, !w) -> !t
  %kb = nn.linear %ra, %k2 : (!t, !wk) -> !tk
  %vb = nn.linear %ra, %v2 : (!t, !wk) -> !tk
  %ab, %lb = nn.attention %qb, %kb, %vb, %cu, %cu, %pos, %sid {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.4 : f64, causal = true, op_id = 2 : i32, module = "b"} : (!t, !tk, !tk, !cu, !cu, !ids, !sids) -> (!t, !th)
  %rb = nn.add %ab, %ra : (!t, !t) -> !t
  %z = nn.linear %rb, %head : (!t, !head) -> !tv
  %loss = nn.cross_entropy %z, %labels : (!tv, !ids) -> !t1
  return %loss, %z : !t1, !tv
}

func.func @decode(
    %ids: !sids {nn.input = "next_ids"}, %pos: !sids {nn.input = "next_position"},
    %slots: !sids {nn.input = "slots"}, %lists: !lists {nn.input = "cache_offsets"},
    %entries: !entries {nn.input = "cache_entries"},
    %kca: !cache {nn.state = "a.keys"}, %vca: !cache {nn.state = "a.values"},
    %kcb: !cache {nn.state = "b.keys"}, %vcb: !cache {nn.state = "b.values"},
    %table: !table {nn.parameter = "words.weight", nn.init = "zeros"},
    %places: !places {nn.parameter = "positions.weight", nn.init = "zeros"},
    %q1: !w {nn.parameter = "a.q.weight", nn.init = "zeros"},
    %k1: !wk {nn.parameter = "a.k.weight", nn.init = "zeros"},
    %v1: !wk {nn.parameter = "a.v.weight", nn.init = "zeros"},
    %q2: !w {nn.parameter = "b.q.weight", nn.init = "zeros"},
    %k2: !wk {nn.parameter = "b.k.weight", nn.init = "zeros"},
    %v2: !wk {nn.parameter = "b.v.weight", nn.init = "zeros"},
    %head: !head {nn.parameter = "head.weight", nn.init = "zeros"})
    -> (!sv {nn.output = "next_logits"}, !cache {nn.updates = 5 : i32},
        !cache {nn.updates = 6 : i32}, !cache {nn.updates = 7 : i32},
        !cache {nn.updates = 8 : i32}) attributes {nn.program = "decode"} {
  %e = "nn.embedding"(%ids, %pos, %table, %places) <{operandSegmentSizes = array<i32: 2, 2>}> : (!sids, !sids, !table, !places) -> !s
  %qa = nn.linear %e, %q1 : (!s, !w) -> !s
  %ka = nn.linear %e, %k1 : (!s, !wk) -> !sk
  %va = nn.linear %e, %v1 : (!s, !wk) -> !sk
  %kda = nn.cache_append %kca, %ka, %slots : (!cache, !sk, !sids) -> !cache
  %vda = nn.cache_append %vca, %va, %slots : (!cache, !sk, !sids) -> !cache
  %aa = nn.cached_attention %qa, %kda, %vda, %lists, %entries {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.4 : f64, longest = 16 : i32} : (!s, !cache, !cache, !lists, !entries) -> !s
  %ra = nn.add %aa, %e : (!s, !s) -> !s
  %qb = nn.linear %ra, %q2 : (!s, !w) -> !s
  %kb = nn.linear %ra, %k2 : (!s, !wk) -> !sk
  %vb = nn.linear %ra, %v2 : (!s, !wk) -> !sk
  %kdb = nn.cache_append %kcb, %kb, %slots : (!cache, !sk, !sids) -> !cache
  %vdb = nn.cache_append %vcb, %vb, %slots : (!cache, !sk, !sids) -> !cache
  %ab = nn.cached_attention %qb, %kdb, %vdb, %lists, %entries {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.4 : f64, longest = 16 : i32} : (!s, !cache, !cache, !lists, !entries) -> !s
  %rb = nn.add %ab, %ra : (!s, !s) -> !s
  %z = nn.linear %rb, %head : (!s, !head) -> !sv
  return %z, %kda, %vda, %kdb, %vdb : !sv, !cache, !cache, !cache, !cache
}
