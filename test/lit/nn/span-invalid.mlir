// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of the span loss.

!t3 = tensor<?x3xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c1(%0: !t3, %1: !cu, %2: !si) {
  // expected-error @below {{C1: expected logits of width 2 (start and end), got 3}}
  %r = nn.span_loss %0, %1, %2, %2
      : (!t3, !cu, !si, !si) -> !s1
  return
}

// -----

!s2 = tensor<?x2xf32, #nn.space<sequences>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c2(%0: !s2, %1: !cu, %2: !si) {
  // expected-error @below {{C2: expected offsets to be #nn.offsets into the space of logits}}
  %r = nn.span_loss %0, %1, %2, %2
      : (!s2, !cu, !si, !si) -> !s1
  return
}

// -----

!t2 = tensor<?x2xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c3(%0: !t2, %1: !cu, %2: !si, %3: !ti) {
  // expected-error @below {{C3: expected ends over the space sequences}}
  %r = nn.span_loss %0, %1, %2, %3
      : (!t2, !cu, !si, !ti) -> !s1
  return
}

// -----

!t2 = tensor<?x2xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c4(%0: !t2, %1: !cu, %2: !si) {
  // expected-error @below {{C4: expected row_loss and starts over the same rows}}
  %r = nn.span_loss %0, %1, %2, %2
      : (!t2, !cu, !si, !si) -> !t1
  return
}

// -----

!t2 = tensor<?x2xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c3(%0: !t2, %1: !cu, %2: !ti, %3: !si, %4: !s1) {
  // expected-error @below {{C3: expected starts over the space sequences}}
  %r = nn.span_loss_grad %0, %1, %2, %3, %4
      : (!t2, !cu, !ti, !si, !s1) -> !t2
  return
}

// -----

!t2 = tensor<?x2xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c4(%0: !t2, %1: !cu, %2: !si, %3: !t1) {
  // expected-error @below {{C4: expected drow_loss and starts over the same rows}}
  %r = nn.span_loss_grad %0, %1, %2, %2, %3
      : (!t2, !cu, !si, !si, !t1) -> !t2
  return
}

// -----

!t2 = tensor<?x2xf32, #nn.space<tokens>>
!t3 = tensor<?x3xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @grad_c5(%0: !t2, %1: !cu, %2: !si, %3: !s1) {
  // expected-error @below {{C5: expected dlogits of logits's type}}
  %r = nn.span_loss_grad %0, %1, %2, %2, %3
      : (!t2, !cu, !si, !si, !s1) -> !t3
  return
}
