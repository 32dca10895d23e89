// RUN: ftc-opt %s -ftc-apply-lora="r=2 dropout=0.1 target-modules=all-linear" | FileCheck %s
// A layer of content and of a table's rows has one adapter, whose dropout of the table counts its
// rows; a convolution is not linear to PEFT.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!w = tensor<4x4xf32>

// CHECK: module attributes {nn.lora_targets = ["l.q"]
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<2x4xf32> {nn.adapter, nn.init = "uniform:0.5", nn.parameter = "l.q.lora_A.weight"}
// CHECK-NOT: lora_A
// CHECK: nn.dropout %{{.*}} -> tensor<?x4xf32, #nn.space<tokens>>
// CHECK: nn.linear %{{.*}}, %[[A]]
// CHECK-DAG: %[[ZEROS:.*]] = nn.iota {step = 0 : i32} : () -> tensor<7xi32>
// CHECK-DAG: %[[ROWS:.*]] = nn.iota {step = 1 : i32} : () -> tensor<7xi32>
// CHECK: %[[D:.*]] = nn.dropout %{{.*}}, %[[ZEROS]], %[[ROWS]] {{{.*}}} : (tensor<7x4xf32>
// CHECK: nn.linear %[[D]], %[[A]] : (tensor<7x4xf32>, tensor<2x4xf32>) -> tensor<7x2xf32>
func.func @forward(%x: !t4 {nn.input = "x"}, %table: tensor<7x4xf32> {nn.parameter = "t.weight", nn.tensor = "t"},
    %q: !w {nn.parameter = "l.q.weight", nn.tensor = "q"},
    %c: !w {nn.parameter = "l.conv.weight", nn.shape = array<i64: 4, 2, 2>, nn.tensor = "c"}) -> (!t4, tensor<7x4xf32>) {
  %0 = nn.linear %x, %q : (!t4, !w) -> !t4
  %1 = nn.linear %table, %q : (tensor<7x4xf32>, !w) -> tensor<7x4xf32>
  %2 = nn.linear %0, %c : (!t4, !w) -> !t4
  return %2, %1 : !t4, tensor<7x4xf32>
}
