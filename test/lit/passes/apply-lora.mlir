// RUN: ftc-opt %s -ftc-apply-lora="r=2 alpha=3 target-modules=q,up modules-to-save=classifier,score" \
// RUN:   | FileCheck %s
// RUN: ftc-opt %s -ftc-apply-lora="r=2 dropout=0.1 target-modules=all-linear modules-to-save=classifier" \
// RUN:   | FileCheck %s --check-prefix=ALL
// RUN: ftc-opt %s -ftc-apply-lora="target-modules=l.0.q" -ftc-apply-method=method=lora \
// RUN:   | FileCheck %s --check-prefix=METHOD
// Factors beside the targeted layers, in PEFT's names; saved modules get none.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t3 = tensor<?x3xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!w = tensor<4x4xf32>

// CHECK: module attributes {nn.lora_targets = ["l.0.q", "l.0.up"], nn.saved_modules = ["classifier", "l.1.pool"]}
// CHECK-LABEL: func.func @forward
// CHECK-SAME: nn.parameter = "l.1.pool.weight", nn.saved
// CHECK-SAME: nn.parameter = "pre_classifier.weight", nn.saved
// CHECK-SAME: nn.parameter = "classifier.dense.weight", nn.saved
// CHECK-SAME: %[[QA:[a-z0-9]+]]: tensor<2x4xf32> {nn.adapter, nn.init = "uniform:0.5", nn.parameter = "l.0.q.lora_A.weight"}
// CHECK-SAME: %[[QB:[a-z0-9]+]]: tensor<4x2xf32> {nn.adapter, nn.init = "zeros", nn.parameter = "l.0.q.lora_B.weight"}
// CHECK-SAME: nn.parameter = "l.0.up.lora_A.weight"
// CHECK-NOT: lora_A
// CHECK: %[[Y:.*]] = nn.linear %[[X:[a-z0-9]+]], %
// CHECK-NEXT: %[[U:.*]] = nn.linear %[[X]], %[[QA]] :
// CHECK-NEXT: %[[S:.*]] = nn.scale %[[U]] {factor = 1.500000e+00 : f64}
// CHECK-NEXT: %[[V:.*]] = nn.linear %[[S]], %[[QB]] :
// CHECK-NEXT: %[[Z:.*]] = nn.add %[[Y]], %[[V]]
// CHECK-NEXT: nn.linear %[[Z]], %
// CHECK-NEXT: nn.linear %{{.*}} : (tensor<?x4xf32, #nn.space<tokens>>, tensor<2x4xf32>)

// Dropout on the adapter's input alone, numbered behind those that are there.
// ALL: module attributes {nn.lora_targets = ["l.0.q", "l.0.up", "l.0.k"]
// ALL-SAME: nn.scalars = {lora_dropout = 1.000000e-01 : f64}
// ALL: nn.linear %[[X:[a-z0-9]+]], %
// ALL-NEXT: %[[D:.*]] = nn.dropout %[[X]], {{.*}} {module = "l.0.q", op_id = 8 : i32, rate = "lora_dropout"}
// ALL-NEXT: nn.linear %[[D]], %
// ALL: op_id = 9 : i32
// ALL: op_id = 10 : i32
// ALL-NOT: op_id = 11

// The adapters and saved modules are trained; dropout stays where one of them is.
// METHOD-LABEL: func.func @forward
// METHOD-SAME: {nn.parameter = "l.0.q.weight", nn.tensor = "a"}
// METHOD-SAME: {nn.decay, nn.init = "zeros", nn.parameter = "l.1.pool.weight", nn.saved, nn.trainable}
// METHOD-SAME: {nn.adapter, nn.decay, {{.*}}nn.parameter = "l.0.q.lora_A.weight", nn.trainable}
// METHOD-SAME: {nn.adapter, nn.decay, {{.*}}nn.parameter = "l.0.q.lora_B.weight", nn.trainable}
// METHOD: nn.dropout {{.*}}module = "l.0"
// METHOD-NOT: nn.dropout {{.*}}module = "emb"
module {
  func.func @forward(%x: !t4 {nn.input = "x"}, %s: !ids {nn.input = "token_sequence"},
      %p: !ids {nn.input = "token_position"},
      %q: !w {nn.parameter = "l.0.q.weight", nn.tensor = "a"},
      %k: !w {nn.parameter = "l.0.k.weight", nn.tensor = "b"},
      %u: !w {nn.parameter = "l.0.up.weight", nn.tensor = "c"},
      %o: !w {nn.parameter = "l.1.pool.weight", nn.init = "zeros"},
      %c: !w {nn.parameter = "pre_classifier.weight", nn.tensor = "d"},
      %d: tensor<3x4xf32> {nn.parameter = "classifier.dense.weight", nn.tensor = "e"}) -> !t3 {
    %0 = nn.linear %x, %q : (!t4, !w) -> !t4
    %1 = nn.linear %0, %u : (!t4, !w) -> !t4
    %2 = nn.linear %1, %k : (!t4, !w) -> !t4
    %3 = nn.dropout %2, %s, %p {rate = "p", op_id = 7 : i32, module = "l.0"}
        : (!t4, !ids, !ids) -> !t4
    %4 = nn.dropout %3, %s, %p {rate = "p", op_id = 3 : i32, module = "emb"}
        : (!t4, !ids, !ids) -> !t4
    %5 = nn.linear %4, %o : (!t4, !w) -> !t4
    %6 = nn.linear %5, %c : (!t4, !w) -> !t4
    %7 = nn.linear %6, %d : (!t4, tensor<3x4xf32>) -> !t3
    return %7 : !t3
  }
}
