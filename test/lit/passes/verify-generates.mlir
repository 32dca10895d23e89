// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-verify-phase='phase=programs generates=true'
// What programs promise of a model that generates.

// expected-error @below {{expected a program 'decode', got none}}
module {
  func.func @evaluate() attributes {nn.program = "evaluate"} {
    return
  }
  func.func @prefill() attributes {nn.program = "prefill"} {
    return
  }
}

// -----

// expected-error @below {{expected a program 'prefill', got none}}
module {
  func.func @evaluate() attributes {nn.program = "evaluate"} {
    return
  }
  func.func @decode() attributes {nn.program = "decode"} {
    return
  }
}
