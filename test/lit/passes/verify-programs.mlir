// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-verify-phase=phase=programs
// What programs promise.

func.func @evaluate(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w"}) attributes {nn.program = "evaluate"} {
  return
}
func.func @train() attributes {nn.program = "train"} {
  return
}

// -----

// expected-error @below {{expected programs instead of @forward, got both}}
module {
  func.func @forward() {
    return
  }
}

// -----

// expected-error @below {{expected a program 'evaluate', got none}}
module {
}

// -----

func.func @evaluate(%x: tensor<?x4xf32, #nn.space<tokens>> {nn.input = "x"},
    %i: tensor<?xi32, #nn.space<tokens>> {nn.input = "i"}) attributes {nn.program = "evaluate"} {
  // expected-error @below {{expected no dropout in evaluate}}
  %y = nn.dropout %x, %i, %i {rate = "p", op_id = 1 : i32, module = "m"}
      : (tensor<?x4xf32, #nn.space<tokens>>, tensor<?xi32, #nn.space<tokens>>,
         tensor<?xi32, #nn.space<tokens>>) -> tensor<?x4xf32, #nn.space<tokens>>
  return
}

// -----

// expected-error @below {{expected a program 'train', got none}}
module {
  func.func @evaluate() attributes {nn.program = "evaluate"} {
    return
  }
}

// -----

func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}
// expected-error @below {{expected one program 'evaluate', got two}}
func.func @again() attributes {nn.program = "evaluate"} {
  return
}

// -----

func.func @evaluate(%w: tensor<4xf32> {nn.parameter = "w", nn.tensor = "w"}) attributes {nn.program = "evaluate"} {
  return
}
// expected-error @below {{expected parameter 'w' as 'tensor<4xf32>' in every program, got 'tensor<5xf32>'}}
func.func @train(%w: tensor<5xf32> {nn.parameter = "w", nn.tensor = "w"}) attributes {nn.program = "train"} {
  return
}

// -----

func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}
// expected-error @below {{expected parameter 'w' to have a tensor or an init, got neither}}
func.func @train(%w: tensor<4xf32> {nn.parameter = "w"}) attributes {nn.program = "train"} {
  return
}
