// RUN: not ftc-opt %s -ftc-apply-lora="r=0 target-modules=q" 2>&1 | FileCheck %s
// RUN: not ftc-opt %s -ftc-apply-lora="dropout=1 target-modules=q" 2>&1 | FileCheck %s
// RUN: not ftc-opt %s -ftc-apply-method=method=lora 2>&1 | FileCheck %s --check-prefix=NONE

// CHECK: expected r of at least 1, a finite alpha and a dropout from 0 to below 1
// NONE: method 'lora': expected adapters (ftc-apply-lora), got none
func.func @forward(%x: tensor<4x4xf32> {nn.parameter = "q.weight", nn.tensor = "q"}) {
  return
}
