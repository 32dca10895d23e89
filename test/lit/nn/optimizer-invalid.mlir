// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of the global norm and the updates.

!one = tensor<1xf32>
!two = tensor<2xf32>
func.func @norm_c1() {
  // expected-error @below {{C1: expected at least one gradient, got none}}
  %r:2 = nn.global_norm 
      : () -> (!one, !two)
  return
}

// -----

!v4 = tensor<4xf32>
!two = tensor<2xf32>
func.func @norm_c2(%0: !v4) {
  // expected-error @below {{C2: expected norm of [1], got}}
  %r:2 = nn.global_norm %0
      : (!v4) -> (!two, !two)
  return
}

// -----

!v4 = tensor<4xf32>
!one = tensor<1xf32>
func.func @norm_c3(%0: !v4) {
  // expected-error @below {{C3: expected control of [2], got}}
  %r:2 = nn.global_norm %0
      : (!v4) -> (!one, !one)
  return
}

// -----

!v4 = tensor<4xf32>
func.func @adamw_c1(%0: !v4, %1: !v4, %2: !v4) {
  // expected-error @below {{C1: expected 1 gradients (one a parameter), got 0}}
  %r:3 = nn.adamw %0, %1, %2 {decay = true, operandSegmentSizes = array<i32: 1, 0, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!v4, !v4, !v4) -> (!v4, !v4, !v4)
  return
}

// -----

!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @adamw_c2(%0: !v4, %1: !v4, %2: !v4, %3: !v6) {
  // expected-error @below {{C2: expected v of the parameter's type}}
  %r:3 = nn.adamw %0, %1, %2, %3 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!v4, !v4, !v4, !v6) -> (!v4, !v4, !v4)
  return
}

// -----

!v4 = tensor<4xf32>
!one = tensor<1xf32>
func.func @adamw_c4(%0: !v4, %1: !v4, %2: !v4, %3: !v4, %4: !one) {
  // expected-error @below {{C4: expected control of [2], got}}
  %r:3 = nn.adamw %0, %1, %2, %3, %4 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!v4, !v4, !v4, !v4, !one) -> (!v4, !v4, !v4)
  return
}

// -----

!v4 = tensor<4xf32>
func.func @sgd_c1(%0: !v4, %1: !v4) {
  // expected-error @below {{C1: expected 1 momentum (one a parameter), got 0}}
  %r:2 = nn.sgd %0, %1 {decay = true, operandSegmentSizes = array<i32: 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1>}
      : (!v4, !v4) -> (!v4, !v4)
  return
}

// -----

!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @sgd_c2(%0: !v4, %1: !v4, %2: !v4) {
  // expected-error @below {{C2: expected new_params of the parameter's type}}
  %r:2 = nn.sgd %0, %1, %2 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1>}
      : (!v4, !v4, !v4) -> (!v6, !v4)
  return
}

// -----

!v4 = tensor<4xf32>
!one = tensor<1xf32>
func.func @sgd_c4(%0: !v4, %1: !v4, %2: !v4, %3: !one) {
  // expected-error @below {{C4: expected control of [2], got}}
  %r:2 = nn.sgd %0, %1, %2, %3 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1>,
      resultSegmentSizes = array<i32: 1, 1>}
      : (!v4, !v4, !v4, !one) -> (!v4, !v4)
  return
}

// -----

func.func @adamw_c3() {
  // expected-error @below {{C3: expected at least one parameter, got none}}
  "nn.adamw"() <{decay = true, operandSegmentSizes = array<i32: 0, 0, 0, 0, 0>,
      resultSegmentSizes = array<i32: 0, 0, 0>}> : () -> ()
  return
}

// -----

func.func @sgd_c3() {
  // expected-error @below {{C3: expected at least one parameter, got none}}
  "nn.sgd"() <{decay = true, operandSegmentSizes = array<i32: 0, 0, 0, 0>,
      resultSegmentSizes = array<i32: 0, 0>}> : () -> ()
  return
}
