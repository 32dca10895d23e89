// RUN: ftc-opt %s | ftc-opt | FileCheck %s
// RUN: ftc-opt %s -emit-bytecode | ftc-opt | FileCheck %s
// Every op prints and parses; so do names of spaces, quoted where they must be.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t6 = tensor<?x6xf32, #nn.space<tokens>>
!t2 = tensor<?x2xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!s4 = tensor<?x4xf32, #nn.space<sequences>>
!s1 = tensor<?xf32, #nn.space<sequences>>
!ti = tensor<?xi32, #nn.space<tokens>>
!si = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!seg = tensor<?xi32, #nn.offsets<ids.unique, tokens>>
!uni = tensor<?xi32, #nn.space<ids.unique>>
!w64 = tensor<6x4xf32>
!w54 = tensor<5x4xf32>
!v4 = tensor<4xf32>
!v6 = tensor<6xf32>
!one = tensor<1xf32>
!two = tensor<2xf32>

// CHECK-LABEL: func.func @linear
// CHECK: nn.linear
func.func @linear(%0: !t4, %1: !w64, %2: !v6) -> !t6 {
  %r = nn.linear %0, %1, %2
      : (!t4, !w64, !v6) -> !t6
  return %r : !t6
}

// CHECK-LABEL: func.func @linear_pre
// CHECK: nn.linear
func.func @linear_pre(%0: !t4, %1: !w64) -> (!t6, !t6) {
  %r:2 = nn.linear %0, %1 {activation = #nn.activation<gelu>}
      : (!t4, !w64) -> (!t6, !t6)
  return %r#0, %r#1 : !t6, !t6
}

// CHECK-LABEL: func.func @linear_dgrad
// CHECK: nn.linear_dgrad
func.func @linear_dgrad(%0: !t6, %1: !w64, %2: !t4, %3: !t4) -> !t4 {
  %r = nn.linear_dgrad %0, %1, %2, %3 {activation = #nn.activation<gelu>,
      operandSegmentSizes = array<i32: 1, 1, 1, 1>}
      : (!t6, !w64, !t4, !t4) -> !t4
  return %r : !t4
}

// CHECK-LABEL: func.func @linear_wgrad
// CHECK: nn.linear_wgrad
func.func @linear_wgrad(%0: !t6, %1: !t4) -> (!w64, !v6) {
  %r:2 = nn.linear_wgrad %0, %1
      : (!t6, !t4) -> (!w64, !v6)
  return %r#0, %r#1 : !w64, !v6
}

// CHECK-LABEL: func.func @activation
// CHECK: nn.activation
func.func @activation(%0: !t4) -> !t4 {
  %r = nn.activation %0 {kind = #nn.activation<gelu_tanh>}
      : (!t4) -> !t4
  return %r : !t4
}

// CHECK-LABEL: func.func @activation_grad
// CHECK: nn.activation_grad
func.func @activation_grad(%0: !t4, %1: !t4) -> !t4 {
  %r = nn.activation_grad %0, %1 {kind = #nn.activation<silu>}
      : (!t4, !t4) -> !t4
  return %r : !t4
}

// CHECK-LABEL: func.func @add
// CHECK: nn.add
func.func @add(%0: !t4, %1: !t4) -> !t4 {
  %r = nn.add %0, %1
      : (!t4, !t4) -> !t4
  return %r : !t4
}

// CHECK-LABEL: func.func @low_rank_linear
// CHECK: nn.low_rank_linear
func.func @low_rank_linear(%0: !t4, %1: !w64, %2: !t2, %3: tensor<6x2xf32>, %4: !v6)
    -> (!t6, !t6) {
  %r:2 = nn.low_rank_linear %0, %1, %2, %3, %4 {activation = #nn.activation<gelu>}
      : (!t4, !w64, !t2, tensor<6x2xf32>, !v6) -> (!t6, !t6)
  return %r#0, %r#1 : !t6, !t6
}

// CHECK-LABEL: func.func @low_rank_dgrad
// CHECK: nn.low_rank_dgrad
func.func @low_rank_dgrad(%0: !t6, %1: !w64, %2: !t2, %3: tensor<2x4xf32>, %4: !t4) -> !t4 {
  %r = nn.low_rank_dgrad %0, %1, %2, %3, %4
      {operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 1>}
      : (!t6, !w64, !t2, tensor<2x4xf32>, !t4) -> !t4
  return %r : !t4
}

// CHECK-LABEL: func.func @scale
// CHECK: nn.scale %{{.*}} {factor = 2.000000e+00 : f64}
func.func @scale(%0: !t4) -> !t4 {
  %r = nn.scale %0 {factor = 2.0 : f64} : (!t4) -> !t4
  return %r : !t4
}

// CHECK-LABEL: func.func @dropout
// CHECK: nn.dropout
func.func @dropout(%0: !t4, %1: !ti, %2: !ti) -> !t4 {
  %r = nn.dropout %0, %1, %2 {rate = "p", op_id = 1 : i32, module = "m"}
      : (!t4, !ti, !ti) -> !t4
  return %r : !t4
}

// CHECK-LABEL: func.func @layer_norm
// CHECK: nn.layer_norm
func.func @layer_norm(%0: !t4, %1: !v4, %2: !v4) -> (!t4, !t1, !t1) {
  %r:3 = nn.layer_norm %0, %1, %2 {eps = 1.0e-5 : f64}
      : (!t4, !v4, !v4) -> (!t4, !t1, !t1)
  return %r#0, %r#1, %r#2 : !t4, !t1, !t1
}

// CHECK-LABEL: func.func @add_layer_norm
// CHECK: nn.add_layer_norm
func.func @add_layer_norm(%0: !t4, %1: !t4, %2: !v4, %3: !v4, %4: !ti, %5: !ti) -> (!t4, !t4, !t1, !t1) {
  %r:4 = nn.add_layer_norm %0, %1, %2, %3, %4, %5 {eps = 1.0e-5 : f64, rate = "p", op_id = 1 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1>}
      : (!t4, !t4, !v4, !v4, !ti, !ti) -> (!t4, !t4, !t1, !t1)
  return %r#0, %r#1, %r#2, %r#3 : !t4, !t4, !t1, !t1
}

// CHECK-LABEL: func.func @layer_norm_grad
// CHECK: nn.layer_norm_grad
func.func @layer_norm_grad(%0: !t4, %1: !t4, %2: !t1, %3: !t1, %4: !v4) -> (!t4, !v4, !v4) {
  %r:3 = nn.layer_norm_grad %0, %1, %2, %3, %4
      : (!t4, !t4, !t1, !t1, !v4) -> (!t4, !v4, !v4)
  return %r#0, %r#1, %r#2 : !t4, !v4, !v4
}

// CHECK-LABEL: func.func @attention
// CHECK: nn.attention
func.func @attention(%0: !t4, %1: !t4, %2: !t4, %3: !cu, %4: !cu, %5: !ti, %6: !si) -> (!t4, !t2) {
  %r:2 = nn.attention %0, %1, %2, %3, %4, %5, %6 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32, module = "m"}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !t2)
  return %r#0, %r#1 : !t4, !t2
}

// CHECK-LABEL: func.func @attention_grad
// CHECK: nn.attention_grad
func.func @attention_grad(%0: !t4, %1: !t4, %2: !t4, %3: !t4, %4: !t4, %5: !t2, %6: !cu, %7: !cu, %8: !ti, %9: !si) -> (!t4, !t4, !t4) {
  %r:3 = nn.attention_grad %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64,
      causal = false, op_id = 1 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si) -> (!t4, !t4, !t4)
  return %r#0, %r#1, %r#2 : !t4, !t4, !t4
}

// CHECK-LABEL: func.func @relative_attention
// CHECK: nn.attention {{.*}} max_distance = 9 : i32
// CHECK: nn.attention_grad {{.*}} max_distance = 9 : i32
// CHECK: nn.attention_grad {{.*}} max_distance = 9 : i32
func.func @relative_attention(%0: !t4, %1: !t2, %2: !cu, %3: !ti, %4: !si, %5: tensor<8x2xf32>) -> (!t4, tensor<8x2xf32>, !t4) {
  %r:2 = nn.attention %0, %0, %0, %2, %2, %3, %4, %5 {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64,
      causal = false, op_id = 1 : i32, module = "m", max_distance = 9 : i32}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x2xf32>) -> (!t4, !t2)
  %s:4 = nn.attention_grad %0, %0, %0, %0, %r#0, %r#1, %2, %2, %3, %4, %5 {heads = 2 : i32, kv_heads = 2 : i32,
      scale = 1.0 : f64, causal = false, op_id = 1 : i32, max_distance = 9 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si, tensor<8x2xf32>) -> (!t4, !t4, !t4, tensor<8x2xf32>)
  %t:3 = nn.attention_grad %0, %0, %0, %0, %r#0, %r#1, %2, %2, %3, %4, %5 {heads = 2 : i32, kv_heads = 2 : i32,
      scale = 1.0 : f64, causal = false, op_id = 1 : i32, max_distance = 9 : i32}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si, tensor<8x2xf32>) -> (!t4, !t4, !t4)
  return %r#0, %s#3, %t#0 : !t4, tensor<8x2xf32>, !t4
}

