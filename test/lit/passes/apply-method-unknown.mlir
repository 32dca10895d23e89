// RUN: ftc-opt %s -verify-diagnostics -ftc-apply-method=method=lora
// An unknown method, by name.

module attributes {nn.head_prefixes = ["c."]} {
  // expected-error @below {{expected method full, head or layers:K, got 'lora'}}
  func.func @forward(%a: tensor<4xf32> {nn.parameter = "c.weight"}) {
    return
  }
}
