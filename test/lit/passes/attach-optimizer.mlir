// RUN: ftc-opt %s -ftc-attach-optimizer=fused-update=true | FileCheck %s
// RUN: ftc-opt %s -ftc-attach-optimizer=optimizer=sgd | FileCheck %s --check-prefix=SGD
// RUN: ftc-opt %s -ftc-attach-optimizer=optimizer=lion | FileCheck %s --check-prefix=LION
// RUN: ftc-opt %s -ftc-attach-optimizer=optimizer=adafactor \
// RUN:   | FileCheck %s --check-prefix=FACTOR
// RUN: ftc-opt %s -ftc-attach-optimizer="optimizer=adamw8bit min-8bit-size=16" \
// RUN:   | FileCheck %s --check-prefix=CODES
// RUN: ftc-opt %s -ftc-attach-optimizer=optimizer=adamw8bit \
// RUN:   | FileCheck %s --check-prefix=SMALL
// RUN: not ftc-opt %s -ftc-attach-optimizer=optimizer=adam 2>&1 \
// RUN:   | FileCheck %s --check-prefix=UNKNOWN
// One norm, one update a decay group; fused, each update follows the last reader of the
// parameter it replaces.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!w = tensor<4x4xf32>
!v = tensor<4xf32>

// UNKNOWN: expected optimizer adamw, sgd, lion, adafactor, adamw8bit, got 'adam'

// CHECK-LABEL: func.func @train_accumulate
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<4x4xf32> {nn.decay, nn.parameter = "w", nn.trainable}
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<4xf32> {nn.parameter = "b", nn.trainable}
// CHECK-SAME: %[[WM:[a-z0-9]+]]: tensor<4x4xf32> {nn.moment = "w", nn.moment_index = 0 : i32}
// CHECK-SAME: {nn.moment = "w", nn.moment_index = 1 : i32}
// CHECK-SAME: {nn.moment = "b", nn.moment_index = 0 : i32}
// CHECK-SAME: nn.updates = 2 : i32
// CHECK: %[[DW:.*]], %[[DB:.*]] = nn.linear_wgrad
// CHECK-NEXT: nn.adamw %[[B]], %[[DB]],
// CHECK-SAME: decay = false
// CHECK-NEXT: nn.linear_dgrad %{{.*}}, %[[W]]
// CHECK-NEXT: nn.adamw %[[W]], %[[DW]], %[[WM]],
// CHECK-SAME: decay = true
// CHECK-NOT: nn.accumulate
// CHECK-LABEL: func.func @apply
// CHECK: %[[NORM:.*]], %[[CONTROL:.*]] = nn.global_norm %[[GW:.*]], %[[GB:.*]] :
// CHECK-NEXT: nn.adamw %{{.*}}, %[[GW]], %{{.*}}, %{{.*}}, %[[CONTROL]] {decay = true
// CHECK-NEXT: nn.adamw %{{.*}}, %[[GB]], %{{.*}}, %{{.*}}, %[[CONTROL]] {decay = false
// CHECK-NEXT: return %[[NORM]]

// SGD-NOT: @train_step
// SGD-LABEL: func.func @apply
// SGD-NOT: nn.moment_index = 1
// SGD: nn.sgd %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {decay = true
// SGD-NEXT: nn.sgd %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {decay = false

// LION-LABEL: func.func @apply
// LION-NOT: nn.moment_index = 1
// LION: nn.lion %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {decay = true
// LION-NEXT: nn.lion %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {decay = false

// Rows and columns of the matrix, every element of the vector.
// FACTOR-LABEL: func.func @apply
// FACTOR-SAME: tensor<4xf32> {nn.moment = "w", nn.moment_index = 0 : i32}
// FACTOR-SAME: tensor<4xf32> {nn.moment = "b", nn.moment_index = 0 : i32}
// FACTOR-SAME: tensor<4xf32> {nn.moment = "w", nn.moment_index = 1 : i32}
// FACTOR-NOT: nn.moment = "b", nn.moment_index = 1
// FACTOR: nn.adafactor {{.*}} {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>, resultSegmentSizes = array<i32: 1, 1, 1>}
// FACTOR-NEXT: nn.adafactor {{.*}} {decay = false, operandSegmentSizes = array<i32: 1, 1, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>}

// CODES-LABEL: func.func @apply
// CODES-SAME: tensor<4x4xi8> {nn.moment = "w", nn.moment_index = 0 : i32}
// CODES-SAME: tensor<4xf32> {nn.moment = "b", nn.moment_index = 0 : i32}
// CODES-SAME: tensor<4x4xi8> {nn.moment = "w", nn.moment_index = 1 : i32}
// CODES-SAME: tensor<1xf32> {nn.moment = "w", nn.moment_index = 2 : i32}
// CODES-SAME: tensor<1xf32> {nn.moment = "w", nn.moment_index = 3 : i32}
// CODES: nn.adamw_8bit {{.*}} {decay = true
// CODES-NEXT: nn.adamw {{.*}} {decay = false

// SMALL-LABEL: func.func @apply
// SMALL-NOT: nn.adamw_8bit
// SMALL: nn.adamw {{.*}} {decay = true
func.func @train_accumulate(%x: !t4 {nn.input = "x"}, %labels: !ids {nn.input = "labels"},
    %w: !w {nn.decay, nn.parameter = "w", nn.trainable},
    %b: !v {nn.parameter = "b", nn.trainable},
    %gw: !w {nn.gradient = "w"}, %gb: !v {nn.gradient = "b"})
    -> (!t1 {nn.output = "row_loss"}, !w {nn.updates = 4 : i32}, !v {nn.updates = 5 : i32})
    attributes {nn.program = "train_accumulate"} {
  %z = nn.linear %x, %w, %b : (!t4, !w, !v) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  %seed = nn.loss_seed : () -> !t1
  %dz = nn.cross_entropy_grad %z, %labels, %seed : (!t4, !ids, !t1) -> !t4
  %dw, %db = nn.linear_wgrad %dz, %x : (!t4, !t4) -> (!w, !v)
  %sw = nn.accumulate %gw, %dw : (!w, !w) -> !w
  %sb = nn.accumulate %gb, %db : (!v, !v) -> !v
  %dx = nn.linear_dgrad %dz, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t4, !w) -> !t4
  return %loss, %sw, %sb : !t1, !w, !v
}
