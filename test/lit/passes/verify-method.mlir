// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-verify-phase=phase=method
// Behind a method something is trainable.

func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable}) -> (tensor<4xf32> {nn.output = "row_loss"}, tensor<4xf32> {nn.output = "logits"}) {
  return %w, %w : tensor<4xf32>, tensor<4xf32>
}

// -----

// expected-error @below {{expected a trainable parameter, got none}}
func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w"}) -> (tensor<4xf32> {nn.output = "row_loss"}, tensor<4xf32> {nn.output = "logits"}) {
  return %w, %w : tensor<4xf32>, tensor<4xf32>
}
