// RUN: ftc-opt %s -ftc-make-generation="longest=9 longest-source=14" | FileCheck %s
// RUN: ftc-opt %s \
// RUN:   -pass-pipeline='builtin.module(ftc-make-generation{longest=9 longest-source=14},ftc-make-programs,ftc-prune-demand,canonicalize,cse,ftc-verify-phase{phase=programs})' \
// RUN:   | FileCheck %s --check-prefix=PROGRAMS
// An encoder-decoder: prefill is the encoder and the keys and values of cross-attention; decode
// runs the decoder over beams, cross-attention over the source's slots, T5's bias in its own.

!ids = tensor<?xi32, #nn.space<tokens>>
!gids = tensor<?xi32, #nn.space<target>>
!s = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!gcu = tensor<?xi32, #nn.offsets<sequences, target>>
!t = tensor<?x8xf32, #nn.space<tokens>>
!th = tensor<?x2xf32, #nn.space<tokens>>
!g = tensor<?x8xf32, #nn.space<target>>
!gh = tensor<?x2xf32, #nn.space<target>>
!table = tensor<11x8xf32>
!bias = tensor<4x2xf32>
func.func @forward(%ids: !ids {nn.input = "input_ids"}, %pos: !ids {nn.input = "token_position"},
                   %cu: !cu {nn.input = "cu_seqlens"}, %gids: !gids {nn.input = "target_ids"},
                   %gpos: !gids {nn.input = "target_position"}, %gseq: !gids {nn.input = "target_sequence"},
                   %gcu: !gcu {nn.input = "target_cu_seqlens"}, %sid: !s {nn.input = "sequence_id"},
                   %labels: !gids {nn.input = "labels"},
                   %table: !table {nn.parameter = "words", nn.tensor = "words", nn.trainable},
                   %bias: !bias {nn.parameter = "bias", nn.tensor = "bias"},
                   %wk: tensor<8x8xf32> {nn.parameter = "k", nn.tensor = "k"})
    -> (tensor<?xf32, #nn.space<target>> {nn.output = "row_loss"}) {
  %e = nn.embedding %ids, %table {operandSegmentSizes = array<i32: 1, 1>} : (!ids, !table) -> !t
  %a, %la = nn.attention %e, %e, %e, %cu, %cu, %pos, %sid, %bias {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64,
      causal = false, max_distance = 9 : i32, op_id = 1 : i32, module = "encoder"} : (!t, !t, !t, !cu, !cu, !ids, !s, !bias) -> (!t, !th)
  %d = nn.embedding %gids, %table {operandSegmentSizes = array<i32: 1, 1>} : (!gids, !table) -> !g
  %p = nn.dropout %d, %gseq, %gpos {rate = "dropout.hidden", op_id = 2 : i32, module = "d"} : (!g, !gids, !gids) -> !g
  %b, %lb = nn.attention %p, %p, %p, %gcu, %gcu, %gpos, %sid, %bias {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64,
      causal = true, max_distance = 9 : i32, op_id = 3 : i32, module = "self"} : (!g, !g, !g, !gcu, !gcu, !gids, !s, !bias) -> (!g, !gh)
  %k = nn.linear %a, %wk : (!t, tensor<8x8xf32>) -> !t
  %c, %lc = nn.attention %b, %k, %a, %gcu, %cu, %gpos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64,
      causal = false, rate = "dropout.attention", op_id = 4 : i32, module = "cross"} : (!g, !t, !t, !gcu, !cu, !gids, !s) -> (!g, !gh)
  %f = nn.scale %c {factor = 0.5 : f64} : (!g) -> !g
  %loss = nn.vocabulary_loss %f, %table, %labels : (!g, !table, !gids) -> tensor<?xf32, #nn.space<target>>
  return %loss : tensor<?xf32, #nn.space<target>>
}

// CHECK-LABEL: func.func @prefill
// CHECK-NOT: "target_ids"
// CHECK-NOT: "labels"
// CHECK-SAME: %[[SLOTS:[a-z0-9]+]]: tensor<?xi32, #nn.space<tokens>> {nn.input = "source_slots"}
// CHECK-SAME: %[[KEYS:[a-z0-9]+]]: tensor<?x8xf32, #nn.space<source_slots>> {nn.state = "cross.keys"}
// CHECK-SAME: %[[VALUES:[a-z0-9]+]]: tensor<?x8xf32, #nn.space<source_slots>> {nn.state = "cross.values"}
// CHECK-NOT: nn.output
// CHECK-SAME: nn.program = "prefill"
// CHECK: %[[A:.+]], %{{.+}} = nn.attention
// CHECK-SAME: module = "encoder"
// CHECK: %[[K:.+]] = nn.linear %[[A]]
// CHECK: %[[NEWKEYS:.+]] = nn.cache_append %[[KEYS]], %[[K]], %[[SLOTS]]
// CHECK: %[[NEWVALUES:.+]] = nn.cache_append %[[VALUES]], %[[A]], %[[SLOTS]]
// CHECK-NOT: nn.attention
// CHECK: return %[[NEWKEYS]], %[[NEWVALUES]]

// CHECK-LABEL: func.func @decode
// CHECK-NOT: "input_ids"
// CHECK-SAME: tensor<?xi32, #nn.space<beams>> {nn.input = "next_target_ids"}
// CHECK-NOT: cu_seqlens
// CHECK-SAME: {nn.input = "next_slots"}
// CHECK-SAME: %[[OWN:[a-z0-9]+]]: tensor<?x8xf32, #nn.space<slots>> {nn.state = "self.keys"}
// CHECK-SAME: %[[LISTS:[a-z0-9]+]]: tensor<?xi32, #nn.offsets<beams, entries>> {nn.input = "cache_offsets"}
// CHECK-SAME: %[[KEYS:[a-z0-9]+]]: tensor<?x8xf32, #nn.space<source_slots>> {nn.state = "cross.keys"}
// CHECK-SAME: %[[VALUES:[a-z0-9]+]]: tensor<?x8xf32, #nn.space<source_slots>> {nn.state = "cross.values"}
// CHECK-SAME: %[[OFFSETS:[a-z0-9]+]]: tensor<?xi32, #nn.offsets<beams, source_entries>> {nn.input = "source_offsets"}
// CHECK-SAME: %[[ENTRIES:[a-z0-9]+]]: tensor<?xi32, #nn.space<source_entries>> {nn.input = "source_entries"}
// CHECK-SAME: -> (tensor<?x11xf32, #nn.space<beams>> {nn.output = "next_logits"}
// CHECK-SAME: nn.program = "decode"
// CHECK-NOT: nn.dropout
// CHECK-NOT: nn.attention
// CHECK: %[[NEW:.+]] = nn.cache_append %[[OWN]]
// CHECK: nn.cached_attention {{.*}}, %[[NEW]], %{{.*}}, %[[LISTS]], %{{.*}}, %{{.*}} {
// CHECK-SAME: longest = 9 : i32
// CHECK-SAME: max_distance = 9 : i32
// CHECK-NOT: nn.cache_append
// CHECK: nn.cached_attention %{{.*}}, %[[KEYS]], %[[VALUES]], %[[OFFSETS]], %[[ENTRIES]] {
// CHECK-SAME: longest = 14 : i32
// CHECK-NOT: max_distance
// CHECK: nn.scale
// CHECK: nn.vocabulary_logits
// CHECK-NOT: nn.vocabulary_loss

// PROGRAMS: func.func @evaluate
// PROGRAMS: func.func @train
// PROGRAMS: func.func @prefill
// PROGRAMS: func.func @decode
