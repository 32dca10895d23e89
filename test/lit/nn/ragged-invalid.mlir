// RUN: ftc-opt %s -split-input-file -verify-diagnostics
// What a ragged tensor must be, checked where its type is made or by every op.

// expected-error @below {{expected a dynamic dimension 0 of a tensor over a ragged space}}
func.func private @static(tensor<8x4xf32, #nn.space<tokens>>)

// -----

// expected-error @below {{expected only dimension 0 of a ragged tensor to be dynamic}}
func.func private @twoDynamic(tensor<?x?xf32, #nn.space<tokens>>)

// -----

// expected-error @below {{expected offsets as a one-dimensional tensor of i32}}
func.func private @offsets(tensor<?xf32, #nn.offsets<sequences, tokens>>)

// -----

func.func @unnamed(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected operand 0 to be static or to name its space}}
  %y = nn.add %x, %x : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @unnamedResult(%w: tensor<6x4xf32>, %r: tensor<?xi32, #nn.space<tokens>>) {
  // expected-error @below {{expected result 0 to be static or to name its space}}
  %y = nn.gather_rows %w, %r
      : (tensor<6x4xf32>, tensor<?xi32, #nn.space<tokens>>) -> tensor<?x4xf32>
  return
}
