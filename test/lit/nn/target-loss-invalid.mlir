// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of the losses against targets.

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!s3 = tensor<?x3xf32, #nn.space<sequences>>
!s1 = tensor<?xf32, #nn.space<sequences>>
func.func @c1(%0: !s4, %1: !s3) {
  // expected-error @below {{C1: expected targets of logits's type}}
  %r = nn.target_loss %0, %1 {kind = #nn.target_loss<squared_error>} : (!s4, !s3) -> !s1
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!t1 = tensor<?xf32, #nn.space<tokens>>
func.func @c2(%0: !s4, %1: !s4) {
  // expected-error @below {{C2: expected row_loss and logits over the same rows}}
  %r = nn.target_loss %0, %1 {kind = #nn.target_loss<binary_cross_entropy>}
      : (!s4, !s4) -> !t1
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
func.func @grad_c1(%0: !s4, %1: !t4, %2: !s1) {
  // expected-error @below {{C1: expected targets of logits's type}}
  %r = nn.target_loss_grad %0, %1, %2 {kind = #nn.target_loss<binary_cross_entropy>}
      : (!s4, !t4, !s1) -> !s4
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!t1 = tensor<?xf32, #nn.space<tokens>>
func.func @grad_c2(%0: !s4, %1: !s4, %2: !t1) {
  // expected-error @below {{C2: expected drow_loss and logits over the same rows}}
  %r = nn.target_loss_grad %0, %1, %2 {kind = #nn.target_loss<squared_error>}
      : (!s4, !s4, !t1) -> !s4
  return
}

// -----

!s4 = tensor<?x4xf32, #nn.space<sequences>>
!s3 = tensor<?x3xf32, #nn.space<sequences>>
!s1 = tensor<?xf32, #nn.space<sequences>>
func.func @grad_c3(%0: !s4, %1: !s4, %2: !s1) {
  // expected-error @below {{C3: expected dlogits of logits's type}}
  %r = nn.target_loss_grad %0, %1, %2 {kind = #nn.target_loss<squared_error>}
      : (!s4, !s4, !s1) -> !s3
  return
}
