// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-verify-phase=phase=import
// What a frontend promises.

func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w"}) -> (tensor<4xf32> {nn.output = "row_loss"}, tensor<4xf32> {nn.output = "logits"}) {
  return %w, %w : tensor<4xf32>, tensor<4xf32>
}

// -----

// expected-error @below {{expected argument 0 to be an input, parameter, gradient, moment or state, got none}}
func.func @forward(%w: tensor<4xf32>) {
  return
}

// -----

// expected-error @below {{expected argument 0 to have one role, got two}}
func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.input = "w"}) {
  return
}

// -----

// expected-error @below {{expected one argument nn.parameter=w, got two}}
func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w"},
    %v: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w"}) {
  return
}

// -----

// expected-error @below {{expected only parameters to be trainable, got nn.input=w}}
func.func @forward(%w: tensor<4xf32> {nn.input = "w", nn.trainable}) {
  return
}

// -----

// expected-error @below {{expected only trainable parameters to decay, got nn.parameter=w}}
func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.decay}) {
  return
}

// -----

// expected-error @below {{expected result 0 to be either an output or an update}}
func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w"}) -> tensor<4xf32> {
  return %w : tensor<4xf32>
}

// -----

// expected-error @below {{expected result 0 to update an argument of its type, got argument 1}}
func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w"}) -> (tensor<4xf32> {nn.updates = 1 : i32}) {
  return %w : tensor<4xf32>
}

// -----

// expected-error @below {{expected argument 0 updated once, got twice}}
func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w"}) -> (tensor<4xf32> {nn.updates = 0 : i32}, tensor<4xf32> {nn.updates = 0 : i32}) {
  return %w, %w : tensor<4xf32>, tensor<4xf32>
}

// -----

// expected-error @below {{expected parameter 'w' to have a tensor or an init, got neither}}
func.func @forward(%w: tensor<4xf32> {nn.parameter = "w"}) {
  return
}

// -----

// expected-error @below {{expected nothing trainable before a method is applied}}
func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable}) {
  return
}

// -----

// expected-error @below {{expected an output 'row_loss', got none}}
func.func @forward(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w"}) {
  return
}

// -----

// expected-error @below {{phase 'import': expected @forward, got none}}
module {
}