// CHECK-LABEL: func.func @disentangled_attention
// CHECK: nn.attention {{.*}} max_distance = 9 : i32, {{.*}}position_keys, position_queries
// CHECK: nn.attention_grad {{.*}} max_distance = 9 : i32, {{.*}}position_keys, position_queries
// CHECK: nn.attention_grad {{.*}}position_queries
// CHECK-NOT: max_distance
func.func @disentangled_attention(%0: !t4, %1: !cu, %2: !ti, %3: !si, %4: tensor<8x4xf32>) -> (!t4, tensor<8x4xf32>, !t4) {
  %r:2 = nn.attention %0, %0, %0, %1, %1, %2, %3, %4, %4 {heads = 2 : i32, kv_heads = 2 : i32, scale = 1.0 : f64,
      causal = false, op_id = 1 : i32, module = "m", max_distance = 9 : i32, position_keys, position_queries}
      : (!t4, !t4, !t4, !cu, !cu, !ti, !si, tensor<8x4xf32>, tensor<8x4xf32>) -> (!t4, !t2)
  %s:5 = nn.attention_grad %0, %0, %0, %0, %r#0, %r#1, %1, %1, %2, %3, %4, %4 {heads = 2 : i32, kv_heads = 2 : i32,
      scale = 1.0 : f64, causal = false, op_id = 1 : i32, max_distance = 9 : i32, position_keys, position_queries}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si, tensor<8x4xf32>, tensor<8x4xf32>) -> (!t4, !t4, !t4, tensor<8x4xf32>, tensor<8x4xf32>)
  %t:3 = nn.attention_grad %0, %0, %0, %0, %r#0, %r#1, %1, %1, %2, %3, %4 {heads = 2 : i32, kv_heads = 2 : i32,
      scale = 1.0 : f64, causal = false, op_id = 1 : i32, position_queries}
      : (!t4, !t4, !t4, !t4, !t4, !t2, !cu, !cu, !ti, !si, tensor<8x4xf32>) -> (!t4, !t4, !t4)
  return %r#0, %s#4, %t#0 : !t4, tensor<8x4xf32>, !t4
}

