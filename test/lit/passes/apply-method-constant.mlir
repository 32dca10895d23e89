// RUN: ftc-opt %s -ftc-apply-method=method=full | FileCheck %s
// No method trains what the model keeps constant.

// CHECK: nn.parameter = "a.weight", {{.*}}nn.trainable
// CHECK-SAME: {nn.constant, nn.init = "sinusoids", nn.parameter = "places.weight"})
module attributes {nn.head_prefixes = [], nn.layer_prefixes = []} {
  func.func @forward(%a: tensor<4xf32> {nn.parameter = "a.weight", nn.tensor = "a.weight"},
                     %b: tensor<2x4xf32> {nn.parameter = "places.weight", nn.init = "sinusoids", nn.constant}) {
    return
  }
}
