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
  %r:3 = nn.adamw %0, %1, %2 {decay = true, operandSegmentSizes = array<i32: 1, 0, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!v4, !v4, !v4) -> (!v4, !v4, !v4)
  return
}

// -----

!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @adamw_c2(%0: !v4, %1: !v4, %2: !v4, %3: !v6) {
  // expected-error @below {{C2: expected v of the parameter's type}}
  %r:3 = nn.adamw %0, %1, %2, %3 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!v4, !v4, !v4, !v6) -> (!v4, !v4, !v4)
  return
}

// -----

!v4 = tensor<4xf32>
!one = tensor<1xf32>
func.func @adamw_c4(%0: !v4, %1: !v4, %2: !v4, %3: !v4, %4: !one) {
  // expected-error @below {{C4: expected control of [2], got}}
  %r:3 = nn.adamw %0, %1, %2, %3, %4 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0>,
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
  "nn.adamw"() <{decay = true, operandSegmentSizes = array<i32: 0, 0, 0, 0, 0, 0>,
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

// -----

func.func @lion_c3() {
  // expected-error @below {{C3: expected at least one parameter, got none}}
  "nn.lion"() <{decay = true, operandSegmentSizes = array<i32: 0, 0, 0, 0, 0>,
      resultSegmentSizes = array<i32: 0, 0>}> : () -> ()
  return
}

// -----

!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @lion_c2(%0: !v4, %1: !v4, %2: !v6) {
  // expected-error @below {{C2: expected m of the parameter's type}}
  %r:2 = nn.lion %0, %1, %2 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1>}
      : (!v4, !v4, !v6) -> (!v4, !v4)
  return
}

// -----

!w = tensor<6x4xf32>
!r = tensor<6xf32>
!c = tensor<4xf32>
func.func @adafactor_c5(%0: !w, %1: !w, %2: !r, %3: !c) {
  // expected-error @below {{C5: expected v of [6] for a parameter 'tensor<6x4xf32>', got 'tensor<4xf32>'}}
  %r:3 = nn.adafactor %0, %1, %3, %3 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!w, !w, !c, !c) -> (!w, !c, !c)
  return
}

// -----

!w = tensor<6x4xf32>
!r = tensor<6xf32>
!c = tensor<4xf32>
func.func @adafactor_c6(%0: !w, %1: !w, %2: !r, %3: !c) {
  // expected-error @below {{C6: expected new_v_column of the types of v_column}}
  %r:3 = nn.adafactor %0, %1, %2, %3 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!w, !w, !r, !c) -> (!w, !r, !r)
  return
}

// -----

!v4 = tensor<4xf32>
!one = tensor<1xf32>
func.func @adafactor_c7(%0: !v4, %1: !one) {
  // expected-error @below {{C7: expected matrices where v is factored (v_column), got 'tensor<4xf32>'}}
  %r:3 = nn.adafactor %0, %0, %0, %1 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!v4, !v4, !v4, !one) -> (!v4, !v4, !one)
  return
}

// -----

!w = tensor<6x4xf32>
func.func @adafactor_c8(%0: !w) {
  // expected-error @below {{C8: expected vectors where v is not factored, got 'tensor<6x4xf32>'}}
  %r:2 = nn.adafactor %0, %0, %0 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 0>}
      : (!w, !w, !w) -> (!w, !w)
  return
}

// -----

!w = tensor<600xf32>
!q = tensor<600xi8>
!a = tensor<2xf32>
func.func @adamw_8bit_c5(%0: !w, %1: !q, %2: !a) {
  // expected-error @below {{C5: expected m_absmax of [3] for a parameter 'tensor<600xf32>', got 'tensor<2xf32>'}}
  %r:5 = nn.adamw_8bit %0, %0, %1, %1, %2, %2 {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (!w, !w, !q, !q, !a, !a) -> (!w, !q, !q, !a, !a)
  return
}

// -----

!w = tensor<6xf32>
!q = tensor<6xi8>
!a = tensor<1xf32>
func.func @adamw_8bit_c1(%0: !w, %1: !q, %2: !a) {
  // expected-error @below {{C1: expected 1 v_absmax (one a parameter), got 0}}
  %r:4 = nn.adamw_8bit %0, %0, %1, %1, %2 {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1, 1, 0>}
      : (!w, !w, !q, !q, !a) -> (!w, !q, !q, !a)
  return
}

// -----

!w = tensor<6x4xf32>
!g = tensor<?x5xf32, #nn.space<touched>>
func.func @adamw_c9(%0: !w, %1: !g, %2: tensor<6xi32>) {
  // expected-error @below {{C9: expected a ragged gradient of the width of a parameter of 6 rows, as slots has, got 'tensor<?x5xf32, #nn.space<touched>>' and 'tensor<6x4xf32>'}}
  %r:3 = nn.adamw %0, %1, %1, %1, %2 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 1>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!w, !g, !g, !g, tensor<6xi32>) -> (!w, !g, !g)
  return
}

// -----