// CHECK-LABEL: func.func @convolution
// CHECK: nn.unfold %{{.*}} {size = 3 : i32}
// CHECK: nn.fold %{{.*}} {size = 3 : i32}
func.func @convolution(%0: !t2, %1: !cu) -> !t2 {
  %r = nn.unfold %0, %1 {size = 3 : i32} : (!t2, !cu) -> !t6
  %s = nn.fold %r, %1 {size = 3 : i32} : (!t6, !cu) -> !t2
  return %s : !t2
}

// CHECK-LABEL: func.func @iota
// CHECK: nn.iota {step = 2 : i32}
func.func @iota() -> tensor<5xi32> {
  %r = nn.iota {step = 2 : i32} : () -> tensor<5xi32>
  return %r : tensor<5xi32>
}

// CHECK-LABEL: func.func @cache_append
// CHECK: nn.cache_append
func.func @cache_append(%0: !w64, %1: !t4, %2: !ti) -> !w64 {
  %r = nn.cache_append %0, %1, %2
      : (!w64, !t4, !ti) -> !w64
  return %r : !w64
}

// CHECK-LABEL: func.func @cached_attention
// CHECK: nn.cached_attention
func.func @cached_attention(%0: !s4, %1: !w64, %2: !w64, %3: !cu, %4: !ti) -> !s4 {
  %r = nn.cached_attention %0, %1, %2, %3, %4 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, longest = 9 : i32}
      : (!s4, !w64, !w64, !cu, !ti) -> !s4
  return %r : !s4
}

