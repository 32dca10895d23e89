// RUN: ftc-opt %s -ftc-differentiate -remarks-filter=ftc-differentiate \
// RUN:   -remark-format=emitRemark 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t
// The backward behind the forward, accumulators as arguments; what is frozen or unreached
// gets nothing.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!w = tensor<4x4xf32>
!v = tensor<4xf32>

// REMARK: parameter 'unused' gets no gradient
// CHECK-LABEL: func.func @train_accumulate
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<tokens>> {nn.input = "x"}
// CHECK-SAME: %[[F:[a-z0-9]+]]: tensor<4x4xf32> {nn.parameter = "frozen"}
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<4x4xf32> {nn.parameter = "w", nn.trainable}
// CHECK-SAME: {nn.parameter = "unused", nn.trainable, nn.unreached}
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<4x4xf32> {nn.gradient = "w"}
// CHECK-SAME: -> (tensor<?xf32, #nn.space<tokens>> {nn.output = "row_loss"}, tensor<4x4xf32> {nn.updates = 5 : i32})
// CHECK-SAME: nn.program = "train_accumulate"
// CHECK-NEXT: %[[H:.*]] = nn.linear %[[X]], %[[F]]
// CHECK-NEXT: %[[Y:.*]] = nn.linear %[[H]], %[[W]]
// CHECK-NEXT: %[[Z:.*]] = nn.linear %[[Y]], %[[W]]
// CHECK-NEXT: %[[LOSS:.*]] = nn.cross_entropy
// CHECK-NEXT: %[[SEED:.*]] = nn.loss_seed
// CHECK-NEXT: %[[DZ:.*]] = nn.cross_entropy_grad %[[Z]], %{{.*}}, %[[SEED]]
// CHECK-NEXT: %[[DW2:.*]] = nn.linear_wgrad %[[DZ]], %[[Y]]
// CHECK-NEXT: %[[DY:.*]] = nn.linear_dgrad %[[DZ]], %[[W]]
// CHECK-NEXT: %[[DW1:.*]] = nn.linear_wgrad %[[DY]], %[[H]]
// CHECK-NEXT: %[[DW:.*]] = nn.add %[[DW2]], %[[DW1]]
// CHECK-NEXT: %[[SUM:.*]] = nn.accumulate %[[G]], %[[DW]]
// CHECK-NEXT: return %[[LOSS]], %[[SUM]]
func.func @train(%x: !t4 {nn.input = "x"}, %labels: !ids {nn.input = "labels"},
    %f: !w {nn.parameter = "frozen"}, %w: !w {nn.parameter = "w", nn.trainable},
    %u: !v {nn.parameter = "unused", nn.trainable})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  %h = nn.linear %x, %f : (!t4, !w) -> !t4
  %y = nn.linear %h, %w : (!t4, !w) -> !t4
  %z = nn.linear %y, %w : (!t4, !w) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  return %loss : !t1
}
