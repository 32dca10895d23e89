// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of embeddings, gathers and scatters.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @c1(%0: !ti, %1: !w64, %2: !w64) {
  // expected-error @below {{C1: expected one to three tables, each with its ids, got 2 tables and 1 ids}}
  %r = nn.embedding %0, %1, %2 {operandSegmentSizes = array<i32: 1, 2>}
      : (!ti, !w64, !w64) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!w64 = tensor<6x4xf32>
func.func @c2(%0: !si, %1: !w64) {
  // expected-error @below {{C2: expected ids and y over the same rows}}
  %r = nn.embedding %0, %1 {operandSegmentSizes = array<i32: 1, 1>}
      : (!si, !w64) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w65 = tensor<6x5xf32>
func.func @c3(%0: !ti, %1: !w65) {
  // expected-error @below {{C3: expected table of width 4 (width of y), got 5}}
  %r = nn.embedding %0, %1 {operandSegmentSizes = array<i32: 1, 1>}
      : (!ti, !w65) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!seg = tensor<?xi32, #nn.offsets<ids.unique, tokens>>
!uni = tensor<?xi32, #nn.space<ids.unique>>
!w64 = tensor<6x4xf32>
func.func @grad_c1(%0: !t4, %1: !si, %2: !seg, %3: !uni) {
  // expected-error @below {{C1: expected order and dy over the same rows}}
  %r = nn.embedding_grad %0, %1, %2, %3
      : (!t4, !si, !seg, !uni) -> !w64
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!so = tensor<?xi32, #nn.offsets<sequences, sequences>>
!uni = tensor<?xi32, #nn.space<ids.unique>>
!w64 = tensor<6x4xf32>
func.func @grad_c2(%0: !t4, %1: !ti, %2: !so, %3: !uni) {
  // expected-error @below {{C2: expected segments to be #nn.offsets into the space of dy}}
  %r = nn.embedding_grad %0, %1, %2, %3
      : (!t4, !ti, !so, !uni) -> !w64
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!seg = tensor<?xi32, #nn.offsets<ids.unique, tokens>>
!uni = tensor<?xi32, #nn.space<ids.unique>>
!w65 = tensor<6x5xf32>
func.func @grad_c3(%0: !t4, %1: !ti, %2: !seg, %3: !uni) {
  // expected-error @below {{C3: expected dtable of width 4 (width of dy), got 5}}
  %r = nn.embedding_grad %0, %1, %2, %3
      : (!t4, !ti, !seg, !uni) -> !w65
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!seg = tensor<?xi32, #nn.offsets<ids.unique, tokens>>
!w64 = tensor<6x4xf32>
func.func @grad_c4(%0: !t4, %1: !ti, %2: !seg, %3: !si) {
  // expected-error @below {{C4: expected rows over the space ids.unique}}
  %r = nn.embedding_grad %0, %1, %2, %3
      : (!t4, !ti, !seg, !si) -> !w64
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s6 = tensor<?x6xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @gather_c1(%0: !t4, %1: !si) {
  // expected-error @below {{C1: expected rows of y and x to be alike}}
  %r = nn.gather_rows %0, %1
      : (!t4, !si) -> !s6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @gather_c2(%0: !t4, %1: !si) {
  // expected-error @below {{C2: expected y and rows over the same rows}}
  %r = nn.gather_rows %0, %1
      : (!t4, !si) -> !t4
  return
}

// -----

!t6 = tensor<?x6xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @scatter_c1(%0: !s4, %1: !si) {
  // expected-error @below {{C1: expected rows of dx and dy to be alike}}
  %r = nn.scatter_rows %0, %1
      : (!s4, !si) -> !t6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!ti = tensor<?xi32, #nn.space<tokens>>
func.func @scatter_c2(%0: !s4, %1: !ti) {
  // expected-error @below {{C2: expected rows and dy over the same rows}}
  %r = nn.scatter_rows %0, %1
      : (!s4, !ti) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, labelled>>
func.func @mean_c1(%x: !t4, %cu: !cu) {
  // expected-error @below {{C1: expected offsets to be #nn.offsets into the space of x}}
  %y = nn.mean_rows %x, %cu : (!t4, !cu) -> !s4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s6 = tensor<?x6xf32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @mean_c2(%x: !t4, %cu: !cu) {
  // expected-error @below {{C2: expected rows of y and x to be alike}}
  %y = nn.mean_rows %x, %cu : (!t4, !cu) -> !s6
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!l4 = tensor<?x4xf32, #nn.space<labelled>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @mean_c3(%x: !t4, %cu: !cu) {
  // expected-error @below {{C3: expected y over the space sequences}}
  %y = nn.mean_rows %x, %cu : (!t4, !cu) -> !l4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!l4 = tensor<?x4xf32, #nn.space<labelled>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
func.func @mean_grad_c3(%dy: !l4, %cu: !cu) {
  // expected-error @below {{C3: expected dy over the space sequences}}
  %dx = nn.mean_rows_grad %dy, %cu : (!l4, !cu) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!w64 = tensor<6x4xf32>
func.func @c4(%0: !ti, %1: !w64) {
  // expected-error @below {{C4: expected padding among the table's 6 rows, got 6}}
  %r = nn.embedding %0, %1 {operandSegmentSizes = array<i32: 1, 1>, padding = 6 : i32}
      : (!ti, !w64) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!seg = tensor<?xi32, #nn.offsets<ids.unique, tokens>>
!uni = tensor<?xi32, #nn.space<ids.unique>>
!w64 = tensor<6x4xf32>
func.func @grad_c5(%0: !t4, %1: !ti, %2: !seg, %3: !uni) {
  // expected-error @below {{C5: expected padding among the table's 6 rows, got -1}}
  %r = nn.embedding_grad %0, %1, %2, %3 {padding = -1 : i32}
      : (!t4, !ti, !seg, !uni) -> !w64
  return
}

// -----

!ti = tensor<?xi32, #nn.space<tokens>>
func.func @iota_c1() {
  // expected-error @below {{C1: expected a static number of elements, all of which i32 holds}}
  %r = nn.iota {step = 1 : i32} : () -> !ti
  return
}

// -----

func.func @iota_c1_large() {
  // expected-error @below {{C1: expected a static number of elements, all of which i32 holds, got 'tensor<9xi32>' by 1000000000}}
  %r = nn.iota {step = 1000000000 : i32} : () -> tensor<9xi32>
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!seg = tensor<?xi32, #nn.offsets<ids.unique, tokens>>
!uni = tensor<?xi32, #nn.space<ids.unique>>
!w64 = tensor<6x4xf32>
func.func @grad_c6(%0: !t4, %1: !ti, %2: !seg, %3: !uni, %4: tensor<6xi32>) {
  // expected-error @below {{C6: expected slots of a static vocabulary and a gradient over a ragged space}}
  %r = nn.embedding_grad %0, %1, %2, %3, %4
      : (!t4, !ti, !seg, !uni, tensor<6xi32>) -> !w64
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
!seg = tensor<?xi32, #nn.offsets<ids.unique, tokens>>
!uni = tensor<?xi32, #nn.space<ids.unique>>
!rows = tensor<?x4xf32, #nn.space<touched>>
func.func @grad_c5_slots(%0: !t4, %1: !ti, %2: !seg, %3: !uni, %4: tensor<6xi32>) {
  // expected-error @below {{C5: expected padding among the table's 6 rows, got 6}}
  %r = nn.embedding_grad %0, %1, %2, %3, %4 {padding = 6 : i32}
      : (!t4, !ti, !seg, !uni, tensor<6xi32>) -> !rows
  return
}
