// Every op of the plan dialect, printed and read again.
// RUN: ftc-opt %s | ftc-opt | FileCheck %s
// RUN: ftc-opt %s --mlir-print-op-generic | ftc-opt | FileCheck %s

// CHECK: module attributes {plan.capacities = array<i64: 64, 0>, plan.symbols = ["tokens", "step"]}
module attributes {plan.symbols = ["tokens", "step"], plan.capacities = array<i64: 64, 0>} {
  // CHECK: plan.variant @v3 attributes {
  plan.variant @v3 attributes {target = "cpu", params_elements = 32 : i64,
      trainable_elements = 32 : i64, decay_elements = 16 : i64, moments_bytes = 80 : i64,
      state_bytes = 128 : i64} {
    // CHECK: plan.storage "w" {elements = 16 : i64, offset = 0 : i64, panel_width = 24 : i64}
    plan.storage "w" {panel_width = 24 : i64, offset = 0 : i64, elements = 16 : i64}
    // CHECK: plan.storage "h" {dtype = bf16, elements = 8 : i64, offset = 16 : i64, panel_width = 0 : i64}
    plan.storage "h" {panel_width = 0 : i64, offset = 16 : i64, elements = 8 : i64, dtype = bf16}
    // CHECK: plan.moment "w" {dtype = f32, elements = 16 : i64, index = 0 : i64, offset = 0 : i64, panel_width = 24 : i64, shape = array<i64: 4, 4>}
    plan.moment "w" {index = 0 : i64, dtype = f32, shape = array<i64: 4, 4>, panel_width = 24 : i64, offset = 0 : i64, elements = 16 : i64}
    // CHECK: plan.moment "w" {dtype = i8, elements = 16 : i64, index = 1 : i64
    plan.moment "w" {index = 1 : i64, dtype = i8, shape = array<i64: 4, 4>, panel_width = 0 : i64, offset = 64 : i64, elements = 16 : i64}
    // CHECK: plan.kernel @add {scratch_bytes = 64 : i64}
    plan.kernel @add {scratch_bytes = 64 : i64}
    // CHECK: plan.program @step attributes {arena_bytes = 512 : i64} {
    plan.program @step attributes {arena_bytes = 512 : i64} {
      // CHECK: %[[P:.*]] = plan.buffer params {dtype = f32, elements = #{{.*}}, offset = 0 : i64}
      %p = plan.buffer params {dtype = f32, elements = affine_map<()[s0, s1] -> (16)>, offset = 0 : i64}
      // CHECK: plan.buffer grads
      %g = plan.buffer grads {dtype = f32, elements = affine_map<()[s0, s1] -> (16)>, offset = 16 : i64}
      // CHECK: plan.buffer moments
      %m = plan.buffer moments {dtype = i8, elements = affine_map<()[s0, s1] -> (16)>, offset = 64 : i64}
      // CHECK: plan.buffer state
      %s = plan.buffer state {dtype = f32, elements = affine_map<()[s0, s1] -> (8)>, offset = 64 : i64}
      // CHECK: %[[I:.*]] = plan.buffer input "ids"
      %i = plan.buffer input "ids" {dtype = i32, elements = affine_map<()[s0, s1] -> (s0)>, offset = 0 : i64}
      // CHECK: plan.buffer output "loss"
      %o = plan.buffer output "loss" {dtype = f32, elements = affine_map<()[s0, s1] -> (s0)>, offset = 0 : i64}
      // CHECK: %[[A:.*]] = plan.buffer arena
      %a = plan.buffer arena {dtype = f32, elements = affine_map<()[s0, s1] -> (s0)>, offset = 0 : i64}
      %b = plan.buffer arena {dtype = f32, elements = affine_map<()[s0, s1] -> (s0)>, offset = 256 : i64}
      // CHECK: plan.fill %{{.*}} {unless = "step"}
      plan.fill %g {unless = "step"}
      // CHECK: plan.launch @add(%[[P]], %[[I]], %[[A]]) {access = array<i32: 0, 0, 1>
      plan.launch @add(%p, %i, %a) {access = array<i32: 0, 0, 1>,
          ints = [affine_map<()[s0, s1] -> (s0)>, affine_map<()[s0, s1] -> (s1)>],
          scalars = ["learning_rate"], grid = affine_map<()[s0, s1] -> (s0 ceildiv 64)>,
          label = "add", flops = affine_map<()[s0, s1] -> (s0 * 2)>}
      // CHECK: plan.copy %[[A]] to %{{.*}}
      plan.copy %a to %b
      plan.copy %b to %o
    }
  }
}
