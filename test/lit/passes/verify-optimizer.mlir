// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-verify-phase=phase=optimizer
// apply updates every reached parameter and its moments.

// expected-error @below {{expected a program 'apply' beside it, got none}}
func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w", nn.trainable},
    %g: tensor<4xf32> {nn.gradient = "w"}) -> (tensor<4xf32> {nn.updates = 1 : i32}) attributes {nn.program = "train_accumulate"} {
  return %g : tensor<4xf32>
}

// -----

func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w", nn.trainable},
    %g: tensor<4xf32> {nn.gradient = "w"}) -> (tensor<4xf32> {nn.updates = 1 : i32}) attributes {nn.program = "train_accumulate"} {
  return %g : tensor<4xf32>
}

// expected-error @below {{expected nn.parameter 'w' as an argument that a result updates}}
func.func @apply(%w: tensor<4xf32> {nn.parameter = "w", nn.trainable}) attributes {nn.program = "apply"} {
  return
}

// -----

func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w", nn.trainable},
    %g: tensor<4xf32> {nn.gradient = "w"}) -> (tensor<4xf32> {nn.updates = 1 : i32}) attributes {nn.program = "train_accumulate"} {
  return %g : tensor<4xf32>
}

// expected-error @below {{expected nn.moment 'w' as an argument that a result updates}}
func.func @apply(%w: tensor<4xf32> {nn.parameter = "w", nn.trainable}) -> (tensor<4xf32> {nn.updates = 0 : i32}) attributes {nn.program = "apply"} {
  return %w : tensor<4xf32>
}
