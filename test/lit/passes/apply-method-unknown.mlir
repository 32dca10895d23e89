// RUN: ftc-opt %s -verify-diagnostics -ftc-apply-method=method=adapters
// An unknown method, by name.

module attributes {nn.head_prefixes = ["c."]} {
  // expected-error @below {{expected method full, lora, head or layers:K, got 'adapters'}}
  func.func @forward(%a: tensor<4xf32> {nn.parameter = "c.weight"}) {
    return
  }
}
