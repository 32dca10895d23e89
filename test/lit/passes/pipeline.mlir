// RUN: ftc-opt %inputs/encoder.mlir -pass-pipeline='builtin.module(ftc-verify-phase{phase=import},ftc-apply-method,ftc-verify-phase{phase=method},ftc-make-programs,ftc-prune-demand,canonicalize,cse,ftc-verify-phase{phase=programs},ftc-differentiate,canonicalize,cse,ftc-verify-phase{phase=differentiated},ftc-attach-optimizer{fused-update=true},ftc-verify-phase{phase=optimizer},ftc-fuse-kernels,ftc-choose-saved,ftc-fuse-updates,canonicalize,ftc-verify-phase{phase=fused},ftc-sort-schedule)' | FileCheck %s
// A whole model through every phase: the last layer is computed on first rows alone.

// CHECK-LABEL: func.func @evaluate
// CHECK: nn.attention {{.*}} -> (tensor<?x4xf32, #nn.space<sequences>>
// CHECK: nn.add_layer_norm
// CHECK: nn.linear {{.*}}activation = #nn.activation<gelu>
// CHECK: nn.add_layer_norm
// CHECK-NOT: nn.gather_rows
// CHECK: return
// CHECK-LABEL: func.func @train_accumulate
// CHECK-COUNT-15: nn.accumulate
// CHECK-LABEL: func.func @train_step
// CHECK-NOT: nn.linear_wgrad %
// CHECK-NOT: nn.adamw %{{.*}}tensor<4x4xf32>
// CHECK: nn.linear_wgrad_update
// CHECK-LABEL: func.func @apply
// CHECK: nn.global_norm
// CHECK-COUNT-2: nn.adamw
