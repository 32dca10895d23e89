// RUN: ftc-opt %s -split-input-file -ftc-cache-trunk | FileCheck %s
// What frozen parameters decide moves to @trunk, up to the first trainable one; dropout, and a
// forward of which little would move, keep everything in @train.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!ids = tensor<?xi32, #nn.space<tokens>>
!seq = tensor<?xi32, #nn.space<sequences>>
!table = tensor<9x4xf32>
!w = tensor<4x4xf32>

// CHECK-LABEL: func.func @evaluate(
// CHECK: nn.embedding
// CHECK-LABEL: func.func @evaluate_head
// CHECK-SAME: %[[IN:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<sequences>> {nn.input = "trunk.0"}
// CHECK-NEXT: nn.linear %[[IN]]
// CHECK-NEXT: nn.cross_entropy
// CHECK-LABEL: func.func @trunk
// CHECK-SAME: (%{{[a-z0-9]+}}: tensor<?xi32, #nn.space<tokens>> {nn.input = "input_ids"}, %{{[a-z0-9]+}}: tensor<?xi32, #nn.space<sequences>> {nn.input = "first_rows"}, %{{[a-z0-9]+}}: tensor<9x4xf32> {nn.parameter = "table"}, %{{[a-z0-9]+}}: tensor<4x4xf32> {nn.parameter = "w0"})
// CHECK-SAME: -> (tensor<?x4xf32, #nn.space<sequences>> {nn.output = "trunk.0"}) attributes {nn.program = "trunk"}
// CHECK-NEXT: nn.embedding
// CHECK-NEXT: nn.linear
// CHECK-NEXT: %[[G:.*]] = nn.gather_rows
// CHECK-NEXT: return %[[G]]
// CHECK-LABEL: func.func @train
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<4x4xf32> {nn.parameter = "w1", nn.trainable}
// CHECK-SAME: %[[IN:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<sequences>> {nn.input = "trunk.0"}
// CHECK-NEXT: nn.linear %[[IN]], %[[W]]
// CHECK-NEXT: nn.cross_entropy
// CHECK-NEXT: return
func.func @evaluate(%ids: !ids {nn.input = "input_ids"}, %first: !seq {nn.input = "first_rows"},
    %labels: !seq {nn.input = "labels"}, %table: !table {nn.parameter = "table"},
    %w0: !w {nn.parameter = "w0"}, %w1: !w {nn.parameter = "w1", nn.trainable})
    -> (!s1 {nn.output = "row_loss"}, !s4 {nn.output = "logits"}) attributes {nn.program = "evaluate"} {
  %x = nn.embedding %ids, %table {operandSegmentSizes = array<i32: 1, 1>} : (!ids, !table) -> !t4
  %y = nn.linear %x, %w0 : (!t4, !w) -> !t4
  %g = nn.gather_rows %y, %first : (!t4, !seq) -> !s4
  %z = nn.linear %g, %w1 : (!s4, !w) -> !s4
  %loss = nn.cross_entropy %z, %labels : (!s4, !seq) -> !s1
  return %loss, %z : !s1, !s4
}
func.func @train(%ids: !ids {nn.input = "input_ids"}, %first: !seq {nn.input = "first_rows"},
    %labels: !seq {nn.input = "labels"}, %table: !table {nn.parameter = "table"},
    %w0: !w {nn.parameter = "w0"}, %w1: !w {nn.parameter = "w1", nn.trainable})
    -> (!s1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  %x = nn.embedding %ids, %table {operandSegmentSizes = array<i32: 1, 1>} : (!ids, !table) -> !t4
  %y = nn.linear %x, %w0 : (!t4, !w) -> !t4
  %g = nn.gather_rows %y, %first : (!t4, !seq) -> !s4
  %z = nn.linear %g, %w1 : (!s4, !w) -> !s4
  %loss = nn.cross_entropy %z, %labels : (!s4, !seq) -> !s1
  return %loss : !s1
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!w = tensor<4x4xf32>

// The frozen layer comes after dropout.
// CHECK-NOT: @trunk
// CHECK-LABEL: func.func @train
// CHECK-COUNT-2: nn.linear
func.func @train(%ids: !ids {nn.input = "input_ids"}, %labels: !ids {nn.input = "labels"},
    %sequence: !ids {nn.input = "token_sequence"}, %position: !ids {nn.input = "token_position"},
    %table: tensor<9x4xf32> {nn.parameter = "table"}, %w0: !w {nn.parameter = "w0"},
    %w1: !w {nn.parameter = "w1", nn.trainable})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  %x = nn.embedding %ids, %table {operandSegmentSizes = array<i32: 1, 1>}
      : (!ids, tensor<9x4xf32>) -> !t4
  %d = nn.dropout %x, %sequence, %position {module = "embeddings", op_id = 1 : i32, rate = "dropout.hidden"}
      : (!t4, !ids, !ids) -> !t4
  %y = nn.linear %d, %w0 : (!t4, !w) -> !t4
  %z = nn.linear %y, %w1 : (!t4, !w) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  return %loss : !t1
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>

// A look-up is as soon done again.
// CHECK-NOT: @trunk
// CHECK-LABEL: func.func @train
// CHECK: nn.embedding
func.func @train(%ids: !ids {nn.input = "input_ids"}, %labels: !ids {nn.input = "labels"},
    %table: tensor<9x4xf32> {nn.parameter = "table"},
    %w: tensor<4x4xf32> {nn.parameter = "w", nn.trainable})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  %x = nn.embedding %ids, %table {operandSegmentSizes = array<i32: 1, 1>}
      : (!ids, tensor<9x4xf32>) -> !t4
  %z = nn.linear %x, %w : (!t4, tensor<4x4xf32>) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  return %loss : !t1
}
