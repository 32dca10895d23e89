// Moves, comparisons, control and what the table of handlers knows by name.
#include "test/emulator/machine/Decoder.h"

#include <algorithm>

namespace ftc::emulator {

static std::map<std::string, std::uint16_t, std::less<>> makeNames() {
  std::map<std::string, std::uint16_t, std::less<>> names;
  const Executor &code = executor();
  for (std::size_t i = 0; i < code.count; ++i)
    names.emplace(code.entries[i].name, static_cast<std::uint16_t>(i));
  return names;
}
static const std::map<std::string, std::uint16_t, std::less<>> &handlerNames() {
  static const auto names = makeNames();
  return names;
}

static std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    std::size_t end = std::min(text.find('.', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

static std::string join(const std::vector<std::string_view> &parts) {
  std::string out;
  for (std::string_view part : parts)
    out += (out.empty() ? "" : ".") + std::string(part);
  return out;
}

Decoder::Decoder(const PtxModule &module, const EntryPoint &function, Kernel &kernel)
    : module(module), function(function), kernel(kernel) {}

void Decoder::refuse(const std::string &why) const {
  fail(FaultKind::InvalidPtx, quoteLine(module.syntax.lines, statement->line) + why);
}

Draft Decoder::start(const std::string &key) {
  auto found = handlerNames().find(key);
  if (found == handlerNames().end())
    refuse("the emulator does not know this instruction");
  Draft draft;
  draft.instruction.op = found->second;
  draft.instruction.line = statement->line;
  draft.instruction.run = executor().entries[found->second].run;
  draft.instruction.pipe = executor().entries[found->second].pipe;
  return draft;
}

void Decoder::push(Draft draft) {
  if (!statement->guard.empty()) {
    DraftOperand guard = registerOperand(statement->guard);
    if (guard.kind != DraftOperand::Kind::Predicate)
      refuse("the guard is no predicate");
    draft.guard = static_cast<std::int32_t>(guard.index);
    draft.instruction.guard = static_cast<std::int16_t>(guard.index);
    draft.instruction.guardNegated = statement->guardNegated;
  }
  drafts.push_back(std::move(draft));
}

void Decoder::tableOp(const std::string &key, const std::vector<Operand> &operands) {
  Draft draft = start(key);
  std::string_view signature = executor().entries[draft.instruction.op].signature;
  std::size_t equals = signature.find('=');
  std::size_t count = signature.size() - (equals == signature.npos ? 0 : 1);
  if (operands.size() != count)
    refuse("expected " + std::to_string(count) + " operands, got " +
           std::to_string(operands.size()));
  // Sources first: they may need instructions of their own.
  for (std::size_t i = equals; i < count; ++i) {
    draft.operands[i] = source(operands[i], signature[i + 1]);
    draft.instruction.uses++;
  }
  for (std::size_t i = 0; i < equals; ++i) {
    draft.instruction.defs++;
    if (operands[i].kind == Operand::Kind::Sink)
      draft.instruction.variant |= static_cast<std::uint8_t>(1u << i); // of unpack
    else
      draft.operands[i] = destination(operands[i], signature[i]);
  }
  push(std::move(draft));
}

void Decoder::decode() {
  layOutVariables();
  for (const Statement &next : function.statements) {
    statement = &next;
    statementStart.push_back(drafts.size());
    decodeStatement();
  }
  statementStart.push_back(drafts.size());
  // Running over the end is a return.
  static const Statement end{};
  Statement last = end;
  last.line = function.statements.empty() ? function.line : function.statements.back().line;
  statement = &last;
  Draft draft = start("nothing");
  draft.instruction.control = Control::Return;
  draft.instruction.pipe = Pipe::Control;
  drafts.push_back(draft);
  resolveBranches();
  placeRegisters();
}

void Decoder::decodeStatement() {
  Parts parts = split(statement->opcode);
  if (decodeControl(parts) || decodeMemory(parts) || decodeTogether(parts))
    return;
  if (parts[0] == "mov")
    decodeMove(parts);
  else if (parts[0] == "setp")
    decodeSetp(parts);
  else if (parts[0] == "cvta")
    decodeCvta(parts);
  else
    decodeArithmetic(parts);
}

bool Decoder::decodeControl(const Parts &parts) {
  const std::vector<Operand> &operands = statement->operands;
  std::string_view op = parts[0];
  auto control = [&](Control kind) {
    Draft draft = start("nothing");
    draft.instruction.control = kind;
    draft.instruction.pipe = Pipe::Control;
    return draft;
  };
  if (op == "bra") {
    if (operands.size() != 1 || parts.size() > 2 || (parts.size() == 2 && parts[1] != "uni"))
      refuse("expected a label");
    Draft draft = control(Control::Branch);
    draft.label = operands[0].name;
    push(std::move(draft));
    return true;
  }
  if ((op == "ret" || op == "exit") && operands.empty()) {
    push(control(Control::Return));
    return true;
  }
  if (op == "trap") {
    push(start("trap"));
    return true;
  }
  // Blocks run one after the other, and what a thread wrote is there at once.
  if (op == "membar" || op == "fence" || op == "nanosleep" || op == "griddepcontrol" ||
      op == "prefetch") {
    push(start("nothing"));
    return true;
  }
  if (op != "bar" && op != "barrier")
    return false;
  std::string key = join(parts);
  if (key == "bar.warp.sync") {
    if (operands.size() != 1)
      refuse("expected a member mask");
    Draft draft = control(Control::WarpSync);
    draft.operands[0] = source(operands[0], 'w');
    draft.instruction.uses = 1;
    draft.instruction.target = 0;
    push(std::move(draft));
    return true;
  }
  if (key != "bar.sync" && key != "bar.cta.sync" && key != "barrier.sync" &&
      key != "barrier.sync.aligned" && key != "barrier.cta.sync" &&
      key != "barrier.cta.sync.aligned")
    refuse("the emulator does not know this barrier");
  Draft draft = control(Control::Barrier);
  if (operands.empty() || operands.size() > 2)
    refuse("expected a barrier and perhaps a number of threads");
  for (std::size_t i = 0; i < operands.size(); ++i)
    draft.operands[i] = source(operands[i], 'w');
  draft.instruction.uses = static_cast<std::uint8_t>(operands.size());
  push(std::move(draft));
  return true;
}

void Decoder::decodeMove(const Parts &parts) {
  const std::vector<Operand> &operands = statement->operands;
  if (parts.size() != 2 || operands.size() != 2)
    refuse("expected mov.type d, a");
  std::string type(parts[1]);
  if (type == "pred" && operands[1].kind == Operand::Kind::Literal) {
    Draft draft = start("set.pred");
    draft.operands[0] = destination(operands[0], 'p');
    draft.instruction.defs = 1;
    draft.instruction.variant = operands[1].value != 0;
    push(std::move(draft));
    return;
  }
  bool unpacks = operands[0].kind == Operand::Kind::List;
  if (!unpacks && operands[1].kind != Operand::Kind::List) {
    char width = widthOfType(type);
    tableOp(width == 'p'   ? "mov.pred"
            : width == 'h' ? "mov.b16"
            : width == 'w' ? "mov.b32"
                           : "mov.b64",
            operands);
    return;
  }
  std::vector<Operand> all = operands[unpacks ? 0 : 1].parts;
  char width = widthOfType(type);
  std::string key = unpacks ? "unpack." : "pack.";
  if (width == 'w' && all.size() == 2)
    key += "16.32";
  else if (width == 'l' && all.size() == 4)
    key += "16.64";
  else if (width == 'l' && all.size() == 2)
    key += "32.64";
  else
    refuse("the emulator does not know this way of packing");
  all.insert(unpacks ? all.end() : all.begin(), operands[unpacks ? 1 : 0]);
  tableOp(key, all);
}

void Decoder::decodeSetp(const Parts &parts) {
  std::vector<Operand> operands = statement->operands;
  if (parts.size() < 3 || operands.empty())
    refuse("expected setp.comparison.type p, a, b");
  std::string compare(parts[1]), type(parts.back()), combine, modifier;
  for (std::size_t i = 2; i + 1 < parts.size(); ++i)
    if (parts[i] == "and" || parts[i] == "or" || parts[i] == "xor")
      combine = parts[i];
    else if (parts[i] == "ftz")
      modifier = "ftz.";
    else
      refuse("the emulator does not know the modifier ." + std::string(parts[i]));
  static const std::map<std::string, std::string> unsignedNames = {
      {"lo", "lt"}, {"ls", "le"}, {"hi", "gt"}, {"hs", "ge"}};
  if (auto found = unsignedNames.find(compare); found != unsignedNames.end()) {
    compare = found->second;
    type[0] = 'u';
  }
  if (type[0] == 'b' && type.compare(0, 2, "bf") != 0)
    type[0] = 'u';
  std::string key = "setp." + compare + "." + modifier + type;
  Operand third;
  if (!combine.empty()) {
    if (operands.size() != 4)
      refuse("expected setp with a predicate to combine with");
    third = operands[3];
    operands.pop_back();
  }
  std::vector<Operand> second = operands[0].parts; // p|q
  operands[0].parts.clear();
  if (combine.empty() && second.empty()) {
    tableOp(key, operands);
    return;
  }
  // The comparison, then what is made of it.
  Draft draft = start(key);
  std::string_view signature = executor().entries[draft.instruction.op].signature;
  if (operands.size() != 3)
    refuse("expected two values to compare");
  draft.operands[1] = source(operands[1], signature[2]);
  draft.operands[2] = source(operands[2], signature[3]);
  DraftOperand result = draft.operands[0] = temporary('p');
  draft.instruction.defs = 1;
  draft.instruction.uses = 2;
  push(std::move(draft));
  DraftOperand inverse = temporary('p');
  DraftOperand with = combine.empty() ? DraftOperand{} : predicate(third);
  auto finish = [&](const Operand &to, DraftOperand value) {
    if (to.kind == Operand::Kind::Sink)
      return;
    Draft last = start(combine.empty() ? "mov.pred" : combine + ".pred");
    last.operands[0] = destination(to, 'p');
    last.operands[1] = value;
    last.operands[2] = with;
    last.instruction.defs = 1;
    last.instruction.uses = combine.empty() ? 1 : 2;
    push(std::move(last));
  };
  if (!second.empty()) {
    Draft invert = start("not.pred");
    invert.operands[0] = inverse;
    invert.operands[1] = result;
    invert.instruction.defs = invert.instruction.uses = 1;
    push(std::move(invert));
    finish(second[0], inverse);
  }
  finish(operands[0], result);
}

void Decoder::decodeCvta(const Parts &parts) {
  bool to = parts.size() > 2 && parts[1] == "to";
  std::string_view space = parts.size() > 2 ? parts[parts.size() - 2] : "";
  if (parts.back() != "u64" || statement->operands.size() != 2)
    refuse("expected cvta of 64 bits");
  std::uint64_t window = space == "shared" || space == "shared::cta" ? kSharedWindow
                         : space == "local"                          ? kLocalWindow
                                                                     : 0;
  if (window == 0 && space != "global" && space != "const" && space != "param")
    refuse("the emulator does not know this state space");
  if (window == 0)
    return tableOp("mov.b64", statement->operands);
  std::vector<Operand> operands = statement->operands;
  Operand base;
  base.kind = Operand::Kind::Literal;
  base.value = window;
  operands.push_back(base);
  tableOp(to ? "sub.u64" : "add.u64", operands);
}

void Decoder::decodeArithmetic(const Parts &parts) {
  Parts names = parts;
  std::string type(parts.back());
  auto drop = [&](std::string_view name) {
    names.erase(std::remove(names.begin() + 1, names.end(), name), names.end());
  };
  std::string_view op = parts[0];
  if (op == "add" || op == "sub" || op == "mul" || op == "fma" || op == "mad" || op == "div" ||
      op == "rcp" || op == "sqrt")
    drop("rn"); // what they do where nothing is said
  if (op == "selp")
    names.back() = type.ends_with("16") ? "b16" : type.ends_with("64") ? "b64" : "b32";
  // f16 is not flushed by f32's modifier: its subnormal values are normal there.
  if (op == "cvt" && parts.size() > 2 && (type == "f16" || parts[parts.size() - 2] == "f16"))
    drop("ftz");
  if (op == "shfl" || op == "call" || op == "brx")
    refuse("the emulator does not know this instruction");
  tableOp(join(names), statement->operands);
}

void Decoder::resolveBranches() {
  for (Draft &draft : drafts) {
    if (draft.instruction.control != Control::Branch)
      continue;
    auto found = function.labels.find(draft.label);
    if (found == function.labels.end())
      fail(FaultKind::InvalidPtx, quoteLine(module.syntax.lines, draft.instruction.line) +
                                      "there is no label '" + draft.label + "'");
    draft.instruction.target = static_cast<std::int32_t>(statementStart[found->second]);
  }
}

void Decoder::layOutVariables() {
  std::uint64_t shared = 0, local = 0;
  std::vector<const Variable *> dynamic;
  auto place = [&](const Variable &variable) {
    if (variable.space == Space::Shared && variable.isExtern) {
      dynamic.push_back(&variable);
    } else if (variable.space == Space::Shared || variable.space == Space::Local) {
      std::uint64_t &end = variable.space == Space::Shared ? shared : local;
      end = (end + variable.alignment - 1) / variable.alignment * variable.alignment;
      symbols[variable.name] =
          end + (variable.space == Space::Shared ? kSharedStart : kLocalStart);
      end += variable.bytes;
    }
  };
  for (const Variable &variable : module.syntax.variables)
    place(variable);
  for (const Variable &variable : function.variables)
    place(variable);
  std::uint64_t alignment = 1;
  for (const Variable *variable : dynamic)
    alignment = std::max(alignment, variable->alignment);
  shared = (shared + alignment - 1) / alignment * alignment;
  for (const Variable *variable : dynamic)
    symbols[variable->name] = shared + kSharedStart;
  if (std::max(shared, local) > kWindowBytes / 2)
    fail(FaultKind::InvalidPtx, "kernel '" + function.name +
                                    "' has more shared or local memory "
                                    "than any GPU");
  kernel.sharedBytes = static_cast<std::uint32_t>(shared);
  kernel.localBytes = static_cast<std::uint32_t>((local + 15) / 16 * 16);
}

} // namespace ftc::emulator
