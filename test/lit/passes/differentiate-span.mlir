// RUN: ftc-opt %s -ftc-differentiate | FileCheck %s
// The span loss hands its gradient to the scores of every token of the sequence.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!w = tensor<2x4xf32>

// CHECK-LABEL: func.func @train_accumulate
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x4xf32, #nn.space<tokens>>
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<2x4xf32>
// CHECK-SAME: %[[CU:[a-z0-9]+]]: tensor<?xi32, #nn.offsets<sequences, tokens>>
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<?xi32, #nn.space<sequences>> {nn.input = "start_positions"}
// CHECK-SAME: %[[E:[a-z0-9]+]]: tensor<?xi32, #nn.space<sequences>> {nn.input = "end_positions"}
// CHECK-NEXT: %[[Z:.*]] = nn.linear %[[X]], %[[W]]
// CHECK-NEXT: %[[LOSS:.*]] = nn.span_loss %[[Z]], %[[CU]], %[[S]], %[[E]]
// CHECK-NEXT: %[[SEED:.*]] = nn.loss_seed
// CHECK-NEXT: %[[DZ:.*]] = nn.span_loss_grad %[[Z]], %[[CU]], %[[S]], %[[E]], %[[SEED]]
// CHECK-NEXT: %[[DW:.*]] = nn.linear_wgrad %[[DZ]], %[[X]]
// CHECK-NEXT: %[[SUM:.*]] = nn.accumulate
// CHECK-NEXT: return %[[LOSS]], %[[SUM]]
func.func @train(%x: !t4 {nn.parameter = "x"}, %w: !w {nn.parameter = "w", nn.trainable},
    %cu: !cu {nn.input = "cu_seqlens"}, %s: !si {nn.input = "start_positions"},
    %e: !si {nn.input = "end_positions"})
    -> (!s1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  %z = nn.linear %x, %w : (!t4, !w) -> !t2
  %loss = nn.span_loss %z, %cu, %s, %e : (!t2, !cu, !si, !si) -> !s1
  return %loss : !s1
}
