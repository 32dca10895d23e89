// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-differentiate
// What cannot be differentiated, by name.

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!c = tensor<9x4xf32>
func.func @train(%x: !t4 {nn.parameter = "x", nn.trainable}, %s: !ids {nn.input = "slots"},
    %c: !c {nn.state = "c"}, %labels: !ids {nn.input = "labels"})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  // expected-error @below {{has no derivative, and lies between a trainable parameter and}}
  %u = nn.cache_append %c, %x, %s : (!c, !t4, !ids) -> !c
  %z = nn.gather_rows %u, %s : (!c, !ids) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  return %loss : !t1
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!w = tensor<4x4xf32>
func.func @train(%x: !t4 {nn.input = "x"}, %w: !w {nn.parameter = "w", nn.trainable},
    %labels: !ids {nn.input = "labels"})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  // expected-error @below {{its activation is fused and the value before it is not a result}}
  %z = nn.linear %x, %w {activation = #nn.activation<relu>} : (!t4, !w) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  return %loss : !t1
}

// -----

!t4 = tensor<?x4xf32, #nn.space<tokens>>
!t1 = tensor<?xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
!w = tensor<9x4xf32>
func.func @train(%ids: !ids {nn.state = "ids"}, %w: !w {nn.parameter = "w", nn.trainable},
    %labels: !ids {nn.input = "labels"})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  // expected-error @below {{expected ids that are a batch input}}
  %z = nn.embedding %ids, %w {operandSegmentSizes = array<i32: 1, 1>} : (!ids, !w) -> !t4
  %loss = nn.cross_entropy %z, %labels : (!t4, !ids) -> !t1
  return %loss : !t1
}

// -----

!t1 = tensor<?xf32, #nn.space<tokens>>
// expected-error @below {{expected the loss to depend on a trainable parameter}}
func.func @train(%loss: !t1 {nn.input = "x"})
    -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
  return %loss : !t1
}

// -----

!t1 = tensor<?xf32, #nn.space<tokens>>
// expected-error @below {{expected row_loss as the only result of @train}}
func.func @train(%loss: !t1 {nn.input = "x"})
    -> (!t1 {nn.output = "logits"}) attributes {nn.program = "train"} {
  return %loss : !t1
}
