// Builds the nn IR of a model's forward: inputs, parameters and the layers that families share.
#pragma once

#include "dialects/nn/Nn.h"
#include "frontends/ModelSource.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace ftc {

/// A shape as messages show it: "[768, 768]".
std::string shapeText(llvm::ArrayRef<std::int64_t> shape);

/// A weight and bias pair of the graph.
struct Affine {
  mlir::Value weight, bias; ///< bias may be null
};

/// Attention of one layer; defaults are those of a bidirectional encoder.
struct AttentionForm {
  std::int64_t heads = 0, kvHeads = 0; ///< kvHeads 0: as many as heads
  double scale = 0;                    ///< 0: 1 / sqrt(head width)
  bool causal = false;
  std::int64_t window = 0; ///< nn.attention's window; 0: none
  double dropout = 0;
  mlir::Value bias;             ///< nn.attention's relative position bias; null: none
  std::int64_t maxDistance = 0; ///< beside `bias` or positions (0: no shared rows)
  mlir::Value positionKeys, positionQueries; ///< nn.attention's position tables; null: none
};

/// Builds `@forward` of one model. Shapes: hidden states are [tokens, hidden].
class GraphBuilder {
public:
  /// `basePrefix` is the task models' name of the base model ("bert"): a checkpoint of the
  /// bare base model has the same tensors without it.
  GraphBuilder(mlir::MLIRContext *context, const ModelSource &source, std::string basePrefix);
  /// Other task models' name of the base model: tensors may be under it too.
  void addBasePrefix(const std::string &prefix) { otherPrefixes.push_back(prefix); }

  // Batch arrays, made function arguments at first use.
  mlir::Value input(llvm::StringRef name, mlir::Type type);
  mlir::Value tokenInput(llvm::StringRef name);    ///< tensor<?xi32, #nn.space<tokens>>
  mlir::Value sequenceInput(llvm::StringRef name); ///< tensor<?xi32, #nn.space<sequences>>
  mlir::Value labelledInput(llvm::StringRef name); ///< tensor<?xi32, #nn.space<labelled>>
  mlir::Value targetInput(llvm::StringRef name);   ///< tensor<?xi32, #nn.space<target>>
  mlir::Value tokenOffsets(); ///< cu_seqlens, tensor<?xi32, #nn.offsets<sequences, tokens>>

  /// A parameter that must be in the checkpoint. `name` is the exported Hugging Face name.
  mlir::Value parameter(const std::string &name, llvm::ArrayRef<std::int64_t> shape,
                        bool norm = false);
  /// A parameter that checkpoints may keep under other names too: the first one present is
  /// read, the others are copies of it. It is exported as `name`.
  mlir::Value tiedParameter(const std::string &name, llvm::ArrayRef<std::string> others,
                            llvm::ArrayRef<std::int64_t> shape);
  /// A table that no method trains; null where the checkpoint has none.
  mlir::Value constant(const std::string &name, llvm::ArrayRef<std::int64_t> shape);
  /// The same of sinusoidal positions, sines in the first half of a row, cosines in the second;
  /// computed, and not exported, where the checkpoint has none.
  mlir::Value sinusoids(const std::string &name, std::int64_t positions, std::int64_t width);
  /// A task head's parameter: absent or of another label count, it is made anew.
  mlir::Value headParameter(const std::string &name, llvm::ArrayRef<std::int64_t> shape,
                            double initStd);
  mlir::Value headParameter(const std::string &name, llvm::ArrayRef<std::int64_t> shape,
                            const std::string &init, bool norm);
  Affine affine(const std::string &name, std::int64_t out, std::int64_t in);
  /// Whether the checkpoint has the parameter, whatever its shape.
  bool hasTensor(const std::string &name) const { return !findTensor(name).empty(); }
  /// affine whose bias is there or not, as the configuration says.
  Affine affine(const std::string &name, std::int64_t out, std::int64_t in, bool bias);
  /// transformers' Conv1D: a linear layer whose weight the checkpoint keeps as [in, out].
  Affine conv1d(const std::string &name, std::int64_t out, std::int64_t in);
  /// torch.nn.Conv1d: a linear layer over unfold(), weight [out, in, size] in the checkpoint.
  Affine convolution(const std::string &name, std::int64_t out, std::int64_t in,
                     std::int64_t size);
  /// torch.nn.Embedding's weight of which every row is read, as an activation [rows, width].
  mlir::Value wholeTable(const std::string &name, std::int64_t rows, std::int64_t width);
  /// A head's weight without a bias.
  Affine headWeight(const std::string &name, std::int64_t out, std::int64_t in, double initStd);
  Affine headAffine(const std::string &name, std::int64_t out, std::int64_t in, double initStd);

