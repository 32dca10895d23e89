// Every diagnostic of the plan dialect's own verifiers.
// RUN: ftc-opt %s --split-input-file --verify-diagnostics

plan.variant @v attributes {target = "cpu", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.program @p attributes {arena_bytes = 0 : i64} {
    // expected-error @+1 {{expected a name exactly for inputs and outputs, got input without one}}
    %i = plan.buffer input {dtype = i32, elements = affine_map<() -> (1)>, offset = 0 : i64}
  }
}

// -----

plan.variant @v attributes {target = "cpu", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.program @p attributes {arena_bytes = 0 : i64} {
    // expected-error @+1 {{expected a name exactly for inputs and outputs, got arena with one}}
    %a = plan.buffer arena "a" {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
  }
}

// -----

plan.variant @v attributes {target = "cpu", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.program @p attributes {arena_bytes = 0 : i64} {
    // expected-error @+1 {{expected an offset of at least 0, got -64}}
    %a = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = -64 : i64}
  }
}

// -----

plan.variant @v attributes {target = "cpu", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.program @p attributes {arena_bytes = 0 : i64} {
    // expected-error @+1 {{expected elements as one expression over symbols}}
    %a = plan.buffer arena {dtype = f32, elements = affine_map<(d0) -> (d0)>, offset = 0 : i64}
  }
}

// -----

plan.variant @v attributes {target = "cpu", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64}
  plan.program @p attributes {arena_bytes = 64 : i64} {
    %a = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
    // expected-error @+1 {{expected one access an operand, got 2 for 1}}
    plan.launch @k(%a) {access = array<i32: 1, 0>, ints = [], scalars = [],
        grid = affine_map<() -> (1)>, label = "k"}
  }
}

// -----

plan.variant @v attributes {target = "cpu", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64}
  plan.program @p attributes {arena_bytes = 64 : i64} {
    %a = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
    // expected-error @+1 {{expected an access of 0, 1 or 2, got 3}}
    plan.launch @k(%a) {access = array<i32: 3>, ints = [], scalars = [],
        grid = affine_map<() -> (1)>, label = "k"}
  }
}

// -----

plan.variant @v attributes {target = "cpu", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64}
  plan.program @p attributes {arena_bytes = 64 : i64} {
    %a = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
    // expected-error @+1 {{expected ints to be affine maps, got 7 : i64}}
    plan.launch @k(%a) {access = array<i32: 1>, ints = [7 : i64], scalars = [],
        grid = affine_map<() -> (1)>, label = "k"}
  }
}

// -----

plan.variant @v attributes {target = "cpu", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64}
  plan.program @p attributes {arena_bytes = 64 : i64} {
    %a = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
    // expected-error @+1 {{expected scalars to be names, got 7 : i64}}
    plan.launch @k(%a) {access = array<i32: 1>, ints = [], scalars = [7 : i64],
        grid = affine_map<() -> (1)>, label = "k"}
  }
}

// -----

plan.variant @v attributes {target = "cpu", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.program @p attributes {arena_bytes = 64 : i64} {
    %a = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
    plan.fill %a
    // expected-error @+1 {{expected buffers before the first command}}
    %b = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
  }
}

// -----

