// A post-norm encoder layer with a classifier over the first row: the smallest whole model.
module attributes {nn.head_prefixes = ["classifier."], nn.layer_prefixes = ["layer.0."]} {
  func.func @forward(
      %ids: tensor<?xi32, #nn.space<tokens>> {nn.input = "input_ids"},
      %pos: tensor<?xi32, #nn.space<tokens>> {nn.input = "position_ids"},
      %words: tensor<11x4xf32> {nn.parameter = "words.weight", nn.tensor = "words.weight"},
      %positions: tensor<9x4xf32> {nn.parameter = "positions.weight", nn.tensor = "positions.weight"},
      %cu: tensor<?xi32, #nn.offsets<sequences, tokens>> {nn.input = "cu_seqlens"},
      %tpos: tensor<?xi32, #nn.space<tokens>> {nn.input = "token_position"},
      %tseq: tensor<?xi32, #nn.space<tokens>> {nn.input = "token_sequence"},
      %sid: tensor<?xi32, #nn.space<sequences>> {nn.input = "sequence_id"},
      %first: tensor<?xi32, #nn.space<sequences>> {nn.input = "first_rows"},
      %labels: tensor<?xi32, #nn.space<sequences>> {nn.input = "labels"},
      %wq: tensor<4x4xf32> {nn.parameter = "layer.0.q.weight", nn.tensor = "q"},
      %bq: tensor<4xf32> {nn.parameter = "layer.0.q.bias", nn.tensor = "qb"},
      %wk: tensor<4x4xf32> {nn.parameter = "layer.0.k.weight", nn.tensor = "k"},
      %wv: tensor<4x4xf32> {nn.parameter = "layer.0.v.weight", nn.tensor = "v"},
      %wo: tensor<4x4xf32> {nn.parameter = "layer.0.o.weight", nn.tensor = "o"},
      %g1: tensor<4xf32> {nn.parameter = "layer.0.LayerNorm.weight", nn.tensor = "g1", nn.norm},
      %b1: tensor<4xf32> {nn.parameter = "layer.0.LayerNorm.bias", nn.tensor = "b1", nn.norm},
      %w1: tensor<6x4xf32> {nn.parameter = "layer.0.up.weight", nn.tensor = "w1"},
      %w2: tensor<4x6xf32> {nn.parameter = "layer.0.down.weight", nn.tensor = "w2"},
      %g2: tensor<4xf32> {nn.parameter = "layer.0.out.weight", nn.tensor = "g2", nn.norm},
      %b2: tensor<4xf32> {nn.parameter = "layer.0.out.bias", nn.tensor = "b2", nn.norm},
      %wc: tensor<3x4xf32> {nn.parameter = "classifier.weight", nn.init = "normal:0.02"},
      %bc: tensor<3xf32> {nn.parameter = "classifier.bias", nn.init = "zeros"})
      -> (tensor<?xf32, #nn.space<sequences>> {nn.output = "row_loss"},
          tensor<?x3xf32, #nn.space<sequences>> {nn.output = "logits"}) {
    %e = "nn.embedding"(%ids, %pos, %words, %positions) <{operandSegmentSizes = array<i32: 2, 2>}> : (tensor<?xi32, #nn.space<tokens>>, tensor<?xi32, #nn.space<tokens>>, tensor<11x4xf32>, tensor<9x4xf32>) -> tensor<?x4xf32, #nn.space<tokens>>
    %q = nn.linear %e, %wq, %bq : (tensor<?x4xf32, #nn.space<tokens>>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.space<tokens>>
    %k = nn.linear %e, %wk : (tensor<?x4xf32, #nn.space<tokens>>, tensor<4x4xf32>) -> tensor<?x4xf32, #nn.space<tokens>>
    %v = nn.linear %e, %wv : (tensor<?x4xf32, #nn.space<tokens>>, tensor<4x4xf32>) -> tensor<?x4xf32, #nn.space<tokens>>
    %a, %lse = nn.attention %q, %k, %v, %cu, %cu, %tpos, %sid {heads = 2 : i32, kv_heads = 2 : i32, scale = 0.7 : f64, causal = false, rate = "dropout.attention", op_id = 1 : i32, module = "layer.0"} : (tensor<?x4xf32, #nn.space<tokens>>, tensor<?x4xf32, #nn.space<tokens>>, tensor<?x4xf32, #nn.space<tokens>>, tensor<?xi32, #nn.offsets<sequences, tokens>>, tensor<?xi32, #nn.offsets<sequences, tokens>>, tensor<?xi32, #nn.space<tokens>>, tensor<?xi32, #nn.space<sequences>>) -> (tensor<?x4xf32, #nn.space<tokens>>, tensor<?x2xf32, #nn.space<tokens>>)
    %o = nn.linear %a, %wo : (tensor<?x4xf32, #nn.space<tokens>>, tensor<4x4xf32>) -> tensor<?x4xf32, #nn.space<tokens>>
    %od = nn.dropout %o, %tseq, %tpos {rate = "dropout.hidden", op_id = 2 : i32, module = "layer.0"} : (tensor<?x4xf32, #nn.space<tokens>>, tensor<?xi32, #nn.space<tokens>>, tensor<?xi32, #nn.space<tokens>>) -> tensor<?x4xf32, #nn.space<tokens>>
    %s1 = nn.add %od, %e : (tensor<?x4xf32, #nn.space<tokens>>, tensor<?x4xf32, #nn.space<tokens>>) -> tensor<?x4xf32, #nn.space<tokens>>
    %h1, %m1, %r1 = nn.layer_norm %s1, %g1, %b1 {eps = 1.0e-12 : f64} : (tensor<?x4xf32, #nn.space<tokens>>, tensor<4xf32>, tensor<4xf32>) -> (tensor<?x4xf32, #nn.space<tokens>>, tensor<?xf32, #nn.space<tokens>>, tensor<?xf32, #nn.space<tokens>>)
    %u = nn.linear %h1, %w1 : (tensor<?x4xf32, #nn.space<tokens>>, tensor<6x4xf32>) -> tensor<?x6xf32, #nn.space<tokens>>
    %ug = nn.activation %u {kind = #nn.activation<gelu>} : (tensor<?x6xf32, #nn.space<tokens>>) -> tensor<?x6xf32, #nn.space<tokens>>
    %d = nn.linear %ug, %w2 : (tensor<?x6xf32, #nn.space<tokens>>, tensor<4x6xf32>) -> tensor<?x4xf32, #nn.space<tokens>>
    %s2 = nn.add %d, %h1 : (tensor<?x4xf32, #nn.space<tokens>>, tensor<?x4xf32, #nn.space<tokens>>) -> tensor<?x4xf32, #nn.space<tokens>>
    %h2, %m2, %r2 = nn.layer_norm %s2, %g2, %b2 {eps = 1.0e-12 : f64} : (tensor<?x4xf32, #nn.space<tokens>>, tensor<4xf32>, tensor<4xf32>) -> (tensor<?x4xf32, #nn.space<tokens>>, tensor<?xf32, #nn.space<tokens>>, tensor<?xf32, #nn.space<tokens>>)
    %p = nn.gather_rows %h2, %first : (tensor<?x4xf32, #nn.space<tokens>>, tensor<?xi32, #nn.space<sequences>>) -> tensor<?x4xf32, #nn.space<sequences>>
    %logits = nn.linear %p, %wc, %bc : (tensor<?x4xf32, #nn.space<sequences>>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.space<sequences>>
    %loss = nn.cross_entropy %logits, %labels : (tensor<?x3xf32, #nn.space<sequences>>, tensor<?xi32, #nn.space<sequences>>) -> tensor<?xf32, #nn.space<sequences>>
    return %loss, %logits : tensor<?xf32, #nn.space<sequences>>, tensor<?x3xf32, #nn.space<sequences>>
  }
}
