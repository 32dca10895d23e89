// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-apply-method=method=layers:3
// Methods that do not fit the model.

// expected-error @below {{expected a function @forward, got none}}
module {
}

// -----

module attributes {nn.head_prefixes = ["c."], nn.layer_prefixes = ["l.0.", "l.1."]} {
  // expected-error @below {{method 'layers:3': expected 1 to 2 layers}}
  func.func @forward(%a: tensor<4xf32> {nn.parameter = "c.weight"}) {
    return
  }
}

// -----

// expected-error @below {{method 'layers:3': expected a task head beside the base model}}
func.func @forward(%a: tensor<4xf32> {nn.parameter = "a"}) {
  return
}
