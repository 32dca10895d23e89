// RUN: ftc-opt %s -verify-diagnostics -ftc-apply-method=method=head
// A head that the graph does not hold.

module attributes {nn.head_prefixes = ["c."]} {
  // expected-error @below {{method 'head' trains no parameter}}
  func.func @forward(%a: tensor<4xf32> {nn.parameter = "a"}) {
    return
  }
}