!x = tensor<?x6xf32, #nn.space<tokens>>
!dy = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w = tensor<4x6xf32>
!n = tensor<5x6xf32>
!k = tensor<4x7xf32>
!v = tensor<4xf32>
!u = tensor<5xf32>
func.func @linear_wgrad_update_c1(%0: !s4, %1: !x, %2: !w, %3: !w) {
  // expected-error @below {{C1: expected x and dy over the same rows}}
  %r:2 = nn.linear_wgrad_update %0, %1, %2, %3 {rule = #nn.update_rule<sgd>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!s4, !x, !w, !w) -> (!w, !w)
  return
}

// -----

!x = tensor<?x6xf32, #nn.space<tokens>>
!dy = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w = tensor<4x6xf32>
!n = tensor<5x6xf32>
!k = tensor<4x7xf32>
!v = tensor<4xf32>
!u = tensor<5xf32>
func.func @linear_wgrad_update_c2(%0: !dy, %1: !x, %2: !k, %3: !k) {
  // expected-error @below {{C2: expected}}
  %r:2 = nn.linear_wgrad_update %0, %1, %2, %3 {rule = #nn.update_rule<sgd>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!dy, !x, !k, !k) -> (!k, !k)
  return
}

// -----

!x = tensor<?x6xf32, #nn.space<tokens>>
!dy = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w = tensor<4x6xf32>
!n = tensor<5x6xf32>
!k = tensor<4x7xf32>
!v = tensor<4xf32>
!u = tensor<5xf32>
func.func @linear_wgrad_update_c3(%0: !dy, %1: !x, %2: !n, %3: !n) {
  // expected-error @below {{C3: expected weight of 4 rows (width of dy), got 5}}
  %r:2 = nn.linear_wgrad_update %0, %1, %2, %3 {rule = #nn.update_rule<sgd>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!dy, !x, !n, !n) -> (!n, !n)
  return
}

// -----

!x = tensor<?x6xf32, #nn.space<tokens>>
!dy = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w = tensor<4x6xf32>
!n = tensor<5x6xf32>
!k = tensor<4x7xf32>
!v = tensor<4xf32>
!u = tensor<5xf32>
func.func @linear_wgrad_update_c4(%0: !dy, %1: !x, %2: !w, %3: !w, %4: !u, %5: !u) {
  // expected-error @below {{C4: expected}}
  %r:4 = nn.linear_wgrad_update %0, %1, %2, %3, %4, %5 {rule = #nn.update_rule<sgd>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1>, resultSegmentSizes = array<i32: 1, 1, 1, 1>}
      : (!dy, !x, !w, !w, !u, !u) -> (!w, !w, !u, !u)
  return
}

// -----

!x = tensor<?x6xf32, #nn.space<tokens>>
!dy = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w = tensor<4x6xf32>
!n = tensor<5x6xf32>
!k = tensor<4x7xf32>
!v = tensor<4xf32>
!u = tensor<5xf32>
func.func @linear_wgrad_update_c5(%0: !dy, %1: !x, %2: !w, %3: !w) {
  // expected-error @below {{C5: expected 2 moments of rule adamw, got 1}}
  %r:2 = nn.linear_wgrad_update %0, %1, %2, %3 {rule = #nn.update_rule<adamw>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!dy, !x, !w, !w) -> (!w, !w)
  return
}

// -----

!x = tensor<?x6xf32, #nn.space<tokens>>
!dy = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w = tensor<4x6xf32>
!n = tensor<5x6xf32>
!k = tensor<4x7xf32>
!v = tensor<4xf32>
!u = tensor<5xf32>
func.func @linear_wgrad_update_c5_type(%0: !dy, %1: !x, %2: !w, %3: !n) {
  // expected-error @below {{C5: expected}}
  %r:2 = nn.linear_wgrad_update %0, %1, %2, %3 {rule = #nn.update_rule<lion>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!dy, !x, !w, !n) -> (!w, !n)
  return
}

// -----

!x = tensor<?x6xf32, #nn.space<tokens>>
!dy = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w = tensor<4x6xf32>
!n = tensor<5x6xf32>
!k = tensor<4x7xf32>
!v = tensor<4xf32>
!u = tensor<5xf32>
func.func @linear_wgrad_update_c6(%0: !dy, %1: !x, %2: !w, %3: !w, %4: !v) {
  // expected-error @below {{C6: expected 0 bias_moments of rule lion, got 1}}
  %r:3 = nn.linear_wgrad_update %0, %1, %2, %3, %4 {rule = #nn.update_rule<lion>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0, 1>}
      : (!dy, !x, !w, !w, !v) -> (!w, !w, !v)
  return
}

// -----

!x = tensor<?x6xf32, #nn.space<tokens>>
!dy = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!w = tensor<4x6xf32>
!n = tensor<5x6xf32>
!k = tensor<4x7xf32>
!v = tensor<4xf32>
!u = tensor<5xf32>
func.func @linear_wgrad_update_c7(%0: !dy, %1: !x, %2: !w, %3: !w) {
  // expected-error @below {{C7: expected a result of the type of each operand from weight on, got}}
  %r:2 = nn.linear_wgrad_update %0, %1, %2, %3 {rule = #nn.update_rule<sgd>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!dy, !x, !w, !w) -> (!w, !n)
  return
}
