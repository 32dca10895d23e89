// Every pass of the compiler: one file a pass, listed here in pipeline order.
#ifndef FTC_PASSES_TD
#define FTC_PASSES_TD

include "mlir/Pass/PassBase.td"

def ApplyLora : Pass<"ftc-apply-lora", "::mlir::ModuleOp"> {
  let summary = "Add low-rank adapters (LoRA) beside linear layers, named as PEFT names them";
  let description = [{
    Input: `@forward` as a frontend made it. Output: each targeted linear layer becomes
    `y = W x + b + B (alpha / r) A dropout(x)` with new parameters `M.lora_A.weight` [r, in],
    uniform in +-1/sqrt(in), and `M.lora_B.weight` [out, r], zeros (Hu et al. 2021; PEFT's
    `LoraLayer`), both `nn.adapter`. Parameters of modules to save, and those the checkpoint does
    not have, become `nn.saved`. `ftc-apply-method{method=lora}` trains both kinds.

    PEFT's matching: a target is a module's name or ends it behind a dot, `all-linear` is every
    linear layer but heads; a module whose name ends with one of `modules-to-save` is saved whole,
    with what is below it, and gets no adapter. The module attributes `nn.lora_targets` and
    `nn.saved_modules` say what was matched.

    ```mlir
    %y = nn.linear %x, %w
    // becomes
    %y = nn.linear %x, %w
    %u = nn.linear %x, %a                 // [tokens, r]
    %s = nn.scale %u {factor = 2.0 : f64}
    %v = nn.linear %s, %b
    %z = nn.add %y, %v
    ```
  }];
  let options = [
    Option<"r", "r", "int64_t", "8", "rank of the adapters">,
    Option<"alpha", "alpha", "double", "16", "the factor is alpha / r">,
    Option<"dropout", "dropout", "double", "0", "default of the scalar lora_dropout; 0: none">,
    ListOption<"targetModules", "target-modules", "std::string", "linear layers that get one">,
    ListOption<"modulesToSave", "modules-to-save", "std::string", "modules trained whole">,
  ];
  let statistics = [
    Statistic<"adapters", "adapters", "adapters added">,
    Statistic<"savedParameters", "saved", "parameters of modules to save">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def ApplyMethod : Pass<"ftc-apply-method", "::mlir::ModuleOp"> {
  let summary = "Mark what is trained, what decays, and drop dropout of frozen modules";
  let description = [{
    Input: `@forward` as a frontend made it. Output: the same with `nn.trainable` and
    `nn.decay` on parameters, and without the dropout of modules that hold no trainable
    parameter.

    `full` trains every parameter; `head` those whose name begins with one of the module's
    `nn.head_prefixes`; `layers:K` the head, the last K of `nn.layer_prefixes`, and what first
    comes after the layers in the graph (a pooler); `lora` what `ftc-apply-lora` marked
    `nn.adapter` or `nn.saved`. Weight decay spares normalizations
    (`nn.norm`) and names that match
    `bias|layernorm|rmsnorm|(^|\.)norm($|\.)|_norm($|\.)`, lower-cased.

    Example, `method=head` with `nn.head_prefixes = ["classifier."]`:

    ```mlir
    func.func @forward(%a: ... {nn.parameter = "encoder.weight"},
                       %b: ... {nn.parameter = "classifier.weight"})
    // becomes
    func.func @forward(%a: ... {nn.parameter = "encoder.weight"},
                       %b: ... {nn.parameter = "classifier.weight", nn.trainable, nn.decay})
    ```
  }];
  let options = [
    Option<"method", "method", "std::string", "\"full\"",
           "full, lora, head or layers:K">,
    Option<"frozenDropout", "frozen-dropout", "bool", "false",
           "modules without a trainable parameter keep their dropout">,
  ];
  let statistics = [
    Statistic<"trainableParameters", "trainable", "parameters that are trained">,
    Statistic<"removedDropouts", "removed-dropouts", "dropouts of frozen modules removed">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def MakeGeneration : Pass<"ftc-make-generation", "::mlir::ModuleOp"> {
  let summary = "Derive the programs prefill and decode, generation with caches";
  let description = [{
    Input: `@forward` of a decoder with `nn.vocabulary_loss` over its labelled rows, or of an
    encoder-decoder with the loss over all rows of its target. Output: behind it, and before
    `ftc-make-programs` takes it away, two programs without dropout and without loss. Each
    attention of the decoder has a cache of keys and one of values, `MODULE.keys` and
    `MODULE.values` (`nn.state`, [slots, width]; attention to a source: [source_slots, width]).

    `@prefill` runs whole prompts, packed: attention as in `@forward`, each token's keys and
    values to the slots that the batch input `slots` names, and `next_logits` [sequences,
    vocabulary] of each sequence's last row.

    `@decode` runs one token of each beam: every value over tokens is one over `beams`, every
    batch input `NAME` becomes `next_NAME`; keys and values go to `next_slots`, and attention is
    `nn.cached_attention` over the slots that `cache_offsets` and `cache_entries` list for each
    beam, the new one included. `next_logits` is [beams, vocabulary].

    ```mlir
    %a, %lse = nn.attention %q, %k, %v, ... {causal = true, module = "m"}   // [tokens, width]
    %r = nn.gather_rows %a, %labelled_rows
    %loss = nn.vocabulary_loss %r, %table, %labels
    // becomes, in @decode
    %keys = nn.cache_append %m.keys, %k, %next_slots
    %values = nn.cache_append %m.values, %v, %next_slots
    %a = nn.cached_attention %q, %keys, %values, %cache_offsets, %cache_entries
    %logits = nn.vocabulary_logits %a, %table                               // [beams, vocabulary]
    ```

    An encoder-decoder's `@prefill` runs the encoder over whole sources, packed, and leaves the
    keys and values that each decoder layer makes of them in `source_slots`: caches are its only
    results. In its `@decode` values over the target are over `beams` (`target_ids` becomes
    `next_target_ids`); attention to the source reads the slots that `source_offsets` and
    `source_entries` list for each beam, whose keys and values nobody computes again.

    ```mlir
    %c, %lse = nn.attention %q, %k, %v, ... {module = "m"}      // k, v: [tokens, width]
    // becomes, in @prefill
    %keys = nn.cache_append %m.keys, %k, %source_slots
    %values = nn.cache_append %m.values, %v, %source_slots
    // and, in @decode
    %c = nn.cached_attention %q, %m.keys, %m.values, %source_offsets, %source_entries
    ```
  }];
  let options = [
    Option<"longest", "longest", "int64_t", "1024", "tokens of the longest text, its prompt included">,
    Option<"longestSource", "longest-source", "int64_t", "1024", "tokens of an encoder-decoder's longest source">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def MakePrograms : Pass<"ftc-make-programs", "::mlir::ModuleOp"> {
  let summary = "Turn @forward into the programs evaluate and train";
  let description = [{
    Input: one `@forward`. Output: `@evaluate` (`nn.program = "evaluate"`), without dropout,
    and `@train` (`nn.program = "train"`), which keeps it and of whose outputs only `row_loss`
    remains. Batch inputs that a program does not read are dropped from it. Without a trainable
    parameter there is no `@train`.

    ```mlir
    func.func @forward(...) -> (rows {nn.output = "row_loss"}, matrix {nn.output = "logits"})
    // becomes
    func.func @evaluate(...) -> (row_loss, logits) attributes {nn.program = "evaluate"}
    func.func @train(...) -> row_loss attributes {nn.program = "train"}
    ```
  }];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def PruneDemand : Pass<"ftc-prune-demand", "::mlir::ModuleOp"> {
  let summary = "Compute only the rows that are read: gathers move up through row-local ops";
  let description = [{
    Input: programs before differentiation. A row-local op whose every use is a gather of the
    same rows is computed on those rows instead; attention is, on its query side. So the last
    layer of an encoder computes, after keys and values, only what the head reads. The result
    is the same, bit for bit. Gathered batch arrays become the batch inputs that hold
    them already (`token_sequence` at `first_rows` is `sequence_id`), queries' offsets become
    `sequence_offsets` or `labelled_offsets`.

    ```mlir
    %y = nn.activation %x {kind = #nn.activation<gelu>}  // [tokens, 8]
    %z = nn.gather_rows %y, %first_rows                  // [sequences, 8]
    // becomes
    %g = nn.gather_rows %x, %first_rows
    %z = nn.activation %g {kind = #nn.activation<gelu>}
    ```
  }];
  let statistics = [
    Statistic<"movedOps", "moved", "ops that are computed on fewer rows">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def CacheTrunk : Pass<"ftc-cache-trunk", "::mlir::ModuleOp"> {
  let summary = "Move what frozen parameters alone decide out of @train, into @trunk";
  let description = [{
    Input: programs before differentiation. What no trainable parameter and no dropout leads to is
    the same for an example whenever it comes. `@trunk` computes it, up to the ragged values that
    the rest reads, its outputs `trunk.0`, `trunk.1`, ...; in `@train` these are batch inputs, so
    that the runtime may keep them from one epoch to the next. `@evaluate_head` is what `@evaluate`
    does behind the same trunk, where it has the same; `@evaluate` stays as it is. Nothing happens
    where that spares less than a tenth of the forward, or a value ranges over rows that are not an
    example's own.

    ```mlir
    func.func @train(%ids, %table, %w {nn.trainable}, %labels) -> row_loss {
      %x = nn.embedding %ids, %table
      %y = nn.linear %x, %w
      ...
    // becomes
    func.func @trunk(%ids, %table) -> (rows {nn.output = "trunk.0"}) {
      %x = nn.embedding %ids, %table
    func.func @train(%w {nn.trainable}, %labels, %x {nn.input = "trunk.0"}) -> row_loss {
      %y = nn.linear %x, %w
      ...
    ```
  }];
  let statistics = [
    Statistic<"trunkOps", "trunk", "ops that moved to @trunk">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def Differentiate : Pass<"ftc-differentiate", "::mlir::ModuleOp"> {
  let summary = "Append the backward to @train, which becomes @train_accumulate";
  let description = [{
    Input: `@train` with one result, `row_loss`. Output: `@train_accumulate`: the forward, then
    in reverse order the backward of each op that leads from a trainable parameter to the
    loss, then `nn.accumulate` into one accumulator (`nn.gradient`) a trainable parameter.
    Contributions to a value are summed by `nn.add` in reverse order of its uses. A trainable
    parameter that nothing leads from to the loss gets `nn.unreached` and a remark.

    ```mlir
    func.func @train(%x, %w {nn.parameter = "w", nn.trainable}, %labels) -> row_loss
    // becomes
    func.func @train_accumulate(%x, %w, %labels, %gw {nn.gradient = "w"})
        -> (row_loss, tensor {nn.updates = 3 : i32}) {
      %y = nn.linear %x, %w
      %row_loss = nn.cross_entropy %y, %labels
      %seed = nn.loss_seed
      %dy = nn.cross_entropy_grad %y, %labels, %seed
      %dw = nn.linear_wgrad %dy, %x
      %sum = nn.accumulate %gw, %dw
      return %row_loss, %sum
    }
    ```
  }];
  let statistics = [
    Statistic<"differentiatedOps", "differentiated", "ops whose backward was built">,
    Statistic<"skippedOps", "skipped", "ops that no gradient flows through">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def CompactEmbeddingGradients : Pass<"ftc-compact-embedding-gradients", "::mlir::ModuleOp"> {
  let summary = "Keep gradients and moments of embedding tables for the rows that texts name";
  let description = [{
    Input: `@train_accumulate`. A table that only `nn.embedding` reads, by token ids, and whose
    optimizer updates row by row (adamw, lion; adamw8bit, which keeps embeddings' moments in 32
    bits) gets a gradient over the space `touched` instead of its vocabulary: its row slots[id],
    where the input `touched.slots` gives each id the next slot when a batch first names it. What
    no batch has named has a gradient and moments of zero, and only decays; memory is written for
    the other rows alone.

    ```mlir
    %d = nn.embedding_grad %dy, %order, %segments, %rows : ... -> tensor<30522x384xf32>
    // becomes
    %d = nn.embedding_grad %dy, %order, %segments, %rows, %slots
        : ... -> tensor<?x384xf32, #nn.space<touched>>
    ```
  }];
  let options = [
    Option<"optimizer", "optimizer", "std::string", "\"adamw\"", "as ftc-attach-optimizer's">,
    Option<"min8bitSize", "min-8bit-size", "int64_t", "4096", "as ftc-attach-optimizer's">,
  ];
  let statistics = [
    Statistic<"compactTables", "compact", "tables whose gradients became compact">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def AttachOptimizer : Pass<"ftc-attach-optimizer", "::mlir::ModuleOp"> {
  let summary = "Make @apply and, asked for, @train_step with each update behind its gradient";
  let description = [{
    Input: `@train_accumulate`. Output: beside it `@apply`, the global norm over all gradients
    and one update a decay group; with `fused-update` also `@train_step`, where each
    parameter's update follows its gradient and the last use of the old value, without clipping.

    ```mlir
    func.func @apply(%w {nn.parameter = "w"}, %g {nn.gradient = "w"},
                     %m {nn.moment = "w", nn.moment_index = 0 : i32},
                     %v {nn.moment = "w", nn.moment_index = 1 : i32})
        -> (norm {nn.output = "grad_norm"}, tensor {nn.updates = 0 : i32}, ...) {
      %norm, %control = nn.global_norm %g
      %w1, %m1, %v1 = nn.adamw %w, %g, %m, %v, %control {decay = true}
    }
    ```
  }];
  let options = [
    Option<"optimizer", "optimizer", "std::string", "\"adamw\"",
           "adamw, sgd, lion, adafactor or adamw8bit">,
    Option<"min8bitSize", "min-8bit-size", "int64_t", "4096",
           "adamw8bit: tensors of fewer elements keep f32 moments">,
    Option<"fusedUpdate", "fused-update", "bool", "false", "make @train_step too">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def FuseLowRank : Pass<"ftc-fuse-low-rank", "::mlir::ModuleOp"> {
  let summary = "Fuse the sum of a linear product and a narrow one into one kernel";
  let description = [{
    Input: differentiated programs. Where two products are added and the second one's inner
    dimension is at most 64 and less than the first one's (an adapter's `B`, in the backward its
    `A`), both become one op, with the activation, activation gradient or gradient sum that
    follows. The sum of an adapter never travels through memory.

    ```mlir
    %y = nn.linear %x, %w, %bias
    %v = nn.linear %u, %b
    %z = nn.add %y, %v
    // becomes
    %z = nn.low_rank_linear %x, %w, %u, %b, %bias
    ```
  }];
  let statistics = [
    Statistic<"fusedForward", "forward", "sums of two linear layers fused">,
    Statistic<"fusedBackward", "backward", "sums of two linear_dgrads fused">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def FuseKernels : Pass<"ftc-fuse-kernels", "::mlir::ModuleOp"> {
  let summary = "Fuse activations, residual sums and dropout into their neighbours' kernels";
  let description = [{
    Input: differentiated programs. Output: fewer, larger ops:

    - `linear`, `activation` -> `linear {activation}`, with the result `pre` if it is read;
    - `dropout`, `add`, `layer_norm` -> `add_layer_norm` (the dropout is optional);
    - `linear_dgrad`, `activation_grad` -> `linear_dgrad {activation}` with `pre`;
    - `linear_dgrad`, `add` -> `linear_dgrad` with `addend`;
    - `vocabulary_loss` beside its gradient -> the gradient's own `row_loss`.

    ```mlir
    %h = nn.linear %x, %w, %b
    %y = nn.activation %h {kind = #nn.activation<gelu>}
    // becomes
    %y = nn.linear %x, %w, %b {activation = #nn.activation<gelu>}
    ```
  }];
  let statistics = [
    Statistic<"fusedActivations", "activations", "activations fused into a linear layer">,
    Statistic<"fusedNorms", "norms", "residual sums fused into a layer normalization">,
    Statistic<"fusedActivationGrads", "activation-grads", "activation gradients fused">,
    Statistic<"fusedAddends", "addends", "gradient sums fused into a linear_dgrad">,
    Statistic<"fusedLosses", "losses", "vocabulary losses taken from their gradient's logits">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def ChooseSaved : Pass<"ftc-choose-saved", "::mlir::ModuleOp"> {
  let summary = "Recompute cheap results in the backward instead of saving them";
  let description = [{
    Input: fused programs with a backward. Activations fused into linear layers, normalized
    rows and gated products are made again where the backward reads them, from values that it
    reads there or later anyway (`pre`, the rows before a normalization, gate and up), so that
    nothing lives longer. Live bytes and FLOPs of the remark are those at the sizes of spaces
    that `spaces` gives. What costs more to make again is ftc-recompute's.

    ```mlir
    %y, %pre = nn.linear %x, %w {activation = #nn.activation<gelu>}
    ...
    %dw = nn.linear_wgrad %dz, %y
    // becomes
    %y1 = nn.activation %pre {kind = #nn.activation<gelu>}
    %dw = nn.linear_wgrad %dz, %y1
    ```
  }];
  let options = [
    ListOption<"spaces", "spaces", "std::string", "sizes of spaces: tokens=2048,sequences=16">,
  ];
  let statistics = [
    Statistic<"recomputed", "recomputed", "results recomputed in the backward">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def NarrowActivations : Pass<"ftc-narrow-activations", "::mlir::ModuleOp"> {
  let summary = "Store in bf16 what products alone read, and round to bf16";
  let description = [{
    Input: fused programs of a target whose products round their factors to bf16, after
    ftc-choose-saved. Output: results of linear layers, activations and gated products are bf16
    where each of their readers is a linear layer's `x` or that of its weight gradient, with lines
    of a multiple of 16 bytes. They are rounded to nearest even once, where they are written,
    instead of by each reader: results keep every bit, and half the bytes are moved and kept. What
    leaves the program, what anything else reads and the values before an activation stay f32. A
    gated product in f32 may take its gate's place in memory, in bf16 it needs one of its own: with
    `gated=false`, which the pipeline asks for within a memory budget, it stays f32.

    ```mlir
    %y, %pre = nn.linear %x, %w {activation = #nn.activation<gelu>} : ... -> (f32, f32)
    %z = nn.linear %y, %u
    // becomes
    %y, %pre = nn.linear %x, %w {activation = #nn.activation<gelu>} : ... -> (bf16, f32)
    %z = nn.linear %y, %u
    ```
  }];
  let options = [
    Option<"gated", "gated", "bool", "true", "store gated products in bf16, too">,
  ];
  let statistics = [
    Statistic<"narrowed", "narrowed", "activations stored in bf16">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def FuseUpdates : Pass<"ftc-fuse-updates", "::mlir::ModuleOp"> {
  let summary = "Update a linear layer's weight in the kernel that makes its gradient";
  let description = [{
    Input: `@train_step` with updates of their own. Where a linear layer's weight gradient is read
    by nothing but the update of that weight, and the update works on each element by itself
    (AdamW, SGD, Lion without clipping), both become one op behind the weight's last reader; a bias
    whose gradient comes from the same op goes along. The gradient never travels through memory.
    Other optimizers (Adafactor and 8-bit moments need more of a gradient than one element) and
    gradients with several readers keep an update of their own; a remark says how many. Results
    are bit for bit the same.

    ```mlir
    %dw, %db = nn.linear_wgrad %dy, %x
    %dx = nn.linear_dgrad %dy, %w
    %b1, %bm1 = nn.sgd %b, %db, %bm {decay = false}
    %w1, %m1 = nn.sgd %w, %dw, %m {decay = true}
    // becomes
    %dx = nn.linear_dgrad %dy, %w
    %w1, %m1, %b1, %bm1 = nn.linear_wgrad_update %dy, %x, %w, %m, %b, %bm
        {rule = #nn.update_rule<sgd>, decay = true, bias_decay = false}
    ```
  }];
  let statistics = [
    Statistic<"fusedUpdates", "fused", "weight gradients fused with their updates">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def SortSchedule : Pass<"ftc-sort-schedule", "::mlir::ModuleOp"> {
  let summary = "Order the backward so that fewer bytes live at once";
  let description = [{
    Input: programs. The ops after `nn.loss_seed` are listed anew: among those that are ready,
    first what frees the most bytes net of what it makes, then by the order they had. In both
    orders an op then moves towards its first reader where fewer bytes live on the way: what the
    backward makes again stands behind an input gradient that does not read it. An update stays
    behind every reader of the value it replaces. Of the orders that with the lowest estimate of
    live bytes is taken, the program's own where none is lower; so a program is never made worse.

    ```mlir
    %dx = nn.linear_dgrad %dy, %w      // %dy stays alive
    %da = nn.activation_grad %dx, %h
    %dw = nn.linear_wgrad %dy, %x
    // becomes: %dw before %da, so that %dy dies first
    ```
  }];
  let options = [
    ListOption<"spaces", "spaces", "std::string", "sizes of spaces: tokens=2048,sequences=16">,
  ];
  let statistics = [
    Statistic<"reorderedPrograms", "reordered", "programs whose order changed">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def Recompute : Pass<"ftc-recompute", "::mlir::ModuleOp"> {
  let summary = "Make values again in the backward that cost more, for a memory budget";
  let description = [{
    Input: scheduled programs with a backward. What the backward reads of the forward is kept, or
    made again from kept values and arguments: whole chains, linear layers, attention, norms and
    dropout, with the same bits. A minimum cut chooses: at a `price` of so many FLOPs a byte, the sum
    of the FLOPs (and bytes moved, 8 FLOPs each) of what is made again and of the price of what
    is kept is least. The copies stand right before the first reader in the backward, so that at most
    a part of the forward lives a second time.

    A byte is weighted by 1 + `slope` * (how late in the backward it is read first, from 0 to 1). With
    `memory-budget` price and slope are those of the cheapest choice whose estimate of live bytes
    fits; ftc compile tries such choices by their finished plans. Sizes of spaces are those that
    `spaces` gives.

    ```mlir
    %h = nn.linear %x, %w1
    %y = nn.linear %h, %w2
    ...
    %dw2 = nn.linear_wgrad %dy, %h
    // becomes
    %h1 = nn.linear %x, %w1
    %dw2 = nn.linear_wgrad %dy, %h1
    ```
  }];
  let options = [
    Option<"price", "price", "double", "0", "FLOPs that a byte is worth">,
    Option<"slope", "slope", "double", "0", "how much more a byte is worth that is read late">,
    Option<"memoryBudget", "memory-budget", "int64_t", "0", "live bytes; 0: as `price` says">,
    ListOption<"spaces", "spaces", "std::string", "sizes of spaces: tokens=2048,sequences=16">,
  ];
  let statistics = [
    Statistic<"recomputed", "recomputed", "values made again in the backward">,
  ];
  let dependentDialects = ["::ftc::nn::NnDialect"];
}

def GroupLaunches : Pass<"ftc-group-launches", "::mlir::ModuleOp"> {
  let summary = "Give independent launches to a GPU as one";
  let description = [{
    Input: plans. Of a GPU's variant, launches that do not depend on each other, of kernels with as
    many threads a block, as much shared memory and as many resident blocks, become a group: they
    stand behind each other, and run as one launch of a kernel made of theirs, whose blocks choose
    the launch that they work for. Each launch keeps its operands, grid and order of sums, so the
    bits are those of ungrouped launches. A launch is moved to an earlier one, or that one to it, as
    far as no command between them uses what they write. No more bytes of the arena and of the
    gradients written so far live at once than before. The arena is placed anew, with gradients
    where ftc-overlay-gradients would have them; where that grows by more than 1/1024, nearer
    launches alone are grouped, or less may live at once. Of all that is tried the smallest is
    taken, and none where it grows by more than 1/32.

    ```mlir
    plan.launch @linear(%x, %wq, %q) ...
    plan.launch @linear(%x, %wk, %k) ...
    plan.launch @linear(%x, %wv, %v) ...
    // becomes
    plan.kernel @linear_x3 {runs = [@linear], counts = array<i64: 3>, ...}
    plan.launch @linear(%x, %wq, %q) {group = @linear_x3, ...}
    plan.launch @linear(%x, %wk, %k) ...
    plan.launch @linear(%x, %wv, %v) ...
    ```
  }];
  let statistics = [
    Statistic<"groups", "groups", "launches that are groups">,
    Statistic<"saved", "saved", "launches less">,
  ];
  let dependentDialects = ["::ftc::plan::PlanDialect"];
}

def OverlayGradients : Pass<"ftc-overlay-gradients", "::mlir::ModuleOp"> {
  let summary = "Let gradients lie in the arena, where activations died";
  let description = [{
    Input: plans. A step of one micro-batch needs no gradient before its backward, and no
    activation behind it. In the program that makes the gradients (train_accumulate) each of them
    lives from its first command on, at its place in the parameters' order from byte `overlaid_at`
    of the arena on, behind the arenas of the programs that read gradients (apply). Arena buffers
    are placed anew around them; what lies between parameters is filled with zeros at the end, as
    readers expect. Compact gradients of embedding tables, before element `overlaid_from`, follow
    from byte `overlaid_compact_at` on. Nothing changes where the plan would not become smaller. A run of several
    micro-batches a step keeps its gradients in a segment of their own, and the same bits.

    ```mlir
    // activations of 400 MiB, gradients of 330 MiB: 730 MiB become about 430 MiB
    ```
  }];
  let statistics = [
    Statistic<"overlaid", "overlaid", "variants whose gradients lie in the arena">,
  ];
  let dependentDialects = ["::ftc::plan::PlanDialect"];
}

def VerifyPhase : Pass<"ftc-verify-phase", "::mlir::ModuleOp"> {
  let summary = "Check what a phase of the pipeline promises";
  let description = [{
    `import`: one `@forward`, every argument an input or a parameter with a tensor or an init,
    names unique, a result row_loss. `method`: something is trainable. `programs`: evaluate and
    train are there, prefill and decode where texts are generated, no dropout but in train, no
    `@forward` remains, and parameters keep their tensor or init. `differentiated`: train_accumulate in train's place; each reached
    trainable parameter has one accumulator, updated by one result. `optimizer`:
    train_accumulate and apply, or train_step, are there, and update each trainable, reached
    parameter and its moments once, with decay where it has nn.decay. `fused`: as `optimizer`, and
    no activation is left that fits a linear layer's kernel, and only products that round it read a
    result in bf16. In all of them every argument has one role, only parameters are
    trainable, only trainable ones decay, every result is an output or updates an argument of
    its own type; a program's name is one function's, a parameter has one type, and gradients
    and moments are of parameters.
  }];
  let options = [
    Option<"phase", "phase", "std::string", "\"import\"",
           "import, method, programs, differentiated, optimizer or fused">,
    Option<"generates", "generates", "bool", "false",
           "whether prefill and decode must be among the programs">,
  ];
}

#endif
