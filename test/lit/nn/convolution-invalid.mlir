// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of rows beside their neighbours.

!t2 = tensor<?x2xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!other = tensor<?xi32, #nn.offsets<sequences, target>>
func.func @c1(%0: !t2, %1: !other) {
  // expected-error @below {{C1: expected offsets to be #nn.offsets into the space of x}}
  %r = nn.unfold %0, %1 {size = 3 : i32} : (!t2, !other) -> !t6
  return
}

// -----

!t2 = tensor<?x2xf32, #nn.space<tokens>>
!g6 = tensor<?x6xf32, #nn.space<target>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c2(%0: !t2, %1: !cu) {
  // expected-error @below {{C2: expected y and x over the same rows}}
  %r = nn.unfold %0, %1 {size = 3 : i32} : (!t2, !cu) -> !g6
  return
}

// -----

!t2 = tensor<?x2xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c3(%0: !t2, %1: !cu) {
  // expected-error @below {{C3: expected an odd size, got 2}}
  %r = nn.unfold %0, %1 {size = 2 : i32} : (!t2, !cu) -> !t4
  return
}

// -----

!t2 = tensor<?x2xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @c4(%0: !t2, %1: !cu) {
  // expected-error @below {{C4: expected y of width 6 (size * width of x), got 4}}
  %r = nn.unfold %0, %1 {size = 3 : i32} : (!t2, !cu) -> !t4
  return
}

// -----

!t2 = tensor<?x2xf32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @fold_c4(%0: !t4, %1: !cu) {
  // expected-error @below {{C4: expected dy of width 6 (size * width of dx), got 4}}
  %r = nn.fold %0, %1 {size = 3 : i32} : (!t4, !cu) -> !t2
  return
}
