// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-verify-phase=phase=differentiated
// Every reached parameter has an accumulator.

func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable},
    %g: tensor<4xf32> {nn.gradient = "w"}) -> (tensor<4xf32> {nn.updates = 1 : i32}) attributes {nn.program = "train_accumulate"} {
  return %g : tensor<4xf32>
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}

// -----

func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable, nn.unreached}) attributes {nn.program = "train_accumulate"} {
  return
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}

// -----

// expected-error @below {{expected @train to be differentiated}}
func.func @train(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable}) attributes {nn.program = "train"} {
  return
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}

// -----

// expected-error @below {{expected nn.gradient 'w' as an argument that a result updates}}
func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable}) attributes {nn.program = "train_accumulate"} {
  return
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}

// -----

// expected-error @below {{expected nn.gradient 'w' as an argument that a result updates}}
func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable},
    %g: tensor<4xf32> {nn.gradient = "w"}) attributes {nn.program = "train_accumulate"} {
  return
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}
