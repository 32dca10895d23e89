// Builds the nn IR of a model's forward, and accounts for every tensor of its checkpoint.
#include "frontends/GraphBuilder.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace mlir;

namespace ftc {

std::string shapeText(llvm::ArrayRef<std::int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

GraphBuilder::GraphBuilder(MLIRContext *context, const ModelSource &source,
                           std::string basePrefix)
    : builder(context), source(source), basePrefix(std::move(basePrefix)) {
  Location location = builder.getUnknownLoc();
  module = ModuleOp::create(location);
  builder.setInsertionPointToEnd(module->getBody());
  function = func::FuncOp::create(builder, location, "forward", builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
}

void GraphBuilder::fail(const std::string &message) {
  if (failure.isOk())
    failure = rt::Status::error(message);
}

Value GraphBuilder::addArgument(Type type, llvm::ArrayRef<NamedAttribute> attributes) {
  unsigned index = function.getNumArguments();
  (void)function.insertArgument(index, type, builder.getDictionaryAttr(attributes),
                                builder.getUnknownLoc());
  return function.getArgument(index);
}

Value GraphBuilder::input(llvm::StringRef name, Type type) {
  Value &slot = inputs[name];
  if (!slot)
    slot = addArgument(type, builder.getNamedAttr(nn::kInput, builder.getStringAttr(name)));
  return slot;
}

Value GraphBuilder::tokenInput(llvm::StringRef name) {
  return input(name, nn::rowsType(builder.getContext(), "tokens", 0, builder.getI32Type()));
}
Value GraphBuilder::sequenceInput(llvm::StringRef name) {
  return input(name, nn::rowsType(builder.getContext(), "sequences", 0, builder.getI32Type()));
}
Value GraphBuilder::labelledInput(llvm::StringRef name) {
  return input(name, nn::rowsType(builder.getContext(), "labelled", 0, builder.getI32Type()));
}

Value GraphBuilder::tokenOffsets() {
  return input("cu_seqlens", nn::offsetsType(builder.getContext(), "sequences", "tokens"));
}

std::string GraphBuilder::findTensor(const std::string &name) const {
  auto present = [&](const std::string &key) { return source.tensors.count(key) != 0; };
  std::vector<std::string> candidates{name};
  std::string dotted = basePrefix + ".";
  if (llvm::StringRef(name).starts_with(dotted)) {
    candidates.push_back(name.substr(dotted.size()));
    for (const std::string &other : otherPrefixes)
      candidates.push_back(other + "." + name.substr(dotted.size()));
  }
  for (const std::string &candidate : candidates) {
    if (present(candidate))
      return candidate;
    // TensorFlow-era checkpoints call the norm's parameters gamma and beta.
    llvm::StringRef text = candidate;
    std::string legacy;
    if (text.consume_back("LayerNorm.weight"))
      legacy = (text + "LayerNorm.gamma").str();
    else if (text.consume_back("LayerNorm.bias"))
      legacy = (text + "LayerNorm.beta").str();
    if (!legacy.empty() && present(legacy))
      return legacy;
  }
  return "";
}

Value GraphBuilder::readTensor(const std::string &name, const std::string &tensor,
                               llvm::ArrayRef<std::int64_t> shape,
                               llvm::ArrayRef<NamedAttribute> more) {
  Value &slot = parameters[name];
  if (slot)
    return slot;
  if (tensor.empty())
    fail(source.path + ": tensor '" + name + "' of shape " + shapeText(shape) +
         " is missing from the checkpoint");
  else if (llvm::ArrayRef<std::int64_t>(source.tensors.at(tensor)) != shape)
    fail(source.pathOf(tensor) + ": tensor '" + tensor + "' has shape " +
         shapeText(source.tensors.at(tensor)) + ", config.json asks for " + shapeText(shape));
  used[tensor] = true;
  SmallVector<NamedAttribute> attributes{
      builder.getNamedAttr(nn::kParameter, builder.getStringAttr(name)),
      builder.getNamedAttr(nn::kTensor, builder.getStringAttr(tensor))};
  attributes.append(more.begin(), more.end());
  return slot = addArgument(RankedTensorType::get(shape, builder.getF32Type()), attributes);
}

Value GraphBuilder::parameter(const std::string &name, llvm::ArrayRef<std::int64_t> shape,
                              bool norm) {
  SmallVector<NamedAttribute> more;
  if (norm)
    more.push_back(builder.getNamedAttr(nn::kNorm, builder.getUnitAttr()));
  return readTensor(name, findTensor(name), shape, more);
}

Value GraphBuilder::headParameter(const std::string &name, llvm::ArrayRef<std::int64_t> shape,
                                  double initStd) {
  std::string init = initStd > 0 ? "normal:" + std::to_string(initStd) : "zeros";
  return headParameter(name, shape, init, /*norm=*/false);
}

Value GraphBuilder::headParameter(const std::string &name, llvm::ArrayRef<std::int64_t> shape,
                                  const std::string &init, bool norm) {
  std::string tensor = findTensor(name);
  if (!tensor.empty()) {
    if (llvm::ArrayRef<std::int64_t>(source.tensors.at(tensor)) == shape)
      return parameter(name, shape, norm);
    used[tensor] = true;
    newHeads.push_back(name + " " + shapeText(shape) + " (the checkpoint's is " +
                       shapeText(source.tensors.at(tensor)) + ")");
  } else {
    newHeads.push_back(name + " " + shapeText(shape));
  }
  SmallVector<NamedAttribute> attributes{
      builder.getNamedAttr(nn::kParameter, builder.getStringAttr(name)),
      builder.getNamedAttr(nn::kInit, builder.getStringAttr(init))};
  if (norm)
    attributes.push_back(builder.getNamedAttr(nn::kNorm, builder.getUnitAttr()));
  return parameters[name] =
             addArgument(RankedTensorType::get(shape, builder.getF32Type()), attributes);
}

Affine GraphBuilder::affine(const std::string &name, std::int64_t out, std::int64_t in) {
  Value weight = parameter(name + ".weight", {out, in});
  return {weight, parameter(name + ".bias", {out})};
}

Affine GraphBuilder::affine(const std::string &name, std::int64_t out, std::int64_t in,
                            bool bias) {
  return bias ? affine(name, out, in) : Affine{parameter(name + ".weight", {out, in}), {}};
}

Affine GraphBuilder::conv1d(const std::string &name, std::int64_t out, std::int64_t in) {
  Value weight = parameter(name + ".weight", {in, out});
  auto argument = cast<BlockArgument>(weight);
  argument.setType(RankedTensorType::get({out, in}, builder.getF32Type()));
  function.setArgAttr(argument.getArgNumber(), nn::kTransposed, builder.getUnitAttr());
  function.setFunctionType(
      builder.getFunctionType(function.front().getArgumentTypes(), function.getResultTypes()));
  return {weight, parameter(name + ".bias", {out})};
}

Affine GraphBuilder::convolution(const std::string &name, std::int64_t out, std::int64_t in,
                                 std::int64_t size) {
  Value weight = parameter(name + ".weight", {out, in, size});
  auto argument = cast<BlockArgument>(weight);
  argument.setType(RankedTensorType::get({out, in * size}, builder.getF32Type()));
  function.setArgAttr(argument.getArgNumber(), nn::kShape,
                      builder.getDenseI64ArrayAttr({out, in, size}));
  function.setFunctionType(
      builder.getFunctionType(function.front().getArgumentTypes(), function.getResultTypes()));
  return {weight, parameter(name + ".bias", {out})};
}

Value GraphBuilder::wholeTable(const std::string &name, std::int64_t rows, std::int64_t width) {
  Value table = parameter(name, {rows, width});
  function.setArgAttr(cast<BlockArgument>(table).getArgNumber(), nn::kEmbedding,
                      builder.getUnitAttr());
  return table;
}

Affine GraphBuilder::headWeight(const std::string &name, std::int64_t out, std::int64_t in,
                                double initStd) {
  return {headParameter(name + ".weight", {out, in}, initStd), {}};
}

Affine GraphBuilder::headAffine(const std::string &name, std::int64_t out, std::int64_t in,
                                double initStd) {
  Value weight = headParameter(name + ".weight", {out, in}, initStd);
  return {weight, headParameter(name + ".bias", {out}, 0)};
}

static Type withWidth(Value rows, std::int64_t width) {
  auto type = cast<RankedTensorType>(rows.getType());
  return RankedTensorType::get({type.getDimSize(0), width},
                               Float32Type::get(rows.getContext()), type.getEncoding());
}

Value GraphBuilder::embedding(ValueRange ids, ValueRange tables, std::int64_t padding) {
  std::int64_t width = cast<RankedTensorType>(tables[0].getType()).getDimSize(1);
  return nn::EmbeddingOp::create(builder, builder.getUnknownLoc(), withWidth(ids[0], width), ids,
                                 tables,
                                 padding < 0 ? IntegerAttr()
                                             : builder.getI32IntegerAttr(padding))
      .getY();
}

Value GraphBuilder::linear(Value x, Affine weights) {
  std::int64_t out = cast<RankedTensorType>(weights.weight.getType()).getDimSize(0);
  return nn::LinearOp::create(builder, builder.getUnknownLoc(), withWidth(x, out), Type(), x,
                              weights.weight, weights.bias,
                              nn::ActivationAttr::get(builder.getContext(), nn::Activation::None))
      .getY();
}

Value GraphBuilder::activation(Value x, nn::Activation kind) {
  return nn::ActivationOp::create(builder, builder.getUnknownLoc(), x.getType(), x,
                                  nn::ActivationAttr::get(builder.getContext(), kind))
      .getY();
}

Value GraphBuilder::add(Value a, Value b) {
  return nn::AddOp::create(builder, builder.getUnknownLoc(), a.getType(), a, b).getY();
}

Value GraphBuilder::unfold(Value x, std::int64_t size) {
  std::int64_t width = cast<RankedTensorType>(x.getType()).getDimSize(1);
  return nn::UnfoldOp::create(builder, builder.getUnknownLoc(), withWidth(x, width * size), x,
                              offsetsOf(x), builder.getI32IntegerAttr(size))
      .getY();
}

Value GraphBuilder::layerNorm(Value x, const std::string &name, double eps, bool bias) {
  std::int64_t width = cast<RankedTensorType>(x.getType()).getDimSize(1);
  Value gamma = parameter(name + ".weight", {width}, true);
  return normWith(x, gamma, bias ? parameter(name + ".bias", {width}, true) : Value(), eps);
}

Value GraphBuilder::headLayerNorm(Value x, const std::string &name, double eps, bool bias) {
  std::int64_t width = cast<RankedTensorType>(x.getType()).getDimSize(1);
  Value gamma = headParameter(name + ".weight", {width}, "ones", true);
  Value beta = bias ? headParameter(name + ".bias", {width}, "zeros", true) : Value();
  return normWith(x, gamma, beta, eps);
}

Value GraphBuilder::normWith(Value x, Value gamma, Value beta, double eps) {
  auto type = cast<RankedTensorType>(x.getType());
  Type rows = RankedTensorType::get({type.getDimSize(0)}, builder.getF32Type(),
                                    type.getEncoding());
  return nn::LayerNormOp::create(builder, builder.getUnknownLoc(), type, rows, rows, x, gamma,
                                 beta, builder.getF64FloatAttr(eps))
      .getY();
}

Value GraphBuilder::rmsNorm(Value x, const std::string &name, double eps) {
  auto type = cast<RankedTensorType>(x.getType());
  Type rows =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getF32Type(), type.getEncoding());
  Value gamma = parameter(name + ".weight", {type.getDimSize(1)});
  return nn::RmsNormOp::create(builder, builder.getUnknownLoc(), type, rows, x, gamma,
                               builder.getF64FloatAttr(eps))
      .getY();
}

Value GraphBuilder::rotary(Value x, std::int64_t heads, llvm::ArrayRef<float> frequencies) {
  return nn::RotaryOp::create(builder, builder.getUnknownLoc(), x.getType(), x,
                              tokenInput("token_position"), builder.getI32IntegerAttr(heads),
                              builder.getDenseF32ArrayAttr(frequencies),
                              builder.getF64FloatAttr(1.0), UnitAttr())
      .getY();
}

Value GraphBuilder::gated(Value gate, Value up, nn::Activation kind) {
  return nn::GatedOp::create(builder, builder.getUnknownLoc(), gate.getType(), gate, up,
                             nn::ActivationAttr::get(builder.getContext(), kind))
      .getY();
}

llvm::SmallVector<Value> GraphBuilder::split(Value x, int count) {
  std::int64_t width = cast<RankedTensorType>(x.getType()).getDimSize(1) / count;
  SmallVector<Type> types(count, withWidth(x, width));
  auto parts =
      nn::SplitColumnsOp::create(builder, builder.getUnknownLoc(), types, x).getParts();
  return {parts.begin(), parts.end()};
}

Value GraphBuilder::dropout(Value x, llvm::StringRef kind, double rate,
                            const std::string &modulePath) {
  Value sequence = sequencesOf(x), position = positionsOf(x);
  std::string scalar = "dropout." + kind.str();
  NamedAttribute entry = builder.getNamedAttr(scalar, builder.getF64FloatAttr(rate));
  if (llvm::none_of(scalars, [&](NamedAttribute a) { return a.getName() == scalar; }))
    scalars.push_back(entry);
  return nn::DropoutOp::create(builder, builder.getUnknownLoc(), x.getType(), x, sequence,
                               position, builder.getStringAttr(scalar),
                               builder.getI32IntegerAttr(nextOpId++),
                               builder.getStringAttr(modulePath))
      .getY();
}

Value GraphBuilder::selfAttention(Value q, Value k, Value v, std::int64_t heads,
                                  double dropoutRate, const std::string &modulePath) {
  AttentionForm form;
  form.heads = heads;
  form.dropout = dropoutRate;
  return selfAttention(q, k, v, form, modulePath);
}

Value GraphBuilder::selfAttention(Value q, Value k, Value v, const AttentionForm &form,
                                  const std::string &modulePath) {
  return attention(q, k, v, form, modulePath);
}

Value GraphBuilder::attention(Value q, Value k, Value v, const AttentionForm &form,
                              const std::string &modulePath) {
  auto type = cast<RankedTensorType>(q.getType());
  std::int64_t width = type.getDimSize(1), heads = form.heads;
  Value queryOffsets = offsetsOf(q), keyOffsets = offsetsOf(k);
  std::string scalar = "dropout.attention";
  if (llvm::none_of(scalars, [&](NamedAttribute a) { return a.getName() == scalar; }))
    scalars.push_back(builder.getNamedAttr(scalar, builder.getF64FloatAttr(form.dropout)));
  double scale = form.scale != 0 ? form.scale : 1.0 / std::sqrt(double(width / heads));
  bool positions = form.positionKeys || form.positionQueries;
  SmallVector<Value> tables;
  for (Value table : {form.bias, form.positionKeys, form.positionQueries})
    if (table)
      tables.push_back(table);
  bool shared = form.bias || (positions && form.maxDistance);
  return nn::AttentionOp::create(
             builder, builder.getUnknownLoc(), type, withWidth(q, heads), q, k, v,
             queryOffsets, keyOffsets, positionsOf(q), sequenceInput("sequence_id"),
             builder.getI32IntegerAttr(heads),
             builder.getI32IntegerAttr(form.kvHeads ? form.kvHeads : heads),
             builder.getF64FloatAttr(scale), builder.getBoolAttr(form.causal),
             builder.getStringAttr(scalar), builder.getI32IntegerAttr(nextOpId++),
             builder.getStringAttr(modulePath),
             form.window ? builder.getI32IntegerAttr(form.window) : IntegerAttr(), tables,
             shared ? builder.getI32IntegerAttr(form.maxDistance) : IntegerAttr(),
             form.positionKeys ? builder.getUnitAttr() : UnitAttr(),
             form.positionQueries ? builder.getUnitAttr() : UnitAttr())
      .getOut();
}

Value GraphBuilder::meanRows(Value x) {
  std::int64_t width = cast<RankedTensorType>(x.getType()).getDimSize(1);
  Type type = nn::rowsType(builder.getContext(), "sequences", width, builder.getF32Type());
  return nn::MeanRowsOp::create(builder, builder.getUnknownLoc(), type, x, tokenOffsets())
      .getY();
}

Value GraphBuilder::sequenceRows(Value x, llvm::StringRef rows) {
  std::int64_t width = cast<RankedTensorType>(x.getType()).getDimSize(1);
  return nn::GatherRowsOp::create(
             builder, builder.getUnknownLoc(),
             nn::rowsType(builder.getContext(), "sequences", width, builder.getF32Type()), x,
             sequenceInput(rows))
      .getY();
}

Value GraphBuilder::firstRows(Value x) { return sequenceRows(x, "first_rows"); }
Value GraphBuilder::lastRows(Value x) { return sequenceRows(x, "last_rows"); }

void GraphBuilder::finishTargets(Value logits, nn::TargetLossKind kind) {
  Value targets = input("targets", logits.getType());
  Value loss = nn::TargetLossOp::create(
                   builder, builder.getUnknownLoc(),
                   nn::rowsType(builder.getContext(), "sequences", 0, builder.getF32Type()),
                   logits, targets, nn::TargetLossKindAttr::get(builder.getContext(), kind))
                   .getRowLoss();
  close(loss, logits);
}

void GraphBuilder::finish(Value logits, const TaskSpec &task) {
  if (task.problemType == "multi_label_classification")
    return finishTargets(logits, nn::TargetLossKind::BinaryCrossEntropy);
  if (task.problemType == "regression")
    return finishTargets(logits, nn::TargetLossKind::SquaredError);
  bool tokenTask = task.task == "token-classification";
  Location location = builder.getUnknownLoc();
  MLIRContext *context = builder.getContext();
  if (tokenTask) {
    std::int64_t width = cast<RankedTensorType>(logits.getType()).getDimSize(1);
    logits = nn::GatherRowsOp::create(
                 builder, location,
                 nn::rowsType(context, "labelled", width, builder.getF32Type()), logits,
                 labelledInput("labelled_rows"))
                 .getY();
  }
  llvm::StringRef space = tokenTask ? "labelled" : "sequences";
  Value labels = tokenTask ? labelledInput("labels") : sequenceInput("labels");
  std::int64_t classes = cast<RankedTensorType>(logits.getType()).getDimSize(1);
  Value weights =
      input("class_weights", RankedTensorType::get({classes}, builder.getF32Type()));
  Value loss = nn::CrossEntropyOp::create(
                   builder, location, nn::rowsType(context, space, 0, builder.getF32Type()),
                   logits, labels, weights)
                   .getRowLoss();
  close(loss, logits);
}

void GraphBuilder::finishSpans(Value logits) {
  Value loss =
      nn::SpanLossOp::create(
          builder, builder.getUnknownLoc(),
          nn::rowsType(builder.getContext(), "sequences", 0, builder.getF32Type()), logits,
          tokenOffsets(), sequenceInput("start_positions"), sequenceInput("end_positions"))
          .getRowLoss();
  close(loss, logits);
}

void GraphBuilder::finishLanguageModel(Value hidden, Value table) {
  std::int64_t width = cast<RankedTensorType>(hidden.getType()).getDimSize(1);
  Location location = builder.getUnknownLoc();
  Value rows = nn::GatherRowsOp::create(
                   builder, location,
                   nn::rowsType(builder.getContext(), "labelled", width, builder.getF32Type()),
                   hidden, labelledInput("labelled_rows"))
                   .getY();
  Value loss = nn::VocabularyLossOp::create(
                   builder, location,
                   nn::rowsType(builder.getContext(), "labelled", 0, builder.getF32Type()), rows,
                   table, labelledInput("labels"), Value())
                   .getRowLoss();
  close(loss, Value());
}

void GraphBuilder::close(Value loss, Value logits) {
  SmallVector<Value> results{loss};
  if (logits)
    results.push_back(logits);
  func::ReturnOp::create(builder, builder.getUnknownLoc(), results);
  function.setFunctionType(builder.getFunctionType(function.getArgumentTypes(),
                                                   ValueRange(results).getTypes()));
  function.setResultAttr(0, nn::kOutput, builder.getStringAttr("row_loss"));
  if (logits)
    function.setResultAttr(1, nn::kOutput, builder.getStringAttr("logits"));

  auto strings = [&](const std::vector<std::string> &list) {
    SmallVector<llvm::StringRef> refs(list.begin(), list.end());
    return builder.getStrArrayAttr(refs);
  };
  (*module)->setAttr("nn.head_prefixes", strings(headPrefixes));
  (*module)->setAttr("nn.layer_prefixes", strings(layerPrefixes));
  (*module)->setAttr("nn.scalars", builder.getDictionaryAttr(scalars));
}

rt::Status GraphBuilder::checkAllTensorsUsed(std::vector<std::string> &notes) {
  FTC_RETURN_IF_ERROR(rt::Status(failure));
  std::vector<std::string> unused, unexpected;
  for (const auto &[name, shape] : source.tensors) {
    if (used.count(name))
      continue;
    llvm::StringRef bare = name;
    bare.consume_front(basePrefix + ".");
    for (const std::string &other : otherPrefixes)
      bare.consume_front(other + ".");
    bool known = llvm::any_of(ignored, [&](const std::string &prefix) {
      return bare.starts_with(prefix) || llvm::StringRef(name).starts_with(prefix);
    });
    (known ? unused : unexpected).push_back(name);
  }
  if (!unexpected.empty())
    return rt::Status::error(
        source.pathOf(unexpected.front()) + ": tensor '" + unexpected.front() + "' is not part of this architecture" +
        (unexpected.size() > 1 ? " (and " + std::to_string(unexpected.size() - 1) + " more)"
                               : "") +
        ": config.json's model_type and the weights do not belong together");
  if (!unused.empty())
    notes.push_back("not used for this task: " + llvm::join(unused, ", "));
  if (!newHeads.empty())
    notes.push_back("new, trained from scratch: " + llvm::join(newHeads, ", "));
  return {};
}

} // namespace ftc
