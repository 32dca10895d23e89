// RUN: ftc-opt %s -split-input-file -ftc-apply-lora="target-modules=q,words" -verify-diagnostics

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!w = tensor<4x4xf32>

// expected-error @below {{lora: no linear layer is named q or words; expected some of key, up}}
func.func @forward(%x: !t4 {nn.input = "x"}, %k: !w {nn.parameter = "l.key", nn.tensor = "k"},
    %u: !w {nn.parameter = "l.up.weight", nn.tensor = "u"},
    %v: !w {nn.parameter = "l.key.weight", nn.tensor = "v"}) -> !t4 {
  %0 = nn.linear %x, %v : (!t4, !w) -> !t4
  %1 = nn.linear %0, %u : (!t4, !w) -> !t4
  return %1 : !t4
}

// -----

!ids = tensor<?xi32, #nn.space<tokens>>
!t4 = tensor<?x4xf32, #nn.space<tokens>>

// expected-error @below {{lora: target module 'e.words' is an embedding, which is not supported}}
func.func @forward(%i: !ids {nn.input = "input_ids"},
    %w: tensor<9x4xf32> {nn.parameter = "e.words.weight", nn.tensor = "w"}) -> !t4 {
  %0 = "nn.embedding"(%i, %w) <{operandSegmentSizes = array<i32: 1, 1>}>
      : (!ids, tensor<9x4xf32>) -> !t4
  return %0 : !t4
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>

// expected-error @below {{lora: target module 'e.q' is a convolution, which is not supported}}
func.func @forward(%x: !t4 {nn.input = "x"},
    %w: tensor<2x4xf32> {nn.parameter = "e.q.weight", nn.shape = array<i64: 2, 4, 1>, nn.tensor = "w"})
    -> tensor<?x2xf32, #nn.space<tokens>> {
  %0 = nn.linear %x, %w : (!t4, tensor<2x4xf32>) -> tensor<?x2xf32, #nn.space<tokens>>
  return %0 : tensor<?x2xf32, #nn.space<tokens>>
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w = tensor<4x4xf32>

// One of two targets is there.
// expected-warning @below {{lora: no linear layer is named 'words'}}
func.func @forward(%x: !t4 {nn.input = "x"},
    %q: !w {nn.parameter = "l.q.weight", nn.tensor = "q"}) -> !t4 {
  %0 = nn.linear %x, %q : (!t4, !w) -> !t4
  return %0 : !t4
}

// -----

// expected-error @below {{ftc-apply-lora: expected a function @forward, got none}}
module {
}
