// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of the losses.

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!ti = tensor<?xi32, #nn.space<tokens>>
func.func @c1(%0: !s4, %1: !ti) {
  // expected-error @below {{C1: expected labels and logits over the same rows}}
  %r = nn.cross_entropy %0, %1
      : (!s4, !ti) -> !s1
  return
}

// -----

!t1 = tensor<?xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @c2(%0: !s4, %1: !si) {
  // expected-error @below {{C2: expected row_loss and logits over the same rows}}
  %r = nn.cross_entropy %0, %1
      : (!s4, !si) -> !t1
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!ti = tensor<?xi32, #nn.space<tokens>>
func.func @grad_c1(%0: !s4, %1: !ti, %2: !s1) {
  // expected-error @below {{C1: expected labels and logits over the same rows}}
  %r = nn.cross_entropy_grad %0, %1, %2
      : (!s4, !ti, !s1) -> !s4
  return
}

// -----

!t1 = tensor<?xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @grad_c2(%0: !s4, %1: !si, %2: !t1) {
  // expected-error @below {{C2: expected drow_loss and logits over the same rows}}
  %r = nn.cross_entropy_grad %0, %1, %2
      : (!s4, !si, !t1) -> !s4
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!s6 = tensor<?x6xf32, #nn.space<sequences>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @grad_c3(%0: !s4, %1: !si, %2: !s1) {
  // expected-error @below {{C3: expected dlogits of logits's type}}
  %r = nn.cross_entropy_grad %0, %1, %2
      : (!s4, !si, !s1) -> !s6
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @weights_c3(%0: !s4, %1: !si, %2: tensor<3xf32>) {
  // expected-error @below {{C3: expected class_weights of width 4 (one a class), got 3}}
  %r = nn.cross_entropy %0, %1, %2
      : (!s4, !si, tensor<3xf32>) -> !s1
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @weights_grad_c4(%0: !s4, %1: !si, %2: !s1, %3: tensor<5xf32>) {
  // expected-error @below {{C4: expected class_weights of width 4 (one a class), got 5}}
  %r = nn.cross_entropy_grad %0, %1, %2, %3
      : (!s4, !si, !s1, tensor<5xf32>) -> !s4
  return
}
