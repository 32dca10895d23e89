// RUN: ftc-opt %s -ftc-group-launches | FileCheck %s
// A name that stands for another group already, as an equal hash would have it: the group gets a
// name of its own, and so does each equal one.

#n = affine_map<()[s0] -> (s0)>
#m = affine_map<()[s0] -> (s0 * 2)>
module attributes {plan.symbols = ["tokens"], plan.capacities = array<i64: 64>} {
  plan.variant @gpu attributes {target = "cuda", params_elements = 0 : i64,
      trainable_elements = 0 : i64, decay_elements = 0 : i64, moments_bytes = 0 : i64,
      state_bytes = 0 : i64} {
    plan.kernel @product {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 64 : i64, resident = 3 : i64}
    plan.kernel @sum {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 64 : i64, resident = 3 : i64}
    plan.kernel @product_x1_with_7debedc3 {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 64 : i64, resident = 3 : i64, runs = [@sum, @product], counts = array<i64: 1, 1>}
    // CHECK: plan.kernel @product_x1_with_7debedc3 {counts = array<i64: 1, 1>{{.*}}runs = [@sum, @product]
    // CHECK: plan.kernel @product_x1_with_7debedc3_2 {counts = array<i64: 1, 1>{{.*}}runs = [@product, @sum]
    // CHECK-NOT: plan.kernel
    // CHECK: plan.program @p
    plan.program @p attributes {arena_bytes = 0 : i64} {
      %x = plan.buffer input "x" {dtype = f32, elements = #n, offset = 0 : i64}
      %y = plan.buffer output "y" {dtype = f32, elements = #n, offset = 0 : i64}
      %z = plan.buffer output "z" {dtype = f32, elements = #m, offset = 0 : i64}
      // CHECK: group = @product_x1_with_7debedc3_2
      plan.launch @product(%x, %y) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #n, label = "y"}
      plan.launch @sum(%x, %z) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #m, label = "z"}
    }
    // CHECK: plan.program @q
    plan.program @q attributes {arena_bytes = 0 : i64} {
      %x = plan.buffer input "x" {dtype = f32, elements = #n, offset = 0 : i64}
      %y = plan.buffer output "y" {dtype = f32, elements = #n, offset = 0 : i64}
      %z = plan.buffer output "z" {dtype = f32, elements = #m, offset = 0 : i64}
      // CHECK: group = @product_x1_with_7debedc3_2
      plan.launch @product(%x, %y) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #n, label = "y"}
      plan.launch @sum(%x, %z) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #m, label = "z"}
    }
  }
}
