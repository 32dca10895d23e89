// RUN: ftc-opt %s -ftc-differentiate | FileCheck %s
// A table's gradient reads the sort of its ids, which the batch carries.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>

// CHECK-LABEL: func.func @train_accumulate
// CHECK-SAME: %[[ORDER:[a-z0-9]+]]: tensor<?xi32, #nn.space<tokens>> {nn.input = "input_ids.order"}
// CHECK-SAME: %[[SEG:[a-z0-9]+]]: tensor<?xi32, #nn.offsets<input_ids.unique, tokens>> {nn.input = "input_ids.segments"}
// CHECK-SAME: %[[ROWS:[a-z0-9]+]]: tensor<?xi32, #nn.space<input_ids.unique>> {nn.input = "input_ids.rows"}
// CHECK: nn.embedding_grad %{{.*}}, %[[ORDER]], %[[SEG]], %[[ROWS]]
func.func @train(%ids: !ids {nn.input = "input_ids"}, %labels: !ids {nn.input = "labels"},
    %w: tensor<9x4xf32> {nn.parameter = "w", nn.trainable})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  %z = nn.embedding %ids, %w {operandSegmentSizes = array<i32: 1, 1>}
      : (!ids, tensor<9x4xf32>) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  return %loss : !t1
}
