// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// Each constraint of split_columns, concat_columns and rotary.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
func.func @c1(%x: !t4) {
  // expected-error @below {{C1: expected at least one part, got none}}
  "nn.split_columns"(%x) : (!t4) -> ()
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!s2 = tensor<?x2xf32, #nn.space<sequences>>
func.func @c2(%x: !t4) {
  // expected-error @below {{C2: expected a part and x over the same rows}}
  %a, %b = nn.split_columns %x : (!t4) -> (!t2, !s2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
func.func @c3(%x: !t4) {
  // expected-error @below {{C3: expected x of width 6 (sum of the parts' widths), got 4}}
  %a, %b, %c = nn.split_columns %x : (!t4) -> (!t2, !t2, !t2)
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
func.func @concat_c3(%a: !t2) {
  // expected-error @below {{C3: expected y of width 2 (sum of the parts' widths), got 4}}
  %y = nn.concat_columns %a : (!t2) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
func.func @rotary_c1(%x: !t4, %position: !ti) {
  // expected-error @below {{C1: expected y of x's type}}
  %y = nn.rotary %x, %position {heads = 1 : i32, frequencies = array<f32: 1.0, 0.5>}
      : (!t4, !ti) -> !t2
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
func.func @rotary_c2(%x: !t4, %position: !si) {
  // expected-error @below {{C2: expected position and x over the same rows}}
  %y = nn.rotary %x, %position {heads = 1 : i32, frequencies = array<f32: 1.0, 0.5>}
      : (!t4, !si) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
func.func @rotary_c3(%x: !t4, %position: !ti) {
  // expected-error @below {{C3: expected x of heads * 2 * frequencies columns, got 4 for 2 heads and 2 frequencies}}
  %y = nn.rotary %x, %position {heads = 2 : i32, frequencies = array<f32: 1.0, 0.5>}
      : (!t4, !ti) -> !t4
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ti = tensor<?xi32, #nn.space<tokens>>
func.func @rotary_c4(%x: !t4, %position: !ti) {
  // expected-error @below {{C4: expected finite frequencies}}
  %y = nn.rotary %x, %position {heads = 1 : i32, frequencies = array<f32: 1.0, 0x7F800000>}
      : (!t4, !ti) -> !t4
  return
}
