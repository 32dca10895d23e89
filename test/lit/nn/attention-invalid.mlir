// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of the attention ops.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c1(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{C1: expected heads > 0 that divide the width of q, and kv_heads that divide heads, got 3 and 3 for width 4}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 3 : i32, kv_heads = 3 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c1_groups(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{got 2 and 3 for width 4}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 3 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c1_zero(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{got 0 and 0 for width 4}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 0 : i32, kv_heads = 0 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c2(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{C2: expected k of width 2 (kv_heads * head width), got 4}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c3(%0: !t4, %1: !t4, %2: !t2, %3: !cu, %4: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{C3: expected v of k's type}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t2, !cu, !cu, !ti, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!so = tensor<?xi32, #nn.offsets<sequences, sequences>>
func.func @c4(%0: !t4, %1: !t4, %2: !t4, %3: !so, %4: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{C4: expected q_offsets to be #nn.offsets into the space of q}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !so, !cu, !ti, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!so = tensor<?xi32, #nn.offsets<sequences, sequences>>
func.func @c5(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !so, %5: !ti, %6: !si) {
  // expected-error @below {{C5: expected kv_offsets to be #nn.offsets into the space of k}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !so, !ti, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c6(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !cu, %5: !si, %6: !si) {
  // expected-error @below {{C6: expected q_position and q over the same rows}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !si, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!ro = tensor<?xi32, #nn.offsets<rows, tokens>>
func.func @c7(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !ro, %5: !ti, %6: !si) {
  // expected-error @below {{C7: expected q_offsets and kv_offsets per the same space, got sequences and rows}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !ro, !ti, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c8(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !cu, %5: !ti, %6: !ti) {
  // expected-error @below {{C8: expected sequence_id over the space sequences}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !ti) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c9(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{C9: expected out of q's type}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t6, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s2 = tensor<?x2xf32, #nn.space<sequences>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c10(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{C10: expected lse and q over the same rows}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !s2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c11(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{C11: expected lse of width 2 (heads), got 4}}
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c1(%0: !t4, %1: !t4, %2: !t4, %3: !t4, %4: !t4, %5: !t2, %6: !cu, %7: !cu, %8: !ti, %9: !si) {
  // expected-error @below {{C1: expected heads > 0 that divide the width of q}}
  %r:3 = nn.attention_grad %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 {heads = 3 : i32, kv_heads = 3 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si) -> (!t4, !t4, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!so = tensor<?xi32, #nn.offsets<sequences, sequences>>
func.func @grad_c4(%0: !t4, %1: !t4, %2: !t4, %3: !t4, %4: !t4, %5: !t2, %6: !so, %7: !cu, %8: !ti, %9: !si) {
  // expected-error @below {{C4: expected q_offsets to be #nn.offsets into the space of q}}
  %r:3 = nn.attention_grad %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !so, !cu, !ti, !si) -> (!t4, !t4, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c9(%0: !t6, %1: !t4, %2: !t4, %3: !t4, %4: !t4, %5: !t2, %6: !cu, %7: !cu, %8: !ti, %9: !si) {
  // expected-error @below {{C9: expected dout of q's type}}
  %r:3 = nn.attention_grad %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32}
      : (!t6, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si) -> (!t4, !t4, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c10(%0: !t4, %1: !t4, %2: !t4, %3: !t4, %4: !t6, %5: !t2, %6: !cu, %7: !cu, %8: !ti, %9: !si) {
  // expected-error @below {{C10: expected out of q's type}}
  %r:3 = nn.attention_grad %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t6, !t2, !cu, !cu, !ti, !si) -> (!t4, !t4, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s2 = tensor<?x2xf32, #nn.space<sequences>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c11(%0: !t4, %1: !t4, %2: !t4, %3: !t4, %4: !t4, %5: !s2, %6: !cu, %7: !cu, %8: !ti, %9: !si) {
  // expected-error @below {{C11: expected lse and q over the same rows}}
  %r:3 = nn.attention_grad %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !s2, !cu, !cu, !ti, !si) -> (!t4, !t4, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c12(%0: !t4, %1: !t4, %2: !t4, %3: !t4, %4: !t4, %5: !t4, %6: !cu, %7: !cu, %8: !ti, %9: !si) {
  // expected-error @below {{C12: expected lse of width 2 (heads), got 4}}
  %r:3 = nn.attention_grad %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !t4, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c13(%0: !t4, %1: !t4, %2: !t4, %3: !t4, %4: !t4, %5: !t2, %6: !cu, %7: !cu, %8: !ti, %9: !si) {
  // expected-error @below {{C13: expected dq of q's type}}
  %r:3 = nn.attention_grad %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si) -> (!t6, !t4, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c14(%0: !t4, %1: !t4, %2: !t4, %3: !t4, %4: !t4, %5: !t2, %6: !cu, %7: !cu, %8: !ti, %9: !si) {
  // expected-error @below {{C14: expected dk of k's type}}
  %r:3 = nn.attention_grad %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si) -> (!t4, !t6, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c15(%0: !t4, %1: !t4, %2: !t4, %3: !t4, %4: !t4, %5: !t2, %6: !cu, %7: !cu, %8: !ti, %9: !si) {
  // expected-error @below {{C15: expected dv of v's type}}
  %r:3 = nn.attention_grad %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si) -> (!t4, !t4, !t6)
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @append_c1(%0: !w64, %1: !t6, %2: !ti) {
  // expected-error @below {{C1: expected rows of width 4 (width of cache), got 6}}
  %r = nn.cache_append %0, %1, %2
      : (!w64, !t6, !ti) -> !w64
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
func.func @append_c2(%0: !w64, %1: !t4, %2: !si) {
  // expected-error @below {{C2: expected slots and rows over the same rows}}
  %r = nn.cache_append %0, %1, %2
      : (!w64, !t4, !si) -> !w64
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!w44 = tensor<4x4xf32>
func.func @append_c3(%0: !w64, %1: !t4, %2: !ti) {
  // expected-error @below {{C3: expected updated of cache's type}}
  %r = nn.cache_append %0, %1, %2
      : (!w64, !t4, !ti) -> !w44
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
!cu = tensor<?xi32, #nn.offsets<sequences, entries>>
!e = tensor<?xi32, #nn.space<entries>>
func.func @cached_c1(%0: !s4, %1: !w64, %2: !w64, %3: !cu, %4: !e) {
  // expected-error @below {{C1: expected heads > 0}}
  %r = nn.cached_attention %0, %1, %2, %3, %4 {heads = 3 : i32, kv_heads = 3 : i32, scale = 0.5 : f64, longest = 9 : i32}
      : (!s4, !w64, !w64, !cu, !e) -> !s4
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
!cu = tensor<?xi32, #nn.offsets<sequences, entries>>
!e = tensor<?xi32, #nn.space<entries>>
func.func @cached_c4(%0: !s4, %1: !w64, %2: !w64, %3: !cu, %4: !si) {
  // expected-error @below {{C4: expected offsets to be #nn.offsets into the space of entries}}
  %r = nn.cached_attention %0, %1, %2, %3, %4 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, longest = 9 : i32}
      : (!s4, !w64, !w64, !cu, !si) -> !s4
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
!tc = tensor<?xi32, #nn.offsets<tokens, entries>>
!e = tensor<?xi32, #nn.space<entries>>
func.func @cached_c5(%0: !s4, %1: !w64, %2: !w64, %3: !tc, %4: !e) {
  // expected-error @below {{C5: expected offsets per row of q}}
  %r = nn.cached_attention %0, %1, %2, %3, %4 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, longest = 9 : i32}
      : (!s4, !w64, !w64, !tc, !e) -> !s4
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!s6 = tensor<?x6xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
!cu = tensor<?xi32, #nn.offsets<sequences, entries>>
!e = tensor<?xi32, #nn.space<entries>>
func.func @cached_c6(%0: !s4, %1: !w64, %2: !w64, %3: !cu, %4: !e) {
  // expected-error @below {{C6: expected out of q's type}}
  %r = nn.cached_attention %0, %1, %2, %3, %4 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, longest = 9 : i32}
      : (!s4, !w64, !w64, !cu, !e) -> !s6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c12(%0: !t4, %3: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{C12: expected window > 0, got 0}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = true, op_id = 1 : i32, module = "m", window = 0 : i32}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c16(%0: !t4, %1: !t2, %3: !cu, %5: !ti, %6: !si) {
  // expected-error @below {{C16: expected window > 0, got -2}}
  %r:3 = nn.attention_grad %0, %0, %0, %0, %0, %1, %3, %3, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32,
      scale = 0.5 : f64, causal = true, op_id = 1 : i32, window = -2 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si) -> (!t4, !t4, !t4)
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
!cu = tensor<?xi32, #nn.offsets<sequences, entries>>
!e = tensor<?xi32, #nn.space<entries>>
func.func @cached_c7(%0: !s4, %1: !w64, %2: !w64, %3: !cu, %4: !e) {
  // expected-error @below {{C7: expected window > 0, got 0}}
  %r = nn.cached_attention %0, %1, %2, %3, %4 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, longest = 9 : i32,
      window = 0 : i32} : (!s4, !w64, !w64, !cu, !e) -> !s4
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
!cu = tensor<?xi32, #nn.offsets<sequences, entries>>
!e = tensor<?xi32, #nn.space<entries>>
func.func @cached_c8(%0: !s4, %1: !w64, %2: !w64, %3: !cu, %4: !e) {
  // expected-error @below {{C8: expected longest > 0, got 0}}
  %r = nn.cached_attention %0, %1, %2, %3, %4 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, longest = 0 : i32}
      : (!s4, !w64, !w64, !cu, !e) -> !s4
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
!cu = tensor<?xi32, #nn.offsets<sequences, entries>>
!e = tensor<?xi32, #nn.space<entries>>
func.func @cached_c9_alone(%0: !s4, %1: !w64, %2: !w64, %3: !cu, %4: !e, %5: tensor<8x2xf32>) {
  // expected-error @below {{C9: expected bias and max_distance together, got bias alone}}
  %r = nn.cached_attention %0, %1, %2, %3, %4, %5 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, longest = 9 : i32}
      : (!s4, !w64, !w64, !cu, !e, tensor<8x2xf32>) -> !s4
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
!cu = tensor<?xi32, #nn.offsets<sequences, entries>>
!e = tensor<?xi32, #nn.space<entries>>
func.func @cached_c9_heads(%0: !s4, %1: !w64, %2: !w64, %3: !cu, %4: !e, %5: tensor<8x3xf32>) {
  // expected-error @below {{C9: expected bias of at least 2 buckets and one column for each of 2 heads}}
  %r = nn.cached_attention %0, %1, %2, %3, %4, %5 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, longest = 9 : i32,
      max_distance = 20 : i32}
      : (!s4, !w64, !w64, !cu, !e, tensor<8x3xf32>) -> !s4
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
!cu = tensor<?xi32, #nn.offsets<sequences, entries>>
!e = tensor<?xi32, #nn.space<entries>>
func.func @cached_c9_distance(%0: !s4, %1: !w64, %2: !w64, %3: !cu, %4: !e, %5: tensor<8x2xf32>) {
  // expected-error @below {{C9: expected max_distance above 4, the distances with a bucket each, got 4}}
  %r = nn.cached_attention %0, %1, %2, %3, %4, %5 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, longest = 9 : i32,
      max_distance = 4 : i32}
      : (!s4, !w64, !w64, !cu, !e, tensor<8x2xf32>) -> !s4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_alone(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x2xf32>) {
  // expected-error @below {{C13: expected bias and max_distance together, got bias alone}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64,
      op_id = 1 : i32, module = "m", causal = false} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x2xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_distance(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<9x9xf32>) {
  // expected-error @below {{C13: expected bias and max_distance together, got max_distance alone}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64,
      op_id = 1 : i32, module = "m", causal = false, max_distance = 9 : i32} : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_buckets(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<3x2xf32>) {
  // expected-error @below {{C13: expected bias of at least 4 buckets and one column for each of 2 heads, got 'tensor<3x2xf32>'}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64,
      op_id = 1 : i32, module = "m", causal = false, max_distance = 9 : i32} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<3x2xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_heads(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x3xf32>) {
  // expected-error @below {{C13: expected bias of at least 2 buckets and one column for each of 2 heads, got 'tensor<8x3xf32>'}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64,
      op_id = 1 : i32, module = "m", causal = true, max_distance = 9 : i32} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x3xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_near(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x2xf32>) {
  // expected-error @below {{C13: expected max_distance above 4, the distances with a bucket each, got 4}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64,
      op_id = 1 : i32, module = "m", causal = true, max_distance = 4 : i32} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x2xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c17(%0: !t4, %1: !t2, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x2xf32>) {
  // expected-error @below {{C17: expected bias and max_distance together, got bias alone}}
  %r:4 = nn.attention_grad %0, %0, %0, %0, %0, %1, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32,
      scale = 0.5 : f64, causal = true, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si, tensor<8x2xf32>) -> (!t4, !t4, !t4, tensor<8x2xf32>)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c18(%0: !t4, %1: !t2, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x2xf32>) {
  // expected-error @below {{C18: expected the gradient of its table's type 'tensor<8x2xf32>', got 'tensor<9x2xf32>'}}
  %r:4 = nn.attention_grad %0, %0, %0, %0, %0, %1, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32,
      scale = 0.5 : f64, causal = true, op_id = 1 : i32, max_distance = 9 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si, tensor<8x2xf32>) -> (!t4, !t4, !t4, tensor<9x2xf32>)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c18_alone(%0: !t4, %1: !t2, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x2xf32>) {
  // expected-error @below {{C18: expected no gradients of tables, or one a table, got 1 of 0}}
  %r:4 = nn.attention_grad %0, %0, %0, %0, %0, %1, %3, %3, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32,
      scale = 0.5 : f64, causal = true, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si) -> (!t4, !t4, !t4, tensor<8x2xf32>)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_two_biases(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x2xf32>, %8: tensor<8x2xf32>) {
  // expected-error @below {{C13: expected one bias, got 2 tables}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7, %8 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, causal = false,
      op_id = 1 : i32, module = "m", max_distance = 9 : i32} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x2xf32>, tensor<8x2xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_position_tables(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x4xf32>) {
  // expected-error @below {{C13: expected a table for each kind of positions, 2, got 1}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, causal = false,
      op_id = 1 : i32, module = "m", position_keys, position_queries} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x4xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_position_odd(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<7x4xf32>) {
  // expected-error @below {{C13: expected tables of one even number of rows and the width of q, 4, got 'tensor<7x4xf32>'}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, causal = false,
      op_id = 1 : i32, module = "m", position_keys} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<7x4xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_position_width(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x2xf32>) {
  // expected-error @below {{C13: expected tables of one even number of rows and the width of q, 4, got 'tensor<8x2xf32>'}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, causal = false,
      op_id = 1 : i32, module = "m", position_queries} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x2xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_position_unlike(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x4xf32>, %8: tensor<6x4xf32>) {
  // expected-error @below {{C13: expected tables of one even number of rows and the width of q, 4, got 'tensor<6x4xf32>'}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7, %8 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, causal = false,
      op_id = 1 : i32, module = "m", position_keys, position_queries} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x4xf32>, tensor<6x4xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_position_causal(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x4xf32>) {
  // expected-error @below {{C13: expected tables of positions with attention over all keys}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, causal = true,
      op_id = 1 : i32, module = "m", position_keys} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x4xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_position_window(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x4xf32>) {
  // expected-error @below {{C13: expected tables of positions with attention over all keys}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, causal = false,
      op_id = 1 : i32, module = "m", position_keys, window = 3 : i32} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x4xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_position_heads(%0: !t4, %k: !t2, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x4xf32>) {
  // expected-error @below {{C13: expected tables of positions with attention over all keys, and as many kv_heads as heads}}
  %r:2 = nn.attention %0, %k, %k, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 1 : i32, scale = 0.5 : f64, causal = false,
      op_id = 1 : i32, module = "m", position_keys} : (!t4, !t2, !t2, !cu, !cu, !ti, !si, tensor<8x4xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c13_position_distance(%0: !t4, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x4xf32>) {
  // expected-error @below {{C13: expected max_distance above 3, and 4 rows or more, got 3}}
  %r:2 = nn.attention %0, %0, %0, %3, %3, %5, %6, %7 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, causal = false,
      op_id = 1 : i32, module = "m", position_keys, max_distance = 3 : i32} : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x4xf32>) -> (!t4, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c18_positions(%0: !t4, %1: !t2, %3: !cu, %5: !ti, %6: !si, %7: tensor<8x4xf32>) {
  // expected-error @below {{C18: expected no gradients of tables, or one a table, got 1 of 2}}
  %r:4 = nn.attention_grad %0, %0, %0, %0, %0, %1, %3, %3, %5, %6, %7, %7 {heads = 2 : i32, kv_heads = 2 : i32,
      scale = 0.5 : f64, causal = false, op_id = 1 : i32, position_keys, position_queries}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si, tensor<8x4xf32>, tensor<8x4xf32>) -> (!t4, !t4, !t4, tensor<8x4xf32>)
  return
}
