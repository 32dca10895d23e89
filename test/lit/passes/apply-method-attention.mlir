// RUN: ftc-opt %inputs/encoder.mlir -ftc-apply-method=method=head | FileCheck %s
// RUN: ftc-opt %inputs/encoder.mlir -ftc-apply-method=method=head \
// RUN:   -remarks-filter=ftc-apply-method -remark-format=emitRemark -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK
// A frozen module's attention loses its rate, and a remark says so.

// CHECK-NOT: rate =
// CHECK: nn.attention
// CHECK-NOT: rate =
// REMARK-DAG: dropout of 'layer.0' removed
// REMARK-DAG: dropout of 'layer.0' removed
