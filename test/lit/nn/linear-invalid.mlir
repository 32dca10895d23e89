// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of linear, linear_dgrad and linear_wgrad.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w65 = tensor<6x5xf32>
func.func @c1(%0: !t4, %1: !w65) {
  // expected-error @below {{C1: expected weight of width 4 (width of x), got 5}}
  %r = nn.linear %0, %1
      : (!t4, !w65) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s6 = tensor<?x6xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
func.func @c2(%0: !t4, %1: !w64) {
  // expected-error @below {{C2: expected y and x over the same rows}}
  %r = nn.linear %0, %1
      : (!t4, !w64) -> !s6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @c3(%0: !t4, %1: !w64) {
  // expected-error @below {{C3: expected y of width 6 (rows of weight), got 4}}
  %r = nn.linear %0, %1
      : (!t4, !w64) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!v5 = tensor<5xf32>
func.func @c4(%0: !t4, %1: !w64, %2: !v5) {
  // expected-error @below {{C4: expected bias of width 6 (rows of weight), got 5}}
  %r = nn.linear %0, %1, %2
      : (!t4, !w64, !v5) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @c5(%0: !t4, %1: !w64) {
  // expected-error @below {{C5: expected y of pre's type}}
  %r:2 = nn.linear %0, %1 {activation = #nn.activation<gelu>}
      : (!t4, !w64) -> (!t6, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @c6(%0: !t4, %1: !w64) {
  // expected-error @below {{C6: expected an activation where there is a result pre, got none}}
  %r:2 = nn.linear %0, %1
      : (!t4, !w64) -> (!t6, !t6)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @dgrad_c1(%0: !t4, %1: !w64) {
  // expected-error @below {{C1: expected dy of width 6 (rows of weight), got 4}}
  %r = nn.linear_dgrad %0, %1 {operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t4, !w64) -> !t4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
func.func @dgrad_c2(%0: !t6, %1: !w64) {
  // expected-error @below {{C2: expected dx and dy over the same rows}}
  %r = nn.linear_dgrad %0, %1 {operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t6, !w64) -> !s4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @dgrad_c3(%0: !t6, %1: !w64) {
  // expected-error @below {{C3: expected dx of width 4 (width of weight), got 6}}
  %r = nn.linear_dgrad %0, %1 {operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t6, !w64) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @dgrad_c4(%0: !t6, %1: !w64, %2: !t6) {
  // expected-error @below {{C4: expected pre of dx's type}}
  %r = nn.linear_dgrad %0, %1, %2 {activation = #nn.activation<gelu>,
      operandSegmentSizes = array<i32: 1, 1, 1, 0>}
      : (!t6, !w64, !t6) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @dgrad_c5(%0: !t6, %1: !w64, %2: !t6) {
  // expected-error @below {{C5: expected addend of dx's type}}
  %r = nn.linear_dgrad %0, %1, %2 {operandSegmentSizes = array<i32: 1, 1, 0, 1>}
      : (!t6, !w64, !t6) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @dgrad_c6(%0: !t6, %1: !w64, %2: !t4) {
  // expected-error @below {{C6: expected pre exactly when there is an activation, got pre alone}}
  %r = nn.linear_dgrad %0, %1, %2 {operandSegmentSizes = array<i32: 1, 1, 1, 0>}
      : (!t6, !w64, !t4) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @dgrad_c6_activation(%0: !t6, %1: !w64) {
  // expected-error @below {{C6: expected pre exactly when there is an activation, got an activation alone}}
  %r = nn.linear_dgrad %0, %1 {activation = #nn.activation<gelu>,
      operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t6, !w64) -> !t4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
func.func @wgrad_c1(%0: !t6, %1: !s4) {
  // expected-error @below {{C1: expected x and dy over the same rows}}
  %r = nn.linear_wgrad %0, %1
      : (!t6, !s4) -> !w64
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w65 = tensor<6x5xf32>
func.func @wgrad_c2(%0: !t6, %1: !t4) {
  // expected-error @below {{C2: expected dweight of width 4 (width of x), got 5}}
  %r = nn.linear_wgrad %0, %1
      : (!t6, !t4) -> !w65
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w54 = tensor<5x4xf32>
func.func @wgrad_c3(%0: !t6, %1: !t4) {
  // expected-error @below {{C3: expected dweight of 6 rows (width of dy), got 5}}
  %r = nn.linear_wgrad %0, %1
      : (!t6, !t4) -> !w54
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
!v5 = tensor<5xf32>
func.func @wgrad_c4(%0: !t6, %1: !t4) {
  // expected-error @below {{C4: expected dbias of width 6 (width of dy), got 5}}
  %r:2 = nn.linear_wgrad %0, %1
      : (!t6, !t4) -> (!w64, !v5)
  return
}