// CHECK-LABEL: func.func @biased_cached_attention
// CHECK: nn.cached_attention
// CHECK-SAME: max_distance = 20 : i32
func.func @biased_cached_attention(%0: !s4, %1: !w64, %2: !w64, %3: !cu, %4: !ti,
                                   %5: tensor<8x2xf32>) -> !s4 {
  %r = nn.cached_attention %0, %1, %2, %3, %4, %5 {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.5 : f64, longest = 9 : i32,
      max_distance = 20 : i32} : (!s4, !w64, !w64, !cu, !ti, tensor<8x2xf32>) -> !s4
  return %r : !s4
}

// CHECK-LABEL: func.func @embedding
// CHECK: nn.embedding
func.func @embedding(%0: !ti, %1: !ti, %2: !w64, %3: !w54) -> !t4 {
  %r = nn.embedding %0, %1, %2, %3 {operandSegmentSizes = array<i32: 2, 2>}
      : (!ti, !ti, !w64, !w54) -> !t4
  return %r : !t4
}

// CHECK-LABEL: func.func @embedding_grad
// CHECK: nn.embedding_grad
func.func @embedding_grad(%0: !t4, %1: !ti, %2: !seg, %3: !uni) -> !w64 {
  %r = nn.embedding_grad %0, %1, %2, %3
      : (!t4, !ti, !seg, !uni) -> !w64
  return %r : !w64
}

// CHECK-LABEL: func.func @padded_embedding
// CHECK: nn.embedding {{.*}} padding = 3 : i32
// CHECK: nn.embedding_grad {{.*}}{padding = 3 : i32}
func.func @padded_embedding(%0: !ti, %1: !w64, %2: !seg, %3: !uni) -> !w64 {
  %y = nn.embedding %0, %1 {operandSegmentSizes = array<i32: 1, 1>, padding = 3 : i32}
      : (!ti, !w64) -> !t4
  %r = nn.embedding_grad %y, %0, %2, %3 {padding = 3 : i32} : (!t4, !ti, !seg, !uni) -> !w64
  return %r : !w64
}

// CHECK-LABEL: func.func @gather_rows
// CHECK: nn.gather_rows
func.func @gather_rows(%0: !t4, %1: !si) -> !s4 {
  %r = nn.gather_rows %0, %1
      : (!t4, !si) -> !s4
  return %r : !s4
}

// CHECK-LABEL: func.func @gather_indices
// CHECK: nn.gather_rows
func.func @gather_indices(%0: !ti, %1: !si) -> !si {
  %r = nn.gather_rows %0, %1
      : (!ti, !si) -> !si
  return %r : !si
}

// CHECK-LABEL: func.func @scatter_rows
// CHECK: nn.scatter_rows
func.func @scatter_rows(%0: !s4, %1: !si) -> !t4 {
  %r = nn.scatter_rows %0, %1
      : (!s4, !si) -> !t4
  return %r : !t4
}

// CHECK-LABEL: func.func @cross_entropy
// CHECK: nn.cross_entropy
func.func @cross_entropy(%0: !s4, %1: !si) -> !s1 {
  %r = nn.cross_entropy %0, %1
      : (!s4, !si) -> !s1
  return %r : !s1
}

// CHECK-LABEL: func.func @weighted_cross_entropy
// CHECK: nn.cross_entropy %{{.*}}, %{{.*}}, %{{.*}} : ({{.*}}, tensor<4xf32>)
// CHECK: nn.cross_entropy_grad %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : ({{.*}}, tensor<4xf32>)
func.func @weighted_cross_entropy(%0: !s4, %1: !si, %2: tensor<4xf32>) -> !s4 {
  %r = nn.cross_entropy %0, %1, %2
      : (!s4, !si, tensor<4xf32>) -> !s1
  %d = nn.cross_entropy_grad %0, %1, %r, %2
      : (!s4, !si, !s1, tensor<4xf32>) -> !s4
  return %d : !s4
}

