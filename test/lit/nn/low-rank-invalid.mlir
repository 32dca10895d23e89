// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of low_rank_linear and low_rank_dgrad.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w65 = tensor<6x5xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!b62 = tensor<6x2xf32>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
func.func @c1(%0: !t4, %1: !w65, %2: !t2, %3: !b62) {
  // expected-error @below {{C1: expected weight of width 4 (width of x), got 5}}
  %r = nn.low_rank_linear %0, %1, %2, %3
      : (!t4, !w65, !t2, !b62) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!b62 = tensor<6x2xf32>
!s6 = tensor<?x6xf32, #nn.space<sequences>>
func.func @c2(%0: !t4, %1: !w64, %2: !t2, %3: !b62) {
  // expected-error @below {{C2: expected y and x over the same rows}}
  %r = nn.low_rank_linear %0, %1, %2, %3
      : (!t4, !w64, !t2, !b62) -> !s6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!b62 = tensor<6x2xf32>
func.func @c3(%0: !t4, %1: !w64, %2: !t2, %3: !b62) {
  // expected-error @below {{C3: expected y of width 6 (rows of weight), got 4}}
  %r = nn.low_rank_linear %0, %1, %2, %3
      : (!t4, !w64, !t2, !b62) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!s2 = tensor<?x2xf32, #nn.space<sequences>>
!b62 = tensor<6x2xf32>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
func.func @c4(%0: !t4, %1: !w64, %2: !s2, %3: !b62) {
  // expected-error @below {{C4: expected u and x over the same rows}}
  %r = nn.low_rank_linear %0, %1, %2, %3
      : (!t4, !w64, !s2, !b62) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!b63 = tensor<6x3xf32>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
func.func @c5(%0: !t4, %1: !w64, %2: !t2, %3: !b63) {
  // expected-error @below {{C5: expected factor of width 2 (width of u), got 3}}
  %r = nn.low_rank_linear %0, %1, %2, %3
      : (!t4, !w64, !t2, !b63) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!b52 = tensor<5x2xf32>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
func.func @c6(%0: !t4, %1: !w64, %2: !t2, %3: !b52) {
  // expected-error @below {{C6: expected factor of 6 rows (rows of weight), got 5}}
  %r = nn.low_rank_linear %0, %1, %2, %3
      : (!t4, !w64, !t2, !b52) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!b62 = tensor<6x2xf32>
!v5 = tensor<5xf32>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
func.func @c7(%0: !t4, %1: !w64, %2: !t2, %3: !b62, %4: !v5) {
  // expected-error @below {{C7: expected bias of width 6 (rows of weight), got 5}}
  %r = nn.low_rank_linear %0, %1, %2, %3, %4
      : (!t4, !w64, !t2, !b62, !v5) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!b62 = tensor<6x2xf32>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
func.func @c8(%0: !t4, %1: !w64, %2: !t2, %3: !b62) {
  // expected-error @below {{C8: expected pre of y's type}}
  %r:2 = nn.low_rank_linear %0, %1, %2, %3 {activation = #nn.activation<gelu>}
      : (!t4, !w64, !t2, !b62) -> (!t6, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!b62 = tensor<6x2xf32>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
func.func @c9(%0: !t4, %1: !w64, %2: !t2, %3: !b62) {
  // expected-error @below {{C9: expected an activation where there is a result pre, got none}}
  %r:2 = nn.low_rank_linear %0, %1, %2, %3
      : (!t4, !w64, !t2, !b62) -> (!t6, !t6)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!a24 = tensor<2x4xf32>
func.func @d1(%0: !t4, %1: !w64, %2: !t2, %3: !a24) {
  // expected-error @below {{C1: expected dy of width 6 (rows of weight), got 4}}
  %r = nn.low_rank_dgrad %0, %1, %2, %3 {operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}
      : (!t4, !w64, !t2, !a24) -> !t4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!a24 = tensor<2x4xf32>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
func.func @d2(%0: !t6, %1: !w64, %2: !t2, %3: !a24) {
  // expected-error @below {{C2: expected dx and dy over the same rows}}
  %r = nn.low_rank_dgrad %0, %1, %2, %3 {operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}
      : (!t6, !w64, !t2, !a24) -> !s4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!a24 = tensor<2x4xf32>
func.func @d3(%0: !t6, %1: !w64, %2: !t2, %3: !a24) {
  // expected-error @below {{C3: expected dx of width 4 (width of weight), got 6}}
  %r = nn.low_rank_dgrad %0, %1, %2, %3 {operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}
      : (!t6, !w64, !t2, !a24) -> !t6
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!s2 = tensor<?x2xf32, #nn.space<sequences>>
!a24 = tensor<2x4xf32>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
func.func @d4(%0: !t6, %1: !w64, %2: !s2, %3: !a24) {
  // expected-error @below {{C4: expected du and dy over the same rows}}
  %r = nn.low_rank_dgrad %0, %1, %2, %3 {operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}
      : (!t6, !w64, !s2, !a24) -> !t4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!a34 = tensor<3x4xf32>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
func.func @d5(%0: !t6, %1: !w64, %2: !t2, %3: !a34) {
  // expected-error @below {{C5: expected du of width 3 (rows of factor), got 2}}
  %r = nn.low_rank_dgrad %0, %1, %2, %3 {operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}
      : (!t6, !w64, !t2, !a34) -> !t4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!a25 = tensor<2x5xf32>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
func.func @d6(%0: !t6, %1: !w64, %2: !t2, %3: !a25) {
  // expected-error @below {{C6: expected factor of width 4 (width of weight), got 5}}
  %r = nn.low_rank_dgrad %0, %1, %2, %3 {operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}
      : (!t6, !w64, !t2, !a25) -> !t4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!a24 = tensor<2x4xf32>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
func.func @d7(%0: !t6, %1: !w64, %2: !t2, %3: !a24, %4: !t6) {
  // expected-error @below {{C7: expected pre of dx's type}}
  %r = nn.low_rank_dgrad %0, %1, %2, %3, %4 {activation = #nn.activation<gelu>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0>}
      : (!t6, !w64, !t2, !a24, !t6) -> !t4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!a24 = tensor<2x4xf32>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
func.func @d8(%0: !t6, %1: !w64, %2: !t2, %3: !a24, %4: !t6) {
  // expected-error @below {{C8: expected addend of dx's type}}
  %r = nn.low_rank_dgrad %0, %1, %2, %3, %4 {operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 1>}
      : (!t6, !w64, !t2, !a24, !t6) -> !t4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!a24 = tensor<2x4xf32>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
func.func @d9(%0: !t6, %1: !w64, %2: !t2, %3: !a24, %4: !t4) {
  // expected-error @below {{C9: expected pre exactly when there is an activation, got pre alone}}
  %r = nn.low_rank_dgrad %0, %1, %2, %3, %4 {operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0>}
      : (!t6, !w64, !t2, !a24, !t4) -> !t4
  return
}
