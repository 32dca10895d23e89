// Queries and edits of a program's arguments and results by their nn attributes.
#include "compiler/analysis/Arguments.h"

using namespace mlir;

namespace ftc {

llvm::StringRef argumentText(func::FuncOp function, unsigned index, llvm::StringRef name) {
  auto text = function.getArgAttrOfType<StringAttr>(index, name);
  return text ? text.getValue() : llvm::StringRef();
}

llvm::StringRef argumentText(Value value, llvm::StringRef name) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function =
      argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  return function ? argumentText(function, argument.getArgNumber(), name) : llvm::StringRef();
}

Value findArgument(func::FuncOp function, llvm::StringRef name, llvm::StringRef text) {
  for (BlockArgument argument : function.getArguments())
    if (argumentText(function, argument.getArgNumber(), name) == text)
      return argument;
  return {};
}

Value addArgument(func::FuncOp function, Type type, ArrayRef<NamedAttribute> attributes) {
  unsigned index = function.getNumArguments();
  auto dictionary = DictionaryAttr::get(function.getContext(), attributes);
  if (failed(function.insertArgument(index, type, dictionary, function.getLoc())))
    return {};
  return function.getArgument(index);
}

Value batchInput(func::FuncOp function, llvm::StringRef text, Type type) {
  Builder builder(function.getContext());
  if (Value found = findArgument(function, nn::kInput, text)) {
    if (found.getType() == type)
      return found;
    function.emitError() << "expected batch input '" << text << "' of type " << type << ", got "
                         << found.getType();
    return {};
  }
  return addArgument(function, type,
                     builder.getNamedAttr(nn::kInput, builder.getStringAttr(text)));
}

unsigned dropUnusedArguments(func::FuncOp function,
                             llvm::function_ref<bool(unsigned)> droppable) {
  llvm::BitVector unused(function.getNumArguments());
  for (BlockArgument argument : function.getArguments())
    if (argument.use_empty() && droppable(argument.getArgNumber()))
      unused.set(argument.getArgNumber());
  SmallVector<ProgramResult> results = programResults(function);
  if (failed(function.eraseArguments(unused)))
    return 0;
  setProgramResults(function, results);
  return unused.count();
}

unsigned dropUnusedInputs(func::FuncOp function) {
  return dropUnusedArguments(function, [&](unsigned index) {
    return !argumentText(function, index, nn::kInput).empty();
  });
}

SmallVector<ProgramResult> programResults(func::FuncOp function) {
  SmallVector<ProgramResult> results;
  for (auto [index, value] :
       llvm::enumerate(function.front().getTerminator()->getOperands())) {
    ProgramResult result{value, "", {}};
    if (auto name = function.getResultAttrOfType<StringAttr>(index, nn::kOutput))
      result.output = name.str();
    if (auto updates = function.getResultAttrOfType<IntegerAttr>(index, nn::kUpdates))
      result.replaces = function.getArgument(updates.getInt());
    results.push_back(result);
  }
  return results;
}

void setProgramResults(func::FuncOp function, ArrayRef<ProgramResult> results) {
  Builder builder(function.getContext());
  SmallVector<Value> values;
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> dictionaries;
  for (const ProgramResult &result : results) {
    values.push_back(result.value);
    types.push_back(result.value.getType());
    SmallVector<NamedAttribute> attributes;
    if (!result.output.empty())
      attributes.push_back(
          builder.getNamedAttr(nn::kOutput, builder.getStringAttr(result.output)));
    if (result.replaces)
      attributes.push_back(builder.getNamedAttr(
          nn::kUpdates, builder.getI32IntegerAttr(
                            cast<BlockArgument>(result.replaces).getArgNumber())));
    dictionaries.push_back(builder.getDictionaryAttr(attributes));
  }
  function.front().getTerminator()->setOperands(values);
  function.removeResAttrsAttr();
  function.setFunctionType(
      builder.getFunctionType(function.front().getArgumentTypes(), types));
  function.setAllResultAttrs(dictionaries);
}

LogicalResult verifyOrigins(func::FuncOp function) {
  for (unsigned index = 0; index < function.getNumArguments(); ++index)
    if (llvm::StringRef name = argumentText(function, index, nn::kParameter);
        !name.empty() && argumentText(function, index, nn::kTensor).empty() &&
        argumentText(function, index, nn::kInit).empty())
      return function.emitError("expected parameter '")
             << name << "' to have a tensor or an init, got neither";
  return success();
}

llvm::StringRef programName(func::FuncOp function) {
  auto name = function->getAttrOfType<StringAttr>(nn::kProgram);
  return name ? name.getValue() : llvm::StringRef();
}

func::FuncOp findProgram(ModuleOp module, llvm::StringRef name) {
  for (auto function : module.getOps<func::FuncOp>())
    if (programName(function) == name)
      return function;
  return {};
}

} // namespace ftc