// CHECK-LABEL: func.func @target_loss
// CHECK: nn.target_loss %{{.*}}, %{{.*}} {kind = #nn.target_loss<binary_cross_entropy>}
// CHECK: nn.target_loss_grad %{{.*}}, %{{.*}}, %{{.*}} {kind = #nn.target_loss<squared_error>}
func.func @target_loss(%0: !s4, %1: !s4) -> !s4 {
  %r = nn.target_loss %0, %1 {kind = #nn.target_loss<binary_cross_entropy>}
      : (!s4, !s4) -> !s1
  %d = nn.target_loss_grad %0, %1, %r {kind = #nn.target_loss<squared_error>}
      : (!s4, !s4, !s1) -> !s4
  return %d : !s4
}

// CHECK-LABEL: func.func @loss_seed
// CHECK: nn.loss_seed
func.func @loss_seed() -> !s1 {
  %r = nn.loss_seed 
      : () -> !s1
  return %r : !s1
}

// CHECK-LABEL: func.func @cross_entropy_grad
// CHECK: nn.cross_entropy_grad
func.func @cross_entropy_grad(%0: !s4, %1: !si, %2: !s1) -> !s4 {
  %r = nn.cross_entropy_grad %0, %1, %2
      : (!s4, !si, !s1) -> !s4
  return %r : !s4
}

// CHECK-LABEL: func.func @accumulate
// CHECK: nn.accumulate
func.func @accumulate(%0: !w64, %1: !w64) -> !w64 {
  %r = nn.accumulate %0, %1
      : (!w64, !w64) -> !w64
  return %r : !w64
}

// CHECK-LABEL: func.func @global_norm
// CHECK: nn.global_norm
func.func @global_norm(%0: !w64, %1: !v4) -> (!one, !two) {
  %r:2 = nn.global_norm %0, %1
      : (!w64, !v4) -> (!one, !two)
  return %r#0, %r#1 : !one, !two
}

// CHECK-LABEL: func.func @adamw
// CHECK: nn.adamw
func.func @adamw(%0: !v4, %1: !v4, %2: !v4, %3: !v4, %4: !two) -> (!v4, !v4, !v4) {
  %r:3 = nn.adamw %0, %1, %2, %3, %4 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!v4, !v4, !v4, !v4, !two) -> (!v4, !v4, !v4)
  return %r#0, %r#1, %r#2 : !v4, !v4, !v4
}

// CHECK-LABEL: func.func @sgd
// CHECK: nn.sgd
func.func @sgd(%0: !v4, %1: !v4, %2: !v4, %3: !two) -> (!v4, !v4) {
  %r:2 = nn.sgd %0, %1, %2, %3 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1>,
      resultSegmentSizes = array<i32: 1, 1>}
      : (!v4, !v4, !v4, !two) -> (!v4, !v4)
  return %r#0, %r#1 : !v4, !v4
}

// CHECK-LABEL: func.func @lion
// CHECK: nn.lion
func.func @lion(%0: !v4, %1: !v4, %2: !v4, %3: !two) -> (!v4, !v4) {
  %r:2 = nn.lion %0, %1, %2, %3 {decay = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1>}
      : (!v4, !v4, !v4, !two) -> (!v4, !v4)
  return %r#0, %r#1 : !v4, !v4
}

// CHECK-LABEL: func.func @adafactor
// CHECK: nn.adafactor
// CHECK: nn.adafactor
func.func @adafactor(%0: !w64, %1: !w64, %2: tensor<6xf32>, %3: !v4, %4: !two, %5: !v4)
    -> (!w64, !v4) {
  %r:3 = nn.adafactor %0, %1, %2, %3, %4 {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>,
      resultSegmentSizes = array<i32: 1, 1, 1>}
      : (!w64, !w64, tensor<6xf32>, !v4, !two) -> (!w64, tensor<6xf32>, !v4)
  %s:2 = nn.adafactor %3, %3, %5 {decay = false,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 0>}
      : (!v4, !v4, !v4) -> (!v4, !v4)
  return %r#0, %s#0 : !w64, !v4
}

