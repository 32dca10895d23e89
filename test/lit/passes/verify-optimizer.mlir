// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-verify-phase=phase=optimizer
// apply updates every reached parameter and its moments.

// expected-error @below {{expected a program 'apply' beside it, got none}}
func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable},
    %g: tensor<4xf32> {nn.gradient = "w"}) -> (tensor<4xf32> {nn.updates = 1 : i32}) attributes {nn.program = "train_accumulate"} {
  return %g : tensor<4xf32>
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}

// -----

func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable},
    %g: tensor<4xf32> {nn.gradient = "w"}) -> (tensor<4xf32> {nn.updates = 1 : i32}) attributes {nn.program = "train_accumulate"} {
  return %g : tensor<4xf32>
}

// expected-error @below {{expected nn.parameter 'w' as an argument that a result updates}}
func.func @apply(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable}) attributes {nn.program = "apply"} {
  return
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}

// -----

func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable},
    %g: tensor<4xf32> {nn.gradient = "w"}) -> (tensor<4xf32> {nn.updates = 1 : i32}) attributes {nn.program = "train_accumulate"} {
  return %g : tensor<4xf32>
}

// expected-error @below {{expected nn.moment 'w' as an argument that a result updates}}
func.func @apply(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable}) -> (tensor<4xf32> {nn.updates = 0 : i32}) attributes {nn.program = "apply"} {
  return %w : tensor<4xf32>
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}

// -----

// expected-error @below {{expected the programs 'train_accumulate' and 'apply', or 'train_step', got none}}
module {
  func.func @evaluate() attributes {nn.program = "evaluate"} {
    return
  }
}

// -----

func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}
// expected-error @below {{expected a program 'train_accumulate' beside it, got none}}
func.func @apply() attributes {nn.program = "apply"} {
  return
}

// -----

func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}
// expected-error @below {{expected nn.parameter 'w' as an argument that a result updates}}
func.func @train_step(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable}) attributes {nn.program = "train_step"} {
  return
}

// -----

func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}
func.func @train_step() attributes {nn.program = "train_step"} {
  return
}
// expected-error @below {{expected nn.moment 'w' to be of a parameter that a program has, got none}}
func.func @other(%m: tensor<4xf32> {nn.moment = "w", nn.moment_index = 0 : i32}) {
  return
}

// -----

func.func @evaluate(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable, nn.decay}) attributes {nn.program = "evaluate"} {
  return
}
func.func @train_step(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable},
    %g: tensor<4xf32> {nn.input = "g"}, %m: tensor<4xf32> {nn.moment = "w", nn.moment_index = 0 : i32})
    -> (tensor<4xf32> {nn.updates = 0 : i32}, tensor<4xf32> {nn.updates = 2 : i32}) attributes {nn.program = "train_step"} {
  // Some program says that it decays.
  %p, %n = nn.sgd %w, %g, %m {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return %p, %n : tensor<4xf32>, tensor<4xf32>
}

// -----

func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}
func.func @train_step(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable},
    %g: tensor<4xf32> {nn.input = "g"}, %m: tensor<4xf32> {nn.moment = "w", nn.moment_index = 0 : i32})
    -> (tensor<4xf32> {nn.updates = 0 : i32}, tensor<4xf32> {nn.updates = 2 : i32}) attributes {nn.program = "train_step"} {
  // expected-error @below {{expected parameter 'w' with nn.decay, as this decays it, got it without}}
  %p, %n = nn.sgd %w, %g, %m {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return %p, %n : tensor<4xf32>, tensor<4xf32>
}

// -----

func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}
func.func @train_step(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable, nn.decay},
    %g: tensor<4xf32> {nn.input = "g"}, %m: tensor<4xf32> {nn.moment = "w", nn.moment_index = 0 : i32})
    -> (tensor<4xf32> {nn.updates = 0 : i32}, tensor<4xf32> {nn.updates = 2 : i32}) attributes {nn.program = "train_step"} {
  // expected-error @below {{expected parameter 'w' without nn.decay, as this does not decay it, got it with it}}
  %p, %n = nn.sgd %w, %g, %m {decay = false, operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1>}
      : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return %p, %n : tensor<4xf32>, tensor<4xf32>
}