plan.variant @v attributes {target = "cpu", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.program @p attributes {arena_bytes = 64 : i64} {
    %a = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
    // expected-error @+1 {{expected a kernel of the variant, got @absent}}
    plan.launch @absent(%a) {access = array<i32: 1>, ints = [], scalars = [],
        grid = affine_map<() -> (1)>, label = "k"}
  }
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64, threads = 128 : i64}
  // expected-error @+1 {{expected as many counts as runs}}
  plan.kernel @g {scratch_bytes = 0 : i64, threads = 128 : i64, runs = [@k]}
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  // expected-error @+1 {{expected runs of single kernels of the variant, got @absent}}
  plan.kernel @g {scratch_bytes = 0 : i64, runs = [@absent], counts = array<i64: 2>}
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 64 : i64, resident = 3 : i64}
  // expected-error @+1 {{expected kernels with the group's blocks, of 32 threads, 64 bytes of shared memory and 3 resident, got @k of 128 threads, 64 bytes of shared memory and 3 resident}}
  plan.kernel @g {scratch_bytes = 0 : i64, threads = 32 : i64, shared_bytes = 64 : i64, resident = 3 : i64, runs = [@k], counts = array<i64: 2>}
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 64 : i64, resident = 3 : i64}
  // expected-error @+1 {{expected kernels with the group's blocks, of 128 threads, 32 bytes of shared memory and 3 resident, got @k of 128 threads, 64 bytes of shared memory and 3 resident}}
  plan.kernel @g {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 32 : i64, resident = 3 : i64, runs = [@k], counts = array<i64: 2>}
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 64 : i64, resident = 3 : i64}
  // expected-error @+1 {{expected kernels with the group's blocks, of 128 threads, 64 bytes of shared memory and 2 resident, got @k of 128 threads, 64 bytes of shared memory and 3 resident}}
  plan.kernel @g {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 64 : i64, resident = 2 : i64, runs = [@k], counts = array<i64: 2>}
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64, threads = 128 : i64, shared_bytes = 64 : i64, resident = 3 : i64}
  // expected-error @+1 {{expected kernels with the group's blocks, of no threads, got @k of 128 threads, 64 bytes of shared memory and 3 resident}}
  plan.kernel @g {scratch_bytes = 0 : i64, runs = [@k], counts = array<i64: 2>}
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64, threads = 128 : i64}
  // expected-error @+1 {{expected at least one launch a run, got 0}}
  plan.kernel @g {scratch_bytes = 0 : i64, threads = 128 : i64, runs = [@k, @k], counts = array<i64: 2, 0>}
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  // expected-error @+1 {{expected runs of single kernels of the variant, got "k"}}
  plan.kernel @g {scratch_bytes = 0 : i64, threads = 128 : i64, runs = ["k"], counts = array<i64: 2>}
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64, threads = 128 : i64}
  // expected-error @+1 {{expected a group of at least two launches}}
  plan.kernel @g {scratch_bytes = 0 : i64, threads = 128 : i64, runs = [@k], counts = array<i64: 1>}
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64, threads = 128 : i64}
  plan.program @p attributes {arena_bytes = 64 : i64} {
    %a = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
    // expected-error @+1 {{expected the kernel of a group, got @k}}
    plan.launch @k(%a) {access = array<i32: 1>, ints = [], scalars = [],
        grid = affine_map<() -> (1)>, label = "k", group = @k}
  }
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64, threads = 128 : i64}
  plan.kernel @g {scratch_bytes = 0 : i64, threads = 128 : i64, runs = [@k], counts = array<i64: 2>}
  plan.program @p attributes {arena_bytes = 64 : i64} {
    %a = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
    // expected-error @+1 {{expected the launches of group @g behind each other, got another command for a launch of @k}}
    plan.launch @k(%a) {access = array<i32: 1>, ints = [], scalars = [],
        grid = affine_map<() -> (1)>, label = "k", group = @g}
    plan.fill %a
  }
}

// -----

plan.variant @v attributes {target = "cuda", params_elements = 0 : i64, trainable_elements = 0 : i64,
    decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {
  plan.kernel @k {scratch_bytes = 0 : i64, threads = 128 : i64}
  plan.kernel @g {scratch_bytes = 0 : i64, threads = 128 : i64, runs = [@k], counts = array<i64: 2>}
  plan.program @p attributes {arena_bytes = 64 : i64} {
    %a = plan.buffer arena {dtype = f32, elements = affine_map<() -> (1)>, offset = 0 : i64}
    plan.launch @k(%a) {access = array<i32: 0>, ints = [], scalars = [],
        grid = affine_map<() -> (1)>, label = "k", group = @g}
    // expected-error @+1 {{expected the grid of its run, affine_map<() -> (1)>}}
    plan.launch @k(%a) {access = array<i32: 0>, ints = [], scalars = [],
        grid = affine_map<() -> (2)>, label = "k"}
  }
}