// CHECK-LABEL: func.func @adamw_8bit
// CHECK: nn.adamw_8bit
func.func @adamw_8bit(%0: !w64, %1: !w64, %2: tensor<6x4xi8>, %3: tensor<6x4xi8>,
    %4: tensor<1xf32>, %5: tensor<1xf32>) -> !w64 {
  %r:5 = nn.adamw_8bit %0, %1, %2, %3, %4, %5 {decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 0>,
      resultSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (!w64, !w64, tensor<6x4xi8>, tensor<6x4xi8>, tensor<1xf32>, tensor<1xf32>)
      -> (!w64, tensor<6x4xi8>, tensor<6x4xi8>, tensor<1xf32>, tensor<1xf32>)
  return %r#0 : !w64
}

// CHECK-LABEL: func.func @linear_wgrad_update
// CHECK: nn.linear_wgrad_update {{.*}} {bias_decay = true, decay = false
// CHECK-SAME: rule = #nn.update_rule<adamw>
// CHECK: nn.linear_wgrad_update {{.*}} rule = #nn.update_rule<sgd>
// CHECK: nn.linear_wgrad_update {{.*}} rule = #nn.update_rule<lion>
func.func @linear_wgrad_update(%dy: !t4, %x: !t6, %w: tensor<4x6xf32>, %b: !v4)
    -> (tensor<4x6xf32>, !v4, tensor<4x6xf32>, tensor<4x6xf32>) {
  %w1, %m1:2, %b1, %bm1:2 = nn.linear_wgrad_update %dy, %x, %w, %w, %w, %b, %b, %b
      {rule = #nn.update_rule<adamw>, decay = false, bias_decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 2, 1, 2>,
      resultSegmentSizes = array<i32: 1, 2, 1, 2>}
      : (!t4, !t6, tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, !v4, !v4, !v4)
      -> (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, !v4, !v4, !v4)
  %w2, %m2 = nn.linear_wgrad_update %dy, %x, %w, %w {rule = #nn.update_rule<sgd>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t4, !t6, tensor<4x6xf32>, tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>)
  %w3, %m3 = nn.linear_wgrad_update %dy, %x, %w, %w {rule = #nn.update_rule<lion>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 0, 0>}
      : (!t4, !t6, tensor<4x6xf32>, tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>)
  return %w1, %b1, %w2, %w3 : tensor<4x6xf32>, !v4, tensor<4x6xf32>, tensor<4x6xf32>
}

// CHECK-LABEL: func.func private @names
// CHECK-SAME: #nn.space<ids.unique>
// CHECK-SAME: #nn.space<"two words">
// CHECK-SAME: #nn.offsets<input_ids.unique, "a-b">
func.func private @names(tensor<?xi32, #nn.space<ids.unique>>,
    tensor<?xi32, #nn.space<"two words">>,
    tensor<?xi32, #nn.offsets<"input_ids.unique", "a-b">>)

// CHECK-LABEL: func.func @vocabulary_logits
// CHECK: nn.vocabulary_logits
func.func @vocabulary_logits(%0: !t4, %1: !w64) -> !t6 {
  %r = nn.vocabulary_logits %0, %1
      : (!t4, !w64) -> !t6
  return %r : !t6
}

// CHECK-LABEL: func.func @vocabulary_loss
// CHECK: nn.vocabulary_loss
func.func @vocabulary_loss(%0: !t4, %1: !w64, %2: !ti) -> !t1 {
  %r = nn.vocabulary_loss %0, %1, %2
      : (!t4, !w64, !ti) -> !t1
  return %r : !t1
}

// CHECK-LABEL: func.func @vocabulary_loss_bias
// CHECK: nn.vocabulary_loss %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{.*}} :
// CHECK: nn.vocabulary_loss_grad
func.func @vocabulary_loss_bias(%0: !t4, %1: !w64, %2: !ti, %3: tensor<1x6xf32>) -> !t4 {
  %r = nn.vocabulary_loss %0, %1, %2, %3 : (!t4, !w64, !ti, tensor<1x6xf32>) -> !t1
  %s:2 = nn.vocabulary_loss_grad %0, %1, %2, %r, %3
      : (!t4, !w64, !ti, !t1, tensor<1x6xf32>) -> (!t1, !t4)
  return %s#1 : !t4
}

// CHECK-LABEL: func.func @vocabulary_loss_grad
// CHECK: nn.vocabulary_loss_grad
// CHECK: nn.vocabulary_loss_grad
func.func @vocabulary_loss_grad(%0: !t4, %1: !w64, %2: !ti, %3: !t1) -> (!t4, !w64, !t4) {
  %r:3 = nn.vocabulary_loss_grad %0, %1, %2, %3
      : (!t4, !w64, !ti, !t1) -> (!t1, !t4, !w64)
  %s:2 = nn.vocabulary_loss_grad %0, %1, %2, %3
      : (!t4, !w64, !ti, !t1) -> (!t1, !t4)
  return %r#1, %r#2, %s#1 : !t4, !w64, !t4
}

// CHECK-LABEL: func.func @rms_norm
// CHECK: nn.rms_norm
// CHECK: nn.rms_norm_grad
func.func @rms_norm(%x: !t4, %gamma: !v4, %dy: !t4) -> (!t4, !t4, !v4) {
  %y, %rstd = nn.rms_norm %x, %gamma {eps = 1.0e-6 : f64} : (!t4, !v4) -> (!t4, !t1)
  %dx, %dgamma = nn.rms_norm_grad %dy, %x, %rstd, %gamma
      : (!t4, !t4, !t1, !v4) -> (!t4, !v4)
  return %y, %dx, %dgamma : !t4, !t4, !v4
}

// CHECK-LABEL: func.func @layer_norm_without_bias
// CHECK: nn.layer_norm %arg0, %arg1 {eps
// CHECK: nn.layer_norm_grad
// CHECK-SAME: -> (tensor<?x4xf32, #nn.space<tokens>>, tensor<4xf32>)
func.func @layer_norm_without_bias(%x: !t4, %gamma: !v4, %dy: !t4) -> (!t4, !t4, !v4) {
  %y, %mean, %rstd = nn.layer_norm %x, %gamma {eps = 1.0e-6 : f64}
      : (!t4, !v4) -> (!t4, !t1, !t1)
  %dx, %dgamma = nn.layer_norm_grad %dy, %x, %mean, %rstd, %gamma
      : (!t4, !t4, !t1, !t1, !v4) -> (!t4, !v4)
  return %y, %dx, %dgamma : !t4, !t4, !v4
}

// CHECK-LABEL: func.func @gated
// CHECK: nn.gated
// CHECK: nn.gated_grad
func.func @gated(%gate: !t4, %up: !t4, %dy: !t4) -> (!t4, !t4, !t4) {
  %y = nn.gated %gate, %up {kind = #nn.activation<silu>} : (!t4, !t4) -> !t4
  %dgate, %dup = nn.gated_grad %dy, %gate, %up {kind = #nn.activation<silu>}
      : (!t4, !t4, !t4) -> (!t4, !t4)
  return %y, %dgate, %dup : !t4, !t4, !t4
}

// CHECK-LABEL: func.func @columns
// CHECK: nn.split_columns
// CHECK: nn.concat_columns
func.func @columns(%x: !t6) -> !t6 {
  %a, %b = nn.split_columns %x : (!t6) -> (!t2, !t4)
  %y = nn.concat_columns %b, %a : (!t4, !t2) -> !t6
  return %y : !t6
}

// CHECK-LABEL: func.func @rotary
// CHECK: nn.rotary {{.*}}frequencies = array<f32: 1.000000e+00, 2.500000e-01>, heads = 1 : i32
// CHECK: nn.rotary {{.*}} inverse
func.func @rotary(%x: !t4, %position: !ti) -> !t4 {
  %y = nn.rotary %x, %position {heads = 1 : i32, frequencies = array<f32: 1.0, 0.25>}
      : (!t4, !ti) -> !t4
  %z = nn.rotary %y, %position {heads = 2 : i32, frequencies = array<f32: 1.0>, scale = 0.5 : f64,
      inverse} : (!t4, !ti) -> !t4
  return %z : !t4
}

// CHECK-LABEL: func.func @window
// CHECK: nn.attention {{.*}} window = 3 : i32
func.func @window(%q: !t4, %cu: !cu, %position: !ti, %id: !si) -> !t4 {
  %out, %lse = nn.attention %q, %q, %q, %cu, %cu, %position, %id {heads = 2 : i32,
      kv_heads = 2 : i32, scale = 0.5 : f64, causal = true, op_id = 1 : i32, module = "m",
      window = 3 : i32} : (!t4, !t4, !t4, !cu, !cu, !ti, !si) -> (!t4, !t2)
  return %out : !t4
}

// CHECK-LABEL: func.func @mean_rows
// CHECK: nn.mean_rows
// CHECK: nn.mean_rows_grad
func.func @mean_rows(%x: !t4, %dy: !s4, %cu: !cu) -> (!s4, !t4) {
  %y = nn.mean_rows %x, %cu : (!t4, !cu) -> !s4
  %dx = nn.mean_rows_grad %dy, %cu : (!s4, !cu) -> !t4
  return %y, %dx : !s4, !t4
}
