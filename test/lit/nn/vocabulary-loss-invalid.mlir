// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of the vocabulary loss and of the vocabulary's logits.

!si = tensor<?xi32, #nn.space<sequences>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @c1(%0: !t4, %1: !w64, %2: !si) {
  // expected-error @below {{C1: expected labels and x over the same rows}}
  %r = nn.vocabulary_loss %0, %1, %2
      : (!t4, !w64, !si) -> !t1
  return
}

// -----

!t1 = tensor<?xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w65 = tensor<6x5xf32>
func.func @c2(%0: !t4, %1: !w65, %2: !ti) {
  // expected-error @below {{C2: expected weight of width 4 (x's width), got 5}}
  %r = nn.vocabulary_loss %0, %1, %2
      : (!t4, !w65, !ti) -> !t1
  return
}

// -----

!s1 = tensor<?xf32, #nn.space<sequences>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @c3(%0: !t4, %1: !w64, %2: !ti) {
  // expected-error @below {{C3: expected row_loss and x over the same rows}}
  %r = nn.vocabulary_loss %0, %1, %2
      : (!t4, !w64, !ti) -> !s1
  return
}

// -----

!si = tensor<?xi32, #nn.space<sequences>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @grad_c1(%0: !t4, %1: !w64, %2: !si, %3: !t1) {
  // expected-error @below {{C1: expected labels and x over the same rows}}
  %r:3 = nn.vocabulary_loss_grad %0, %1, %2, %3
      : (!t4, !w64, !si, !t1) -> (!t1, !t4, !w64)
  return
}

// -----

!t1 = tensor<?xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w65 = tensor<6x5xf32>
func.func @grad_c2(%0: !t4, %1: !w65, %2: !ti, %3: !t1) {
  // expected-error @below {{C2: expected weight of width 4 (x's width), got 5}}
  %r:3 = nn.vocabulary_loss_grad %0, %1, %2, %3
      : (!t4, !w65, !ti, !t1) -> (!t1, !t4, !w65)
  return
}

// -----

!s1 = tensor<?xf32, #nn.space<sequences>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @grad_c3(%0: !t4, %1: !w64, %2: !ti, %3: !t1) {
  // expected-error @below {{C3: expected row_loss and x over the same rows}}
  %r:3 = nn.vocabulary_loss_grad %0, %1, %2, %3
      : (!t4, !w64, !ti, !t1) -> (!s1, !t4, !w64)
  return
}

// -----

!s1 = tensor<?xf32, #nn.space<sequences>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @grad_c4(%0: !t4, %1: !w64, %2: !ti, %3: !s1) {
  // expected-error @below {{C4: expected drow_loss and x over the same rows}}
  %r:3 = nn.vocabulary_loss_grad %0, %1, %2, %3
      : (!t4, !w64, !ti, !s1) -> (!t1, !t4, !w64)
  return
}

// -----

!t1 = tensor<?xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @grad_c5(%0: !t4, %1: !w64, %2: !ti, %3: !t1) {
  // expected-error @below {{C5: expected dx of x's type}}
  %r:3 = nn.vocabulary_loss_grad %0, %1, %2, %3
      : (!t4, !w64, !ti, !t1) -> (!t1, !t6, !w64)
  return
}

// -----

!t1 = tensor<?xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w54 = tensor<5x4xf32>
!w64 = tensor<6x4xf32>
func.func @grad_c6(%0: !t4, %1: !w64, %2: !ti, %3: !t1) {
  // expected-error @below {{C6: expected dweight of weight's type}}
  %r:3 = nn.vocabulary_loss_grad %0, %1, %2, %3
      : (!t4, !w64, !ti, !t1) -> (!t1, !t4, !w54)
  return
}

// -----

!t1 = tensor<?xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @c7(%0: !t4, %1: !w64, %2: !ti, %3: tensor<1x5xf32>) {
  // expected-error @below {{C7: expected bias of shape [1, 6], got 'tensor<1x5xf32>'}}
  %r = nn.vocabulary_loss %0, %1, %2, %3 : (!t4, !w64, !ti, tensor<1x5xf32>) -> !t1
  return
}

// -----

!t1 = tensor<?xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @grad_c7(%0: !t4, %1: !w64, %2: !ti, %3: !t1, %4: tensor<6x1xf32>) {
  // expected-error @below {{C7: expected bias of shape [1, 6]}}
  %r:2 = nn.vocabulary_loss_grad %0, %1, %2, %3, %4
      : (!t4, !w64, !ti, !t1, tensor<6x1xf32>) -> (!t1, !t4)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w65 = tensor<6x5xf32>
func.func @logits_c1(%0: !t4, %1: !w65) {
  // expected-error @below {{C1: expected weight of width 4 (x's width), got 5}}
  %r = nn.vocabulary_logits %0, %1 : (!t4, !w65) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s6 = tensor<?x6xf32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
func.func @logits_c2(%0: !t4, %1: !w64) {
  // expected-error @below {{C2: expected logits and x over the same rows}}
  %r = nn.vocabulary_logits %0, %1 : (!t4, !w64) -> !s6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @logits_c3(%0: !t4, %1: !w64) {
  // expected-error @below {{C3: expected logits of width 6 (weight's rows), got 4}}
  %r = nn.vocabulary_logits %0, %1 : (!t4, !w64) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @logits_c4(%0: !t4, %1: !w64, %2: tensor<1x5xf32>) {
  // expected-error @below {{C4: expected bias of shape [1, 6], got 'tensor<1x5xf32>'}}
  %r = nn.vocabulary_logits %0, %1, %2 : (!t4, !w64, tensor<1x5xf32>) -> !t6
  return
}