  // Layers.
  /// `padding`: the first table's row that gets no gradient from ids; -1: none.
  mlir::Value embedding(mlir::ValueRange ids, mlir::ValueRange tables,
                        std::int64_t padding = -1);
  mlir::Value linear(mlir::Value x, Affine weights);
  mlir::Value activation(mlir::Value x, nn::Activation kind);
  mlir::Value add(mlir::Value a, mlir::Value b);
  /// Each of the tokens' rows with its neighbours in its sequence, `size` rows in all.
  mlir::Value unfold(mlir::Value x, std::int64_t size);
  mlir::Value scale(mlir::Value x, double factor);
  /// layer_norm with parameters `name`.weight and, with `bias`, `name`.bias.
  mlir::Value layerNorm(mlir::Value x, const std::string &name, double eps, bool bias = true);
  /// layerNorm of a task's head: where the checkpoint has none, gamma is ones, beta zeros.
  mlir::Value headLayerNorm(mlir::Value x, const std::string &name, double eps, bool bias);
  /// rms_norm with the parameter `name`.weight. Its weight decay follows the name alone, as in
  /// transformers, whose Trainer knows no norm but nn.LayerNorm by type.
  mlir::Value rmsNorm(mlir::Value x, const std::string &name, double eps);
  /// Rotary positions on each head of x, by the tokens' positions in their sequences.
  mlir::Value rotary(mlir::Value x, std::int64_t heads, llvm::ArrayRef<float> frequencies);
  /// act(gate) * up.
  mlir::Value gated(mlir::Value gate, mlir::Value up, nn::Activation kind);
  /// The columns of x as `count` matrices of equal width.
  llvm::SmallVector<mlir::Value> split(mlir::Value x, int count);
  /// Dropout with the run-time scalar "dropout.`kind`"; `rate` is its default.
  mlir::Value dropout(mlir::Value x, llvm::StringRef kind, double rate,
                      const std::string &module);
  /// Bidirectional self-attention of q, k, v [tokens, heads * d].
  mlir::Value selfAttention(mlir::Value q, mlir::Value k, mlir::Value v, std::int64_t heads,
                            double dropoutRate, const std::string &module);
  /// Self-attention of q [tokens, heads * d] and k, v [tokens, kvHeads * d].
  mlir::Value selfAttention(mlir::Value q, mlir::Value k, mlir::Value v,
                            const AttentionForm &form, const std::string &module);
  /// Attention of q [query rows, heads * d] over k, v [key rows, kvHeads * d], whose rows are
  /// `tokens` or `target`: sequence by sequence.
  mlir::Value attention(mlir::Value q, mlir::Value k, mlir::Value v, const AttentionForm &form,
                        const std::string &module);
  mlir::Value firstRows(mlir::Value x);
  /// The mean of each sequence's rows.
  mlir::Value meanRows(mlir::Value x);
  /// Each sequence's last token that is not padding: what decoders' classifiers read.
  mlir::Value lastRows(mlir::Value x);

  /// Closes @forward with the loss over `logits` that transformers' class has: sequence tasks have
  /// a row a sequence, and by problem_type a class, several labels or a value each; token tasks a
  /// row a token, of which the labelled ones count.
  void finish(mlir::Value logits, const TaskSpec &task);
  /// Closes @forward of extractive question answering: `logits` [tokens, 2] are scores to begin
  /// and to end the answer, with a softmax over each sequence.
  void finishSpans(mlir::Value logits);
  /// Closes @forward of a language model: `hidden` [tokens, width], the next token's scores are
  /// hidden times `table` [vocabulary, width] transposed. Labelled rows alone are projected.
  void finishLanguageModel(mlir::Value hidden, mlir::Value table);
  /// The same of an encoder-decoder: `hidden` [target, width], whose rows have a label each.
  /// `bias` [1, vocabulary] is added to the scores; null: none.
  void finishTargets(mlir::Value hidden, mlir::Value table, mlir::Value bias);

  void addHeadPrefix(const std::string &prefix) { headPrefixes.push_back(prefix); }
  void addLayerPrefix(const std::string &prefix) { layerPrefixes.push_back(prefix); }
  /// Names tensors that may be in the file and are not part of this task's model.
  void ignoreTensors(const std::string &prefix) { ignored.push_back(prefix); }

  void fail(const std::string &message);
  const rt::Status &status() const { return failure; }
  /// Checks that every tensor of the checkpoint was used or is known to be unused.
  rt::Status checkAllTensorsUsed(std::vector<std::string> &notes);
  mlir::OwningOpRef<mlir::ModuleOp> takeModule() { return std::move(module); }
  mlir::ModuleOp getModule() { return *module; }
  mlir::OpBuilder builder;

private:
  /// The loss of sequences' logits against the batch's `targets`.
  void finishTargets(mlir::Value logits, nn::TargetLossKind kind);
  /// Returns loss and logits (may be null), and notes the module's prefixes and scalars.
  void close(mlir::Value loss, mlir::Value logits);
  mlir::Value normWith(mlir::Value x, mlir::Value gamma, mlir::Value beta, double eps);
  mlir::Value sequenceRows(mlir::Value x, llvm::StringRef rows);
  mlir::Value addArgument(mlir::Type type, llvm::ArrayRef<mlir::NamedAttribute> attributes);
  /// The sequences and positions that the rows of x have, for dropout and attention.
  mlir::Value sequencesOf(mlir::Value x);
  mlir::Value positionsOf(mlir::Value x);
  /// The counters of a table's rows: step times the row, made once.
  mlir::Value counters(std::int64_t rows, std::int32_t step);
  mlir::Value offsetsOf(mlir::Value x);
  mlir::Value readTensor(const std::string &name, const std::string &tensor,
                         llvm::ArrayRef<std::int64_t> shape,
                         llvm::ArrayRef<mlir::NamedAttribute> more);
  /// The checkpoint's name of a parameter; empty when it is not there.
  std::string findTensor(const std::string &name) const;

  const ModelSource &source;
  std::string basePrefix;
  std::vector<std::string> otherPrefixes;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  llvm::StringMap<mlir::Value> inputs;
  llvm::StringMap<mlir::Value> parameters;
  std::map<std::pair<std::int64_t, std::int32_t>, mlir::Value> tableCounters;
  std::map<std::string, bool> used;
  std::vector<std::string> headPrefixes, layerPrefixes, ignored;
  llvm::SmallVector<mlir::NamedAttribute> scalars;
  std::vector<std::string> newHeads;
  std::int32_t nextOpId = 1;
  rt::Status failure;
};

} // namespace ftc
