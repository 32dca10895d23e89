// RUN: ftc-opt %s -split-input-file -ftc-differentiate -ftc-compact-embedding-gradients \
// RUN:   -ftc-attach-optimizer=fused-update=true -ftc-verify-phase=phase=optimizer | FileCheck %s
// RUN: ftc-opt %s -split-input-file -ftc-differentiate \
// RUN:   -ftc-compact-embedding-gradients=optimizer=sgd | FileCheck %s --check-prefix=SGD
// A table that token ids alone read has a gradient, and moments, of the rows that batches name;
// one that is read by other ids, or is a matrix too, keeps a whole one. Two shares of a table's
// gradient use the same slots.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>

// SGD-NOT: touched

// CHECK-LABEL: func.func @train_accumulate
// CHECK-SAME: tensor<?x4xf32, #nn.space<touched>> {nn.gradient = "w"}
// CHECK-SAME: tensor<3x4xf32> {nn.gradient = "p"}
// CHECK-SAME: %[[SLOTS:[a-z0-9]+]]: tensor<9xi32> {nn.input = "touched.slots"}
// CHECK: nn.embedding_grad %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[SLOTS]] :
// CHECK-SAME: -> tensor<?x4xf32, #nn.space<touched>>
// CHECK: nn.embedding_grad %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}} :
// CHECK-SAME: -> tensor<3x4xf32>

// CHECK-LABEL: func.func @train_step
// CHECK: %[[D:.*]] = nn.embedding_grad %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[S:[a-z0-9]+]] :
// CHECK: nn.adamw %{{[^,]*}}, %[[D]], %{{[^,]*}}, %{{[^,]*}}, %[[S]] {decay = true

// CHECK-LABEL: func.func @apply
// CHECK-SAME: tensor<?x4xf32, #nn.space<touched>> {nn.gradient = "w"}
// CHECK-SAME: tensor<?x4xf32, #nn.space<touched>> {nn.moment = "w", nn.moment_index = 0 : i32}
// CHECK-SAME: %[[SLOTS:[a-z0-9]+]]: tensor<9xi32> {nn.input = "touched.slots"}
// CHECK: %[[NORM:.*]], %[[CONTROL:.*]] = nn.global_norm
// CHECK: nn.adamw %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[CONTROL]], %[[SLOTS]] {decay = true
// CHECK: nn.adamw %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[CONTROL]] {decay = true
func.func @train(%ids: !ids {nn.input = "input_ids"}, %at: !ids {nn.input = "position_ids"},
    %labels: !ids {nn.input = "labels"},
    %w: tensor<9x4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable, nn.decay},
    %p: tensor<3x4xf32> {nn.parameter = "p", nn.tensor = "p", nn.trainable, nn.decay})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  %z = nn.embedding %ids, %at, %w, %p {operandSegmentSizes = array<i32: 2, 2>}
      : (!ids, !ids, tensor<9x4xf32>, tensor<3x4xf32>) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  return %loss : !t1
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>

// CHECK-LABEL: func.func @train_accumulate
// CHECK-SAME: tensor<?x4xf32, #nn.space<touched>> {nn.gradient = "w"}
// CHECK: %[[A:.*]] = nn.embedding_grad
// CHECK: %[[B:.*]] = nn.embedding_grad
// CHECK: nn.add %{{.*}} : (tensor<?x4xf32, #nn.space<touched>>, tensor<?x4xf32, #nn.space<touched>>)
func.func @train(%ids: !ids {nn.input = "input_ids"}, %labels: !ids {nn.input = "labels"},
    %w: tensor<9x4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable, nn.decay})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  %a = nn.embedding %ids, %w {operandSegmentSizes = array<i32: 1, 1>}
      : (!ids, tensor<9x4xf32>) -> !t4
  %b = nn.embedding %ids, %w {operandSegmentSizes = array<i32: 1, 1>, padding = 0 : i32}
      : (!ids, tensor<9x4xf32>) -> !t4
  %z = nn.add %a, %b : (!t4, !t4) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  return %loss : !t1
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t9 = tensor<?x9xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>

// A tied table.
// CHECK-LABEL: func.func @train_accumulate
// CHECK-NOT: touched
func.func @train(%ids: !ids {nn.input = "input_ids"}, %labels: !ids {nn.input = "labels"},
    %w: tensor<9x4xf32> {nn.parameter = "w", nn.tensor = "w", nn.trainable, nn.decay})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  %a = nn.embedding %ids, %w {operandSegmentSizes = array<i32: 1, 1>}
      : (!ids, tensor<9x4xf32>) -> !t4
  %z = nn.linear %a, %w {activation = #nn.activation<none>, operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t4, tensor<9x4xf32>) -> !t9
  %loss = nn.cross_entropy %z, %labels : (!t9, !ids) -> !t1
  return %loss : !t1
}
func.func @evaluate() attributes {nn.program = "evaluate"} {
  return
}
