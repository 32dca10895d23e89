// RUN: ftc-opt %inputs/encoder.mlir -ftc-apply-method -ftc-make-programs | FileCheck %s
// RUN: ftc-opt %inputs/encoder.mlir -ftc-make-programs | FileCheck %s --check-prefix=FROZEN
// RUN: not ftc-opt %s -ftc-make-programs 2>&1 | FileCheck %s --check-prefix=NONE
// evaluate without dropout and its inputs, train with the loss alone; nothing trainable: no
// train.

// CHECK-NOT: @forward
// CHECK-LABEL: func.func @evaluate
// CHECK-NOT: "token_sequence"
// CHECK-SAME: -> (tensor<?xf32, #nn.space<sequences>> {nn.output = "row_loss"}
// CHECK-SAME: {nn.output = "logits"})
// CHECK-SAME: nn.program = "evaluate"
// CHECK-NOT: rate
// CHECK-LABEL: func.func @train
// CHECK-SAME: "token_sequence"
// CHECK-SAME: -> (tensor<?xf32, #nn.space<sequences>> {nn.output = "row_loss"})
// CHECK-SAME: nn.program = "train"
// CHECK: nn.attention {{.*}}rate = "dropout.attention"
// CHECK: nn.dropout
// FROZEN: func.func @evaluate
// FROZEN-NOT: func.func
// NONE: expected a function @forward, got none
