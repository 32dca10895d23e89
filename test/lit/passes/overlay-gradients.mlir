// RUN: ftc-opt %s -ftc-overlay-gradients | FileCheck %s
// RUN: not ftc-opt %s -ftc-overlay-gradients=no=1 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: sed 's/plan.symbols = .*plan.capacities/plan.capacities/' %s \
// RUN:   | not ftc-opt - -ftc-overlay-gradients 2>&1 | FileCheck %s --check-prefix=NAMES
// A gradient that is made when an activation has died takes its place, behind the arena of the
// program that reads gradients; the gap of 6 elements between parameters is filled. The compact
// table's gradient follows.

// BAD: no such option
// NAMES: expected plan.symbols and as many plan.capacities

#t = affine_map<()[s0, s1] -> (s0 * 16)>
#rows = affine_map<()[s0, s1] -> (s1 * 16)>
#c10 = affine_map<()[s0, s1] -> (10)>
#c1024 = affine_map<()[s0, s1] -> (1024)>
#c1040 = affine_map<()[s0, s1] -> (1040)>
#one = affine_map<()[s0, s1] -> (1)>

// CHECK: plan.variant @v attributes
// CHECK-SAME: overlaid_at = 128 : i64, overlaid_compact_at = 4288 : i64, overlaid_from = 64 : i64
module attributes {plan.symbols = ["tokens", "touched"], plan.capacities = array<i64: 64, 4>} {
  plan.variant @v attributes {target = "cpu", params_elements = 1104 : i64,
      trainable_elements = 1104 : i64, decay_elements = 1104 : i64, moments_bytes = 0 : i64,
      state_bytes = 0 : i64} {
    plan.storage "table" {panel_width = 0 : i64, offset = 0 : i64, elements = 64 : i64}
    plan.storage "w" {panel_width = 0 : i64, offset = 64 : i64, elements = 10 : i64}
    plan.storage "u" {panel_width = 0 : i64, offset = 80 : i64, elements = 1024 : i64}
    plan.kernel @k {scratch_bytes = 64 : i64}
    // %b dies with the third command, %a lives on: the gradients, bytes 128 to 4288, lie over %b.
    // CHECK: plan.program @train_accumulate attributes {arena_bytes = 8448 : i64}
    plan.program @train_accumulate attributes {arena_bytes = 8448 : i64} {
      // CHECK-NEXT: %[[GAP:.*]] = plan.buffer grads {dtype = f32, elements = #{{.*}}, offset = 74 : i64}
      // CHECK-NEXT: plan.buffer arena {{{.*}}offset = 4288 : i64}
      // CHECK-NEXT: plan.buffer arena {{{.*}}offset = 0 : i64}
      %a = plan.buffer arena {dtype = f32, elements = #t, offset = 0 : i64}
      %b = plan.buffer arena {dtype = f32, elements = #t, offset = 4224 : i64}
      %w = plan.buffer grads {dtype = f32, elements = #c10, offset = 64 : i64}
      %u = plan.buffer grads {dtype = f32, elements = #c1024, offset = 80 : i64}
      %e = plan.buffer grads {dtype = f32, elements = #rows, offset = 0 : i64}
      plan.fill %a
      plan.fill %b
      plan.launch @k(%a, %b) {access = array<i32: 2, 0>, ints = [], scalars = [], grid = #one, label = "x"}
      plan.launch @k(%a, %u) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #one, label = "u"}
      plan.launch @k(%a, %w) {access = array<i32: 0, 2>, ints = [], scalars = [], grid = #one, label = "w"}
      plan.fill %e {unless = "tokens"}
      // CHECK: plan.fill %{{.*}} {unless = "tokens"}
      // CHECK-NEXT: plan.fill %[[GAP]]
      // CHECK-NEXT: }
    }
    // CHECK: plan.program @apply attributes {arena_bytes = 128 : i64}
    plan.program @apply attributes {arena_bytes = 128 : i64} {
      %g = plan.buffer grads {dtype = f32, elements = #c1040, offset = 64 : i64}
      %e = plan.buffer grads {dtype = f32, elements = #rows, offset = 0 : i64}
      %n = plan.buffer arena {dtype = f32, elements = #c10, offset = 0 : i64}
      plan.launch @k(%g, %e, %n) {access = array<i32: 0, 0, 1>, ints = [], scalars = [], grid = #one, label = "apply"}
    }
  }
}
