// RUN: ftc-opt %s -verify-diagnostics -ftc-attach-optimizer=optimizer=adafactor
// RUN: ftc-opt %s -ftc-attach-optimizer="optimizer=adamw8bit min-8bit-size=4" | FileCheck %s
// Adafactor's factors of a convolution are of its last two dimensions. A table that a model calls
// an embedding keeps 32-bit moments with adamw8bit, whoever reads it.

// CHECK-LABEL: func.func @apply
// CHECK: tensor<6x4xi8> {nn.moment = "conv"
// CHECK: tensor<7x4xf32> {nn.moment = "table"
// expected-error @below {{optimizer 'adafactor': parameter 'conv' is a convolution's, whose factors are not supported}}
func.func @train_accumulate(
    %w: tensor<6x4xf32> {nn.parameter = "conv", nn.shape = array<i64: 6, 2, 2>, nn.trainable, nn.decay},
    %t: tensor<7x4xf32> {nn.parameter = "table", nn.embedding, nn.trainable, nn.decay},
    %gw: tensor<6x4xf32> {nn.gradient = "conv"}, %gt: tensor<7x4xf32> {nn.gradient = "table"})
    -> (tensor<6x4xf32> {nn.updates = 2 : i32}, tensor<7x4xf32> {nn.updates = 3 : i32})
    attributes {nn.program = "train_accumulate"} {
  %0 = nn.accumulate %gw, %w : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x4xf32>
  %1 = nn.accumulate %gt, %t : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  return %0, %1 : tensor<6x4xf32>, tensor<7x4xf32>
}
