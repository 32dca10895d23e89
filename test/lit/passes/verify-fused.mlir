// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-verify-phase=phase=fused
// No activation is left behind a linear layer.

func.func @evaluate(%x: tensor<?x4xf32, #nn.space<tokens>> {nn.input = "x"},
    %w: tensor<4x4xf32> {nn.parameter = "w", nn.tensor = "w"}) attributes {nn.program = "evaluate"} {
  %h = nn.linear %x, %w
      : (tensor<?x4xf32, #nn.space<tokens>>, tensor<4x4xf32>)
      -> tensor<?x4xf32, #nn.space<tokens>>
  // expected-error @below {{expected to be fused into the linear layer before it}}
  %y = nn.activation %h {kind = #nn.activation<relu>}
      : (tensor<?x4xf32, #nn.space<tokens>>) -> tensor<?x4xf32, #nn.space<tokens>>
  return
}
func.func @train_step() attributes {nn.program = "train_step"} {
  return
}

// -----

func.func @evaluate(%x: tensor<?x64xf32, #nn.space<tokens>> {nn.input = "x"},
    %w: tensor<64x64xf32> {nn.parameter = "w", nn.tensor = "w"}) attributes {nn.program = "evaluate"} {
  // expected-error @below {{expected readers that round it of a result in bf16}}
  %h = nn.linear %x, %w
      : (tensor<?x64xf32, #nn.space<tokens>>, tensor<64x64xf32>)
      -> tensor<?x64xbf16, #nn.space<tokens>>
  %y = nn.scale %h {factor = 2.0 : f64}
      : (tensor<?x64xbf16, #nn.space<tokens>>) -> tensor<?x64xbf16, #nn.space<tokens>>
  return
}
func.func @train_step() attributes {nn.program = "train_step"} {
  return
}
