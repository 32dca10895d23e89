// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of layer_norm, add_layer_norm, rms_norm and their gradients.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
func.func @c1(%0: !t4, %1: !v4, %2: !v4) {
  // expected-error @below {{C1: expected y of x's type}}
  %r:3 = nn.layer_norm %0, %1, %2 {eps = 1.0e-5 : f64}
      : (!t4, !v4, !v4) -> (!t6, !t1, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @c2(%0: !t4, %1: !v6, %2: !v4) {
  // expected-error @below {{C2: expected gamma of width 4 (width of x), got 6}}
  %r:3 = nn.layer_norm %0, %1, %2 {eps = 1.0e-5 : f64}
      : (!t4, !v6, !v4) -> (!t4, !t1, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @c3(%0: !t4, %1: !v4, %2: !v6) {
  // expected-error @below {{C3: expected beta of width 4 (width of x), got 6}}
  %r:3 = nn.layer_norm %0, %1, %2 {eps = 1.0e-5 : f64}
      : (!t4, !v4, !v6) -> (!t4, !t1, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
func.func @c4(%0: !t4, %1: !v4, %2: !v4) {
  // expected-error @below {{C4: expected mean and x over the same rows}}
  %r:3 = nn.layer_norm %0, %1, %2 {eps = 1.0e-5 : f64}
      : (!t4, !v4, !v4) -> (!t4, !s1, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
func.func @c5(%0: !t4, %1: !v4, %2: !v4) {
  // expected-error @below {{C5: expected rstd and x over the same rows}}
  %r:3 = nn.layer_norm %0, %1, %2 {eps = 1.0e-5 : f64}
      : (!t4, !v4, !v4) -> (!t4, !t1, !s1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
func.func @c6(%0: !t4, %1: !v4, %2: !v4) {
  // expected-error @below {{C6: expected eps > 0, got 0}}
  %r:3 = nn.layer_norm %0, %1, %2 {eps = 0.0 : f64}
      : (!t4, !v4, !v4) -> (!t4, !t1, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
func.func @c7(%0: !t4, %1: !t6, %2: !v4, %3: !v4) {
  // expected-error @below {{C7: expected residual of x's type}}
  %r:4 = nn.add_layer_norm %0, %1, %2, %3 {eps = 1.0e-5 : f64,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}
      : (!t4, !t6, !v4, !v4) -> (!t4, !t4, !t1, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
func.func @c8(%0: !t4, %1: !t4, %2: !v4, %3: !v4) {
  // expected-error @below {{C8: expected sum of x's type}}
  %r:4 = nn.add_layer_norm %0, %1, %2, %3 {eps = 1.0e-5 : f64,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}
      : (!t4, !t4, !v4, !v4) -> (!t4, !t6, !t1, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
func.func @c9(%0: !t4, %1: !t4, %2: !v4, %3: !v4) {
  // expected-error @below {{C9: expected sequence, position and op_id exactly when there is a rate}}
  %r:4 = nn.add_layer_norm %0, %1, %2, %3 {eps = 1.0e-5 : f64, rate = "p", op_id = 1 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}
      : (!t4, !t4, !v4, !v4) -> (!t4, !t4, !t1, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!v4 = tensor<4xf32>
func.func @c10(%0: !t4, %1: !t4, %2: !v4, %3: !v4, %4: !si, %5: !ti) {
  // expected-error @below {{C10: expected sequence and x over the same rows}}
  %r:4 = nn.add_layer_norm %0, %1, %2, %3, %4, %5 {eps = 1.0e-5 : f64, rate = "p", op_id = 1 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1>}
      : (!t4, !t4, !v4, !v4, !si, !ti) -> (!t4, !t4, !t1, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!v4 = tensor<4xf32>
func.func @c11(%0: !t4, %1: !t4, %2: !v4, %3: !v4, %4: !ti, %5: !si) {
  // expected-error @below {{C11: expected position and x over the same rows}}
  %r:4 = nn.add_layer_norm %0, %1, %2, %3, %4, %5 {eps = 1.0e-5 : f64, rate = "p", op_id = 1 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1>}
      : (!t4, !t4, !v4, !v4, !ti, !si) -> (!t4, !t4, !t1, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
func.func @grad_c1(%0: !t6, %1: !t4, %2: !t1, %3: !t1, %4: !v4) {
  // expected-error @below {{C1: expected dy of x's type}}
  %r:3 = nn.layer_norm_grad %0, %1, %2, %3, %4
      : (!t6, !t4, !t1, !t1, !v4) -> (!t4, !v4, !v4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
func.func @grad_c2(%0: !t4, %1: !t4, %2: !t1, %3: !t1, %4: !v4) {
  // expected-error @below {{C2: expected dx of x's type}}
  %r:3 = nn.layer_norm_grad %0, %1, %2, %3, %4
      : (!t4, !t4, !t1, !t1, !v4) -> (!t6, !v4, !v4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
func.func @grad_c3(%0: !t4, %1: !t4, %2: !s1, %3: !t1, %4: !v4) {
  // expected-error @below {{C3: expected mean and x over the same rows}}
  %r:3 = nn.layer_norm_grad %0, %1, %2, %3, %4
      : (!t4, !t4, !s1, !t1, !v4) -> (!t4, !v4, !v4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
func.func @grad_c4(%0: !t4, %1: !t4, %2: !t1, %3: !s1, %4: !v4) {
  // expected-error @below {{C4: expected rstd and x over the same rows}}
  %r:3 = nn.layer_norm_grad %0, %1, %2, %3, %4
      : (!t4, !t4, !t1, !s1, !v4) -> (!t4, !v4, !v4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @grad_c5(%0: !t4, %1: !t4, %2: !t1, %3: !t1, %4: !v6) {
  // expected-error @below {{C5: expected gamma of width 4 (width of x), got 6}}
  %r:3 = nn.layer_norm_grad %0, %1, %2, %3, %4
      : (!t4, !t4, !t1, !t1, !v6) -> (!t4, !v6, !v4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @grad_c6(%0: !t4, %1: !t4, %2: !t1, %3: !t1, %4: !v4) {
  // expected-error @below {{C6: expected dgamma of gamma's type}}
  %r:3 = nn.layer_norm_grad %0, %1, %2, %3, %4
      : (!t4, !t4, !t1, !t1, !v4) -> (!t4, !v6, !v4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @grad_c7(%0: !t4, %1: !t4, %2: !t1, %3: !t1, %4: !v4) {
  // expected-error @below {{C7: expected dbeta of width 4 (width of x), got 6}}
  %r:3 = nn.layer_norm_grad %0, %1, %2, %3, %4
      : (!t4, !t4, !t1, !t1, !v4) -> (!t4, !v4, !v6)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @rms_c1(%x: !t4, %gamma: !v4) {
  // expected-error @below {{C1: expected y of x's type}}
  %r:2 = nn.rms_norm %x, %gamma {eps = 1.0e-6 : f64} : (!t4, !v4) -> (!t6, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @rms_c2(%x: !t4, %gamma: !v6) {
  // expected-error @below {{C2: expected gamma of width 4 (width of x), got 6}}
  %r:2 = nn.rms_norm %x, %gamma {eps = 1.0e-6 : f64} : (!t4, !v6) -> (!t4, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @rms_c3(%x: !t4, %gamma: !v4) {
  // expected-error @below {{C3: expected rstd and x over the same rows}}
  %r:2 = nn.rms_norm %x, %gamma {eps = 1.0e-6 : f64} : (!t4, !v4) -> (!t4, !s1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @rms_c4(%x: !t4, %gamma: !v4) {
  // expected-error @below {{C4: expected eps > 0, got 0}}
  %r:2 = nn.rms_norm %x, %gamma {eps = 0.0 : f64} : (!t4, !v4) -> (!t4, !t1)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @rms_grad_c1(%dy: !t6, %x: !t4, %rstd: !t1, %gamma: !v4) {
  // expected-error @below {{C1: expected dy of x's type}}
  %r:2 = nn.rms_norm_grad %dy, %x, %rstd, %gamma
      : (!t6, !t4, !t1, !v4) -> (!t4, !v4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @rms_grad_c2(%dy: !t4, %x: !t4, %rstd: !t1, %gamma: !v4) {
  // expected-error @below {{C2: expected dx of x's type}}
  %r:2 = nn.rms_norm_grad %dy, %x, %rstd, %gamma
      : (!t4, !t4, !t1, !v4) -> (!t6, !v4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @rms_grad_c3(%dy: !t4, %x: !t4, %rstd: !s1, %gamma: !v4) {
  // expected-error @below {{C3: expected rstd and x over the same rows}}
  %r:2 = nn.rms_norm_grad %dy, %x, %rstd, %gamma
      : (!t4, !t4, !s1, !v4) -> (!t4, !v4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @rms_grad_c4(%dy: !t4, %x: !t4, %rstd: !t1, %gamma: !v6) {
  // expected-error @below {{C4: expected gamma of width 4 (width of x), got 6}}
  %r:2 = nn.rms_norm_grad %dy, %x, %rstd, %gamma
      : (!t4, !t4, !t1, !v6) -> (!t4, !v4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
func.func @rms_grad_c5(%dy: !t4, %x: !t4, %rstd: !t1, %gamma: !v4) {
  // expected-error @below {{C5: expected dgamma of gamma's type}}
  %r:2 = nn.rms_norm_grad %dy, %x, %rstd, %gamma
      : (!t4, !t4, !t1, !v4) -> (!t4, !v6)
  return
}
