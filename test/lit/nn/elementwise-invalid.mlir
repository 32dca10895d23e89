// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of dropout, and types of the elementwise ops.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
func.func @c1(%0: !t4, %1: !ti, %2: !ti) {
  // expected-error @below {{C1: expected y of x's type}}
  %r = nn.dropout %0, %1, %2 {rate = "p", op_id = 1 : i32, module = "m"}
      : (!t4, !ti, !ti) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @c2(%0: !t4, %1: !si, %2: !ti) {
  // expected-error @below {{C2: expected sequence and x over the same rows}}
  %r = nn.dropout %0, %1, %2 {rate = "p", op_id = 1 : i32, module = "m"}
      : (!t4, !si, !ti) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @c3(%0: !t4, %1: !ti, %2: !si) {
  // expected-error @below {{C3: expected position and x over the same rows}}
  %r = nn.dropout %0, %1, %2 {rate = "p", op_id = 1 : i32, module = "m"}
      : (!t4, !ti, !si) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
func.func @activation(%0: !t4) {
  // expected-error @below {{C1: expected y of x's type}}
  %r = nn.activation %0 {kind = #nn.activation<relu>}
      : (!t4) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
func.func @gated_up(%0: !t4, %1: !t6) {
  // expected-error @below {{C1: expected up of gate's type}}
  %r = nn.gated %0, %1 {kind = #nn.activation<silu>} : (!t4, !t6) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xbf16, #nn.space<tokens>>
func.func @gated_y(%0: !t4, %1: !t4) {
  // expected-error @below {{C2: expected y of gate's type}}
  %r = nn.gated %0, %1 {kind = #nn.activation<silu>} : (!t4, !t4) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
func.func @activation_grad(%0: !t4, %1: !t6) {
  // expected-error @below {{requires the same type for all operands and results}}
  %r = nn.activation_grad %0, %1 {kind = #nn.activation<relu>}
      : (!t4, !t6) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
func.func @add(%0: !t4, %1: !s4) {
  // expected-error @below {{requires the same encoding for all operands and results}}
  %r = nn.add %0, %1
      : (!t4, !s4) -> !t4
  return
}
