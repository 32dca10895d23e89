// RUN: ftc-opt %s -split-input-file -ftc-make-generation=longest=9 | FileCheck %s
// RUN: ftc-opt %s -split-input-file \
// RUN:   -pass-pipeline='builtin.module(ftc-make-generation{longest=9},ftc-make-programs,ftc-prune-demand,canonicalize,cse,ftc-verify-phase{phase=programs})' \
// RUN:   | FileCheck %s --check-prefix=PROGRAMS
// Two layers of attention, the second with a window: caches a layer, next_ inputs, no dropout, no
// loss; behind pruning, prefill computes the last layer's queries for the last rows alone.

!ids = tensor<?xi32, #nn.space<tokens>>
!s = tensor<?xi32, #nn.space<sequences>>
!l = tensor<?xi32, #nn.space<labelled>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!t = tensor<?x8xf32, #nn.space<tokens>>
!k = tensor<?x4xf32, #nn.space<tokens>>
!h = tensor<?x2xf32, #nn.space<tokens>>
!table = tensor<11x8xf32>
func.func @forward(%ids: !ids {nn.input = "input_ids"}, %pos: !ids {nn.input = "token_position"},
                   %seq: !ids {nn.input = "token_sequence"},
                   %cu: !cu {nn.input = "cu_seqlens"}, %sid: !s {nn.input = "sequence_id"},
                   %rows: !l {nn.input = "labelled_rows"}, %labels: !l {nn.input = "labels"},
                   %table: !table {nn.parameter = "words", nn.tensor = "words", nn.trainable},
                   %w: tensor<4x8xf32> {nn.parameter = "k", nn.tensor = "k", nn.trainable})
    -> (tensor<?xf32, #nn.space<labelled>> {nn.output = "row_loss"}) {
  %e = nn.embedding %ids, %table {operandSegmentSizes = array<i32: 1, 1>} : (!ids, !table) -> !t
  %d = nn.dropout %e, %seq, %pos {rate = "dropout.embedding", op_id = 1 : i32, module = "e"} : (!t, !ids, !ids) -> !t
  %k = nn.linear %d, %w : (!t, tensor<4x8xf32>) -> !k
  %r = nn.rotary %k, %pos {heads = 1 : i32, frequencies = array<f32: 1.0, 0.1>} : (!k, !ids) -> !k
  %a, %lse = nn.attention %d, %r, %k, %cu, %cu, %pos, %sid {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.5 : f64,
      causal = true, rate = "dropout.attention", op_id = 2 : i32, module = "layer.0"} : (!t, !k, !k, !cu, !cu, !ids, !s) -> (!t, !h)
  %k2 = nn.linear %a, %w : (!t, tensor<4x8xf32>) -> !k
  %b, %lse2 = nn.attention %a, %k2, %k2, %cu, %cu, %pos, %sid {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.5 : f64,
      causal = true, op_id = 3 : i32, module = "layer.1", window = 3 : i32} : (!t, !k, !k, !cu, !cu, !ids, !s) -> (!t, !h)
  %g = nn.gather_rows %b, %rows : (!t, !l) -> tensor<?x8xf32, #nn.space<labelled>>
  %f = nn.scale %g {factor = 0.5 : f64} : (tensor<?x8xf32, #nn.space<labelled>>) -> tensor<?x8xf32, #nn.space<labelled>>
  %loss = nn.vocabulary_loss %f, %table, %labels
      : (tensor<?x8xf32, #nn.space<labelled>>, !table, !l) -> tensor<?xf32, #nn.space<labelled>>
  return %loss : tensor<?xf32, #nn.space<labelled>>
}

// CHECK-LABEL: func.func @forward
// CHECK: nn.vocabulary_loss

// CHECK-LABEL: func.func @prefill
// CHECK-SAME: "input_ids"
// CHECK-NOT: "labels"
// CHECK-NOT: "token_sequence"
// CHECK-SAME: "last_rows"
// CHECK-SAME: %[[SLOTS:[a-z0-9]+]]: tensor<?xi32, #nn.space<tokens>> {nn.input = "slots"}
// CHECK-SAME: %[[KEYS:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<slots>> {nn.state = "layer.0.keys"}
// CHECK-SAME: %[[VALUES:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<slots>> {nn.state = "layer.0.values"}
// CHECK-SAME: {nn.state = "layer.1.keys"}
// CHECK-SAME: {nn.state = "layer.1.values"}
// CHECK-SAME: -> (tensor<?x11xf32, #nn.space<sequences>> {nn.output = "next_logits"}
// CHECK-SAME: {nn.updates =
// CHECK-SAME: nn.program = "prefill"
// CHECK-NOT: nn.dropout
// CHECK: %[[K:.+]] = nn.linear
// CHECK: %[[R:.+]] = nn.rotary
// CHECK: nn.cache_append %[[KEYS]], %[[R]], %[[SLOTS]]
// CHECK: nn.cache_append %[[VALUES]], %[[K]], %[[SLOTS]]
// CHECK: nn.attention
// CHECK-NOT: rate
// CHECK: nn.attention
// CHECK: %[[LAST:.+]] = nn.gather_rows
// CHECK: %[[SCALED:.+]] = nn.scale %[[LAST]]
// CHECK: %[[LOGITS:.+]] = nn.vocabulary_logits %[[SCALED]]
// CHECK-NOT: nn.vocabulary_loss
// CHECK: return %[[LOGITS]]

// CHECK-LABEL: func.func @decode
// CHECK-SAME: tensor<?xi32, #nn.space<beams>> {nn.input = "next_input_ids"}
// CHECK-SAME: {nn.input = "next_token_position"}
// CHECK-NOT: "cu_seqlens"
// CHECK-SAME: tensor<?xi32, #nn.space<beams>> {nn.input = "next_slots"}
// CHECK-SAME: %[[KEYS:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<slots>> {nn.state = "layer.0.keys"}
// CHECK-SAME: %[[OFFSETS:[a-z0-9]+]]: tensor<?xi32, #nn.offsets<beams, entries>> {nn.input = "cache_offsets"}
// CHECK-SAME: %[[ENTRIES:[a-z0-9]+]]: tensor<?xi32, #nn.space<entries>> {nn.input = "cache_entries"}
// CHECK-SAME: -> (tensor<?x11xf32, #nn.space<beams>> {nn.output = "next_logits"}
// CHECK-SAME: nn.program = "decode"
// CHECK-NOT: nn.attention
// CHECK-NOT: nn.gather_rows
// CHECK: %[[UPDATED:.+]] = nn.cache_append %[[KEYS]]
// CHECK: nn.cached_attention {{.*}}, %[[UPDATED]], %{{.*}}, %[[OFFSETS]], %[[ENTRIES]]
// CHECK-SAME: longest = 9 : i32
// CHECK-NOT: window
// CHECK: nn.cached_attention
// CHECK-SAME: longest = 9 : i32
// CHECK-SAME: window = 3 : i32
// CHECK: nn.vocabulary_logits

// PROGRAMS: func.func @evaluate
// PROGRAMS: func.func @train
// PROGRAMS: func.func @prefill
// PROGRAMS-SAME: "sequence_offsets"
// PROGRAMS: nn.attention {{.*}} -> (tensor<?x8xf32, #nn.space<tokens>>
// PROGRAMS: nn.attention {{.*}} -> (tensor<?x8xf32, #nn.space<sequences>>
// PROGRAMS: func.func @decode
