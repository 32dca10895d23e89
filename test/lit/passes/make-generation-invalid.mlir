// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-make-generation
// RUN: not ftc-opt %s -split-input-file -ftc-make-generation=longest=0 2>&1 | FileCheck %s
// What no decoder is.
// CHECK: expected longest and longest-source > 0, got 0 and 1024

// expected-error @below {{expected a function @forward, got none}}
module {}

// -----

!x = tensor<?x8xf32, #nn.space<tokens>>
// expected-error @below {{expected one nn.vocabulary_loss, got none}}
func.func @forward(%x: !x {nn.input = "x"}) -> (!x {nn.output = "row_loss"}) {
  return %x : !x
}

// -----

!x = tensor<?x8xf32, #nn.space<tokens>>
!i = tensor<?xi32, #nn.space<tokens>>
!w = tensor<5x8xf32>
!loss = tensor<?xf32, #nn.space<tokens>>
func.func @forward(%x: !x {nn.input = "x"}, %labels: !i {nn.input = "labels"},
                   %w: !w {nn.parameter = "w", nn.tensor = "w"}) -> (!loss {nn.output = "row_loss"}) {
  // expected-error @below {{expected the loss over the batch's labelled_rows}}
  %r = nn.vocabulary_loss %x, %w, %labels : (!x, !w, !i) -> !loss
  return %r : !loss
}

// -----

!x = tensor<?x8xf32, #nn.space<tokens>>
!h = tensor<?x1xf32, #nn.space<tokens>>
!i = tensor<?xi32, #nn.space<tokens>>
!s = tensor<?xi32, #nn.space<sequences>>
!l = tensor<?xi32, #nn.space<labelled>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!g = tensor<?x8xf32, #nn.space<labelled>>
!w = tensor<5x8xf32>
!loss = tensor<?xf32, #nn.space<labelled>>
func.func @forward(%x: !x {nn.input = "x"}, %cu: !cu {nn.input = "cu_seqlens"},
                   %pos: !i {nn.input = "token_position"}, %sid: !s {nn.input = "sequence_id"},
                   %rows: !l {nn.input = "labelled_rows"}, %labels: !l {nn.input = "labels"},
                   %w: !w {nn.parameter = "w", nn.tensor = "w"}) -> (!loss {nn.output = "row_loss"}) {
  // expected-error @below {{expected a decoder's causal attention to its own rows, got another}}
  %a, %lse = nn.attention %x, %x, %x, %cu, %cu, %pos, %sid {heads = 1 : i32, kv_heads = 1 : i32, scale = 0.5 : f64,
      causal = false, op_id = 3 : i32, module = "m"} : (!x, !x, !x, !cu, !cu, !i, !s) -> (!x, !h)
  %g = nn.gather_rows %a, %rows : (!x, !l) -> !g
  %r = nn.vocabulary_loss %g, %w, %labels : (!g, !w, !l) -> !loss
  return %r : !loss
}

// -----

!x = tensor<?x8xf32, #nn.space<tokens>>
!i = tensor<?xi32, #nn.space<tokens>>
!l = tensor<?xi32, #nn.space<labelled>>
!g = tensor<?x8xf32, #nn.space<labelled>>
!w = tensor<5x8xf32>
!loss = tensor<?xf32, #nn.space<labelled>>
func.func @forward(%x: !x {nn.input = "x"}, %order: !i {nn.input = "order"},
                   %rows: !l {nn.input = "labelled_rows"}, %labels: !l {nn.input = "labels"},
                   %w: !w {nn.parameter = "w", nn.tensor = "w"}) -> (!loss {nn.output = "row_loss"}) {
  // expected-error @below {{expected ops on single rows between the tokens and the loss, got one on several}}
  %y = nn.gather_rows %x, %order : (!x, !i) -> !x
  %g = nn.gather_rows %y, %rows : (!x, !l) -> !g
  %r = nn.vocabulary_loss %g, %w, %labels : (!g, !w, !l) -> !loss
  return %r : !loss
}

// -----

// An encoder-decoder whose attention to the source looks at a part of it.

!t = tensor<?x8xf32, #nn.space<tokens>>
!x = tensor<?x8xf32, #nn.space<target>>
!h = tensor<?x1xf32, #nn.space<target>>
!i = tensor<?xi32, #nn.space<target>>
!s = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, target>>
!tcu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!w = tensor<5x8xf32>
!loss = tensor<?xf32, #nn.space<target>>
func.func @forward(%t: !t {nn.input = "t"}, %x: !x {nn.input = "x"}, %cu: !cu {nn.input = "target_cu_seqlens"},
                   %tcu: !tcu {nn.input = "cu_seqlens"}, %pos: !i {nn.input = "target_position"},
                   %sid: !s {nn.input = "sequence_id"}, %labels: !i {nn.input = "labels"},
                   %w: !w {nn.parameter = "w", nn.tensor = "w"}) -> (!loss {nn.output = "row_loss"}) {
  // expected-error @below {{causal attention to its own rows, or attention to all rows of a source without a bias, got another}}
  %a, %lse = nn.attention %x, %t, %t, %cu, %tcu, %pos, %sid {heads = 1 : i32, kv_heads = 1 : i32, scale = 0.5 : f64,
      causal = false, window = 3 : i32, op_id = 3 : i32, module = "m"} : (!x, !t, !t, !cu, !tcu, !i, !s) -> (!x, !h)
  %r = nn.vocabulary_loss %a, %w, %labels : (!x, !w, !i) -> !loss
  return %r : !loss
}

// -----

!x = tensor<?x8xf32, #nn.space<target>>
!i = tensor<?xi32, #nn.space<target>>
!w = tensor<5x8xf32>
!loss = tensor<?xf32, #nn.space<target>>
func.func @forward(%x: !x {nn.input = "x"}, %labels: !i {nn.input = "labels"},
                   %w: !w {nn.parameter = "w", nn.tensor = "w"}) -> (!loss {nn.output = "row_loss"}) {
  // expected-error @below {{expected attention to a source, got none}}
  %r = nn.vocabulary_loss %x, %w, %labels : (!x, !w, !i) -> !loss
  return %r : !loss
}
