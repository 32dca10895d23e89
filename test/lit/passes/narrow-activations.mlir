// RUN: ftc-opt %s -ftc-narrow-activations -ftc-fuse-updates \
// RUN:   -remarks-filter=ftc-narrow-activations -remark-format=emitRemark 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t
// RUN: ftc-opt %s -ftc-narrow-activations=gated=false | FileCheck %s --check-prefix=SCARCE
// What linear layers and their weight gradients alone read is bf16; nothing else is.

// REMARK: 4 activations of @train_step stored in bf16

!t64 = tensor<?x64xf32, #nn.space<tokens>>
!t32 = tensor<?x32xf32, #nn.space<tokens>>
!t60 = tensor<?x60xf32, #nn.space<tokens>>

// SCARCE-LABEL: func.func @train_step
// SCARCE: nn.linear {{.*}} -> (tensor<?x64xbf16
// SCARCE: nn.gated {{.*}} -> tensor<?x64xf32
// SCARCE: nn.activation {{.*}} -> tensor<?x64xbf16

// CHECK-LABEL: func.func @train_step
// CHECK: %[[Y:.*]], %[[PRE:.*]] = nn.linear %{{.*}} -> (tensor<?x64xbf16, {{.*}}>, tensor<?x64xf32, {{.*}}>)
// CHECK: nn.linear %[[Y]]{{.*}} -> tensor<?x64xf32
// CHECK: nn.gated {{.*}} -> tensor<?x64xbf16
// CHECK: nn.activation %[[PRE]]{{.*}} -> tensor<?x64xbf16
// CHECK: nn.activation {{.*}} -> tensor<?x32xbf16
func.func @train_step(%x: !t64, %w: tensor<64x64xf32>, %dy: !t64, %p: !t32)
    -> (!t64, !t64, tensor<64x64xf32>, tensor<64x32xf32>)
    attributes {nn.program = "train_step"} {
  %y, %pre = nn.linear %x, %w {activation = #nn.activation<gelu>}
      : (!t64, tensor<64x64xf32>) -> (!t64, !t64)
  %z = nn.linear %y, %w : (!t64, tensor<64x64xf32>) -> !t64
  %g = nn.gated %z, %pre {kind = #nn.activation<silu>} : (!t64, !t64) -> !t64
  %h = nn.linear %g, %w : (!t64, tensor<64x64xf32>) -> !t64
  %again = nn.activation %pre {kind = #nn.activation<gelu>} : (!t64) -> !t64
  %dw = nn.linear_wgrad %dy, %again : (!t64, !t64) -> tensor<64x64xf32>
  %short = nn.activation %p {kind = #nn.activation<relu>} : (!t32) -> !t32
  %du = nn.linear_wgrad %dy, %short : (!t64, !t32) -> tensor<64x32xf32>
  return %z, %h, %dw, %du : !t64, !t64, tensor<64x64xf32>, tensor<64x32xf32>
}

// A result of the program, a value with another reader, a sum of 32 terms, lines of 120 bytes.
// CHECK-LABEL: func.func @evaluate
// CHECK-NOT: bf16
func.func @evaluate(%x: !t64, %w: tensor<64x64xf32>, %u: tensor<64x32xf32>,
    %v: tensor<64x60xf32>, %p: !t32, %q: !t60) -> (!t64, !t64, !t64, !t64)
    attributes {nn.program = "evaluate"} {
  %y = nn.linear %x, %w {activation = #nn.activation<gelu>} : (!t64, tensor<64x64xf32>) -> !t64
  %a = nn.linear %y, %w : (!t64, tensor<64x64xf32>) -> !t64
  %s = nn.activation %a {kind = #nn.activation<relu>} : (!t64) -> !t64
  %b = nn.linear %s, %w : (!t64, tensor<64x64xf32>) -> !t64
  %sum = nn.add %s, %b : (!t64, !t64) -> !t64
  %short = nn.activation %p {kind = #nn.activation<relu>} : (!t32) -> !t32
  %c = nn.linear %short, %u : (!t32, tensor<64x32xf32>) -> !t64
  %odd = nn.activation %q {kind = #nn.activation<relu>} : (!t60) -> !t60
  %d = nn.linear %odd, %v : (!t60, tensor<64x60xf32>) -> !t64
  return %y, %sum, %c, %d : !t64, !t64, !t64, !t64
}
