// Attention over ragged sequences, and its decode form over a cache.
#ifndef FTC_NN_OPS_ATTENTION_TD
#define FTC_NN_OPS_ATTENTION_TD
include "dialects/nn/ops/OpBase.td"

// What `tables` hold, for attention and its gradient.
class Nn_AttentionTableNames {
  code declarations = [{
    /// Whether the tables are those of disentangled attention.
    bool hasPositions() { return getPositionKeys() || getPositionQueries(); }
    /// The relative position bias; null: none.
    ::mlir::Value getBias() {
      return getTables().empty() || hasPositions() ? ::mlir::Value() : getTables().front();
    }
  }];
}
def Nn_AttentionTables : Nn_AttentionTableNames;

def Nn_AttentionOp : Nn_Op<"attention", [Differentiable, CostModel]> {
  let summary = "out = dropout(softmax(scale * q k^T)) v, each sequence and head apart";
  let description = [{
    `q` [query rows, heads * d] and `k`, `v` [key rows, kv_heads * d] range over spaces of their
    own; `q_offsets` and `kv_offsets` [sequences + 1] pair them up sequence by sequence.
    `q_position` [query rows] is each query's position in its sequence (causal masks and
    dropout), `sequence_id` [sequences] the sequence's index within the accumulated batch.
    `lse` [query rows, heads] is log sum exp of the scaled scores, for the backward. Without
    `rate` there is no dropout. A causal query sees keys at positions <= its own; with `window`
    w, a query at position p sees keys at positions in (p - w, p + w) alone (Mistral's sliding
    window where it is causal, ModernBERT's local attention where it is not).

    `tables` are either one relative position bias [buckets, heads] (T5's, Raffel et al. 2020):
    bias[b, h] is added to head h's scaled score of a query at position p and a key at position
    j, where b is the bucket of j - p. Causal attention has n = buckets of the distance p - j;
    otherwise the first n = buckets / 2 are for j <= p and the others for j > p. Distances below
    n / 2 have a bucket each; those up to `max_distance` share the rest logarithmically, in f32
    as transformers computes them; all beyond are in the last. A sequence's query positions are
    below its number of keys then.

    With `position_keys` or `position_queries` the tables are those of disentangled attention (He
    et al. 2021) instead, [rows, heads * d] each, the position keys P before the position queries
    R: (q . P[t] + k . R[t]) is added to q . k before it is scaled, for a query at position p, a
    key at j and the row t = rows / 2 + b(p - j), at least 0 and at most rows - 1. Without
    `max_distance` b is the distance itself; with it, beyond m = rows / 4 distances share rows:
    b(n) = sign(n) (m + ceil(log(|n| / m) / log((max_distance - 1) / m) (m - 1))), in f32 as
    transformers' make_log_bucket_position computes it. A sequence's query positions are below its
    number of keys then, and attention is over all keys.
  }];
  let arguments = (ins Nn_Matrix:$q, Nn_Matrix:$k, Nn_Matrix:$v, Nn_Indices:$q_offsets,
      Nn_Indices:$kv_offsets, Nn_Indices:$q_position, Nn_Indices:$sequence_id,
      I32Attr:$heads, I32Attr:$kv_heads, F64Attr:$scale, BoolAttr:$causal,
      OptionalAttr<StrAttr>:$rate, I32Attr:$op_id, StrAttr:$module,
      OptionalAttr<I32Attr>:$window, Variadic<Nn_Matrix>:$tables,
      OptionalAttr<I32Attr>:$max_distance, UnitAttr:$position_keys, UnitAttr:$position_queries);
  let results = (outs Nn_Matrix:$out, Nn_Matrix:$lse);
  let hasVerifier = 1;
  let extraClassDeclaration = Nn_AttentionTables.declarations;
}

def Nn_AttentionGradOp : Nn_Op<"attention_grad", [CostModel]> {
  let summary = "dq, dk, dv, dtables of attention, probabilities recomputed from lse";
  let description = [{
    dbias[b, h] is the sum of the gradients of head h's scores over all pairs in bucket b: first
    over a sequence's pairs, then over the sequences, in order. The gradients of position keys and
    queries are summed a few sequences at a time, then over those groups, in order. Without a
    trained table there are no `dtables`, otherwise one a table.
  }];
  let arguments = (ins Nn_Matrix:$dout, Nn_Matrix:$q, Nn_Matrix:$k, Nn_Matrix:$v,
      Nn_Matrix:$out, Nn_Matrix:$lse, Nn_Indices:$q_offsets, Nn_Indices:$kv_offsets,
      Nn_Indices:$q_position, Nn_Indices:$sequence_id,
      I32Attr:$heads, I32Attr:$kv_heads, F64Attr:$scale, BoolAttr:$causal,
      OptionalAttr<StrAttr>:$rate, I32Attr:$op_id, OptionalAttr<I32Attr>:$window,
      Variadic<Nn_Matrix>:$tables, OptionalAttr<I32Attr>:$max_distance,
      UnitAttr:$position_keys, UnitAttr:$position_queries);
  let results = (outs Nn_Matrix:$dq, Nn_Matrix:$dk, Nn_Matrix:$dv,
      Variadic<Nn_Matrix>:$dtables);
  let hasVerifier = 1;
  let extraClassDeclaration = Nn_AttentionTables.declarations;
}

def Nn_CacheAppendOp : Nn_Op<"cache_append", [CostModel]> {
  let summary = "cache[slots[i]] = rows[i], the other slots as before";
  let description = [{ `cache` [slots, width] is a donated buffer; `slots` [rows] are distinct. }];
  let arguments = (ins Nn_Matrix:$cache, Nn_Matrix:$rows, Nn_Indices:$slots);
  let results = (outs Nn_Matrix:$updated);
  let hasVerifier = 1;
}

def Nn_CachedAttentionOp : Nn_Op<"cached_attention", [CostModel]> {
  let summary = "attention of one query a row over slots of a key/value cache";
  let description = [{
    Query i attends to the slots entries[offsets[i]], ..., entries[offsets[i + 1] - 1] of the
    caches [slots, kv_heads * d], in this order, with `window` to the last `window` of them
    alone; without any, `out` is zero. Queries may share slots: the beams of a text have its
    beginning in common, and to reorder beams is to permute their lists. No query has more than
    `longest` entries.

    With `bias` [buckets, heads], bias[b, h] is added to head h's scaled score of each entry, where
    b is the bucket, as in causal attention, of the entry's distance from the last one, which is
    the query's own position (T5's decoder).
  }];
  let arguments = (ins Nn_Matrix:$q, Nn_Matrix:$k_cache, Nn_Matrix:$v_cache,
      Nn_Indices:$offsets, Nn_Indices:$entries, I32Attr:$heads, I32Attr:$kv_heads,
      F64Attr:$scale, I32Attr:$longest, OptionalAttr<I32Attr>:$window,
      Optional<Nn_Matrix>:$bias, OptionalAttr<I32Attr>:$max_distance);
  let results = (outs Nn_Matrix:$out);
  let hasVerifier = 1;
}
#endif
