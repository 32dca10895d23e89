// RUN: ftc-opt %s -ftc-group-launches | FileCheck %s
// Three products of one %x become one launch; so do a product and a sum of other kernels with as
// many threads, over what a fill before them has left. What depends on another launch, has other
// threads, or would make more live at once stays alone; a CPU's kernels say nothing of threads.

#n = affine_map<()[s0] -> (s0)>
#m = affine_map<()[s0] -> (s0 * 2)>
#wide = affine_map<()[s0] -> (s0 * 256)>
module attributes {plan.symbols = ["tokens"], plan.capacities = array<i64: 64>} {
  // CHECK-LABEL: plan.variant @gpu
  plan.variant @gpu attributes {target = "cuda", params_elements = 256 : i64,
      trainable_elements = 256 : i64, decay_elements = 256 : i64, moments_bytes = 0 : i64,
      state_bytes = 0 : i64} {
    plan.kernel @product {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 64 : i64, resident = 3 : i64}
    plan.kernel @sum {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 64 : i64, resident = 3 : i64}
    plan.kernel @warp {scratch_bytes = 0 : i64, threads = 32 : i64, shared_bytes = 0 : i64, resident = 1 : i64}
    // CHECK: plan.kernel @product_x3 {counts = array<i64: 3>, resident = 3 : i64, runs = [@product], scratch_bytes = 0 : i64, shared_bytes = 64 : i64, threads = 128 : i64}
    // CHECK: plan.kernel @product_x1_with_[[HASH:[0-9a-f]+]] {counts = array<i64: 1, 1>
    // CHECK-SAME: runs = [@product, @sum]
    // CHECK-LABEL: plan.program @p
    plan.program @p attributes {arena_bytes = 1600 : i64} {
      // CHECK-NEXT: %[[X:.*]] = plan.buffer input
      %x = plan.buffer input "x" {dtype = f32, elements = #n, offset = 0 : i64}
      %w = plan.buffer params {dtype = f32, elements = #n, offset = 0 : i64}
      // CHECK: %[[Q:.*]] = plan.buffer arena
      // CHECK-NEXT: %[[K:.*]] = plan.buffer arena
      // CHECK-NEXT: %[[V:.*]] = plan.buffer arena
      %q = plan.buffer arena {dtype = f32, elements = #n, offset = 0 : i64}
      %k = plan.buffer arena {dtype = f32, elements = #n, offset = 320 : i64}
      %v = plan.buffer arena {dtype = f32, elements = #n, offset = 640 : i64}
      %a = plan.buffer arena {dtype = f32, elements = #n, offset = 960 : i64}
      %b = plan.buffer arena {dtype = f32, elements = #n, offset = 1280 : i64}
      %y = plan.buffer output "y" {dtype = f32, elements = #n, offset = 0 : i64}
      %z = plan.buffer output "z" {dtype = f32, elements = #n, offset = 0 : i64}
      // CHECK: plan.launch @product(%[[X]], %{{.*}}, %[[Q]]) {{{.*}}group = @product_x3, {{.*}}label = "q"
      // CHECK-NEXT: plan.launch @product(%[[X]], %{{.*}}, %[[K]]) {access
      // CHECK-SAME: label = "k"
      // CHECK-NEXT: plan.launch @product(%[[X]], %{{.*}}, %[[V]]) {access
      // CHECK-SAME: label = "v"
      // CHECK-NEXT: plan.launch @warp
      plan.launch @product(%x, %w, %q) {access = array<i32: 0, 0, 1>, ints = [], scalars = [], grid = #n, label = "q"}
      plan.launch @product(%x, %w, %k) {access = array<i32: 0, 0, 1>, ints = [], scalars = [], grid = #n, label = "k"}
      plan.launch @warp(%q, %k) {access = array<i32: 0, 2>, ints = [], scalars = [], grid = #n, label = "warp"}
      plan.launch @product(%x, %w, %v) {access = array<i32: 0, 0, 1>, ints = [], scalars = [], grid = #n, label = "v"}
      // CHECK-NEXT: plan.fill
      // CHECK-NEXT: plan.launch @product({{.*}}group = @product_x1_with_[[HASH]], {{.*}}label = "a"
      // CHECK-NEXT: plan.launch @sum({{.*}}label = "b"
      // CHECK-NEXT: plan.launch @product({{.*}}label = "y"
      // CHECK-NOT: group =
      // CHECK: plan.launch @warp({{.*}}label = "z"
      plan.fill %a
      plan.launch @product(%v, %w, %a) {access = array<i32: 0, 0, 2>, ints = [], scalars = [], grid = #n, label = "a"}
      plan.launch @sum(%v, %b) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #m, label = "b"}
      plan.launch @product(%a, %b, %y) {access = array<i32: 0, 0, 1>, ints = [], scalars = [], grid = #n, label = "y"}
      plan.launch @warp(%y, %z) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #n, label = "z"}
    }
    // Both at once would hold both wide buffers.
    // CHECK-LABEL: plan.program @memory attributes {arena_bytes = 65600 : i64}
    // CHECK-NOT: group =
    plan.program @memory attributes {arena_bytes = 65600 : i64} {
      %a = plan.buffer arena {dtype = f32, elements = #wide, offset = 0 : i64}
      %b = plan.buffer arena {dtype = f32, elements = #wide, offset = 0 : i64}
      %y = plan.buffer output "y" {dtype = f32, elements = #n, offset = 0 : i64}
      %z = plan.buffer output "z" {dtype = f32, elements = #n, offset = 0 : i64}
      plan.launch @product(%a) {access = array<i32: 1>, ints = [], scalars = [], grid = #n, label = "a"}
      plan.launch @warp(%a, %y) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #n, label = "y"}
      plan.launch @product(%b) {access = array<i32: 1>, ints = [], scalars = [], grid = #n, label = "b"}
      plan.launch @warp(%b, %z) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #n, label = "z"}
    }
  }
  // CHECK-LABEL: plan.variant @cpu
  // CHECK-NOT: group =
  plan.variant @cpu attributes {target = "cpu", params_elements = 0 : i64,
      trainable_elements = 0 : i64, decay_elements = 0 : i64, moments_bytes = 0 : i64,
      state_bytes = 0 : i64} {
    plan.kernel @product {scratch_bytes = 0 : i64}
    plan.program @p attributes {arena_bytes = 640 : i64} {
      %q = plan.buffer arena {dtype = f32, elements = #n, offset = 0 : i64}
      %k = plan.buffer arena {dtype = f32, elements = #n, offset = 320 : i64}
      plan.launch @product(%q) {access = array<i32: 1>, ints = [], scalars = [], grid = #n, label = "q"}
      plan.launch @product(%k) {access = array<i32: 1>, ints = [], scalars = [], grid = #n, label = "k"}
    }
  }
}
