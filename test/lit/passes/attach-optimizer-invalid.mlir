// RUN: ftc-opt %s -verify-diagnostics -ftc-attach-optimizer
// Without gradients there is nothing to update.

// expected-error @below {{expected gradients (nn.gradient), got none}}
func.func @train_accumulate(%w: tensor<4xf32> {nn.parameter = "w"})
    attributes {nn.program = "train_accumulate"} {
  return
}
