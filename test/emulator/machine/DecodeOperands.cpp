// Operands of instructions: registers, constants, addresses of variables.
#include "test/emulator/machine/Decoder.h"

namespace ftc::emulator {

char widthOfType(const std::string &type) {
  if (type == "pred")
    return 'p';
  if (type == "f16x2" || type == "bf16x2")
    return 'w';
  std::string bits = type.substr(type.find_last_not_of("0123456789") + 1);
  return bits == "8" || bits == "16" ? 'h' : bits == "32" ? 'w' : bits == "64" ? 'l' : '?';
}

std::optional<Special> Decoder::special(const std::string &name) const {
  static const std::map<std::string, Special> names = {{"%tid.x", Special::TidX},
                                                       {"%tid.y", Special::TidY},
                                                       {"%tid.z", Special::TidZ},
                                                       {"%ntid.x", Special::NtidX},
                                                       {"%ntid.y", Special::NtidY},
                                                       {"%ntid.z", Special::NtidZ},
                                                       {"%ctaid.x", Special::CtaidX},
                                                       {"%ctaid.y", Special::CtaidY},
                                                       {"%ctaid.z", Special::CtaidZ},
                                                       {"%nctaid.x", Special::NctaidX},
                                                       {"%nctaid.y", Special::NctaidY},
                                                       {"%nctaid.z", Special::NctaidZ},
                                                       {"%laneid", Special::LaneId},
                                                       {"%warpid", Special::WarpId},
                                                       {"%nwarpid", Special::NwarpId},
                                                       {"%lanemask_eq", Special::LaneMaskEq},
                                                       {"%lanemask_lt", Special::LaneMaskLt},
                                                       {"%lanemask_le", Special::LaneMaskLe},
                                                       {"%lanemask_gt", Special::LaneMaskGt},
                                                       {"%lanemask_ge", Special::LaneMaskGe}};
  auto found = names.find(name);
  return found == names.end() ? std::nullopt : std::optional(found->second);
}

DraftOperand Decoder::registerOperand(const std::string &name) {
  if (auto value = special(name)) {
    auto [entry, isNew] = specialIds.emplace(*value, registerWidths.size());
    if (isNew)
      registerWidths.push_back('w');
    return {DraftOperand::Kind::Register, entry->second};
  }
  for (int scope = statement->scope; scope >= 0;
       scope = function.scopes[static_cast<std::size_t>(scope)].parent) {
    const Scope &names = function.scopes[static_cast<std::size_t>(scope)];
    std::string type;
    if (auto found = names.registers.find(name); found != names.registers.end())
      type = found->second;
    else if (!names.ranges.empty()) {
      EntryPoint only;
      only.scopes.push_back(names);
      only.scopes[0].parent = -1;
      type = registerType(only, 0, name);
    }
    if (type.empty())
      continue;
    char width = widthOfType(type);
    if (width == '?')
      refuse("the emulator has no registers of type ." + type);
    if (width == 'p') {
      auto [entry, isNew] = predicateIds.emplace(std::pair(scope, name), kernel.predicates);
      kernel.predicates += isNew;
      return {DraftOperand::Kind::Predicate, entry->second};
    }
    auto [entry, isNew] = registerIds.emplace(std::pair(scope, name), registerWidths.size());
    if (isNew)
      registerWidths.push_back(width);
    return {DraftOperand::Kind::Register, entry->second};
  }
  return {};
}

DraftOperand Decoder::constant(char width, std::uint64_t bits) {
  bool wide = width == 'l';
  if (!wide)
    bits &= width == 'h' ? 0xffff : 0xffffffff;
  auto key = std::pair(wide ? 'l' : 'w', bits);
  auto found = constantRefs.find(key);
  if (found == constantRefs.end()) {
    auto at = static_cast<Ref>(kernel.constants.size());
    for (unsigned lane = 0; lane < kLanes; ++lane)
      for (unsigned byte = 0; byte < (wide ? 8u : 4u); ++byte)
        kernel.constants.push_back(static_cast<std::uint8_t>(bits >> (8 * byte)));
    found = constantRefs.emplace(key, at | kConstant).first;
  }
  return {DraftOperand::Kind::Constant, found->second};
}

DraftOperand Decoder::temporary(char width) {
  if (width == 'p')
    return {DraftOperand::Kind::Predicate, kernel.predicates++};
  registerWidths.push_back(width);
  return {DraftOperand::Kind::Register, static_cast<std::uint32_t>(registerWidths.size() - 1)};
}

char Decoder::widthOf(DraftOperand operand) const {
  if (operand.kind == DraftOperand::Kind::Predicate)
    return 'p';
  return operand.kind == DraftOperand::Kind::Register ? registerWidths[operand.index] : '?';
}

std::optional<std::uint64_t> Decoder::symbolAddress(const std::string &name) const {
  if (auto found = symbols.find(name); found != symbols.end())
    return found->second;
  if (auto found = module.globals.find(name); found != module.globals.end())
    return found->second.address;
  return std::nullopt;
}

DraftOperand Decoder::predicate(const Operand &operand) {
  DraftOperand value =
      operand.kind == Operand::Kind::Name ? registerOperand(operand.name) : DraftOperand{};
  if (value.kind != DraftOperand::Kind::Predicate)
    refuse("expected a predicate, got '" + operand.name + "'");
  if (!operand.negated)
    return value;
  Draft draft = start("not.pred");
  draft.operands[0] = temporary('p');
  draft.operands[1] = value;
  draft.instruction.defs = draft.instruction.uses = 1;
  push(draft);
  return draft.operands[0];
}

DraftOperand Decoder::source(const Operand &operand, char width) {
  if (width == 'p')
    return predicate(operand);
  if (operand.kind == Operand::Kind::Literal) {
    std::uint64_t bits = operand.value;
    if (operand.literalBits == 64 && width == 'w') { // a double where a float is wanted
      float narrow = static_cast<float>(__builtin_bit_cast(double, bits));
      bits = __builtin_bit_cast(std::uint32_t, narrow);
    } else if (operand.literalBits == 32 && width == 'l') {
      double wide = __builtin_bit_cast(float, static_cast<std::uint32_t>(bits));
      bits = __builtin_bit_cast(std::uint64_t, wide);
    }
    return constant(width, bits);
  }
  if (operand.kind != Operand::Kind::Name || operand.negated)
    refuse("expected a register or a number");
  DraftOperand value = registerOperand(operand.name);
  if (value.kind == DraftOperand::Kind::None) {
    if (auto address = symbolAddress(operand.name))
      return constant(width, *address);
    refuse("nothing is named '" + operand.name + "'");
  }
  char has = widthOf(value);
  if (has == width || (width == 'h' && has == 'w'))
    return value;
  if (has == 'l' && width != 'p') {
    Draft draft = start("cvt.u32.u64");
    draft.operands[0] = temporary('w');
    draft.operands[1] = value;
    draft.instruction.defs = draft.instruction.uses = 1;
    push(draft);
    return draft.operands[0];
  }
  refuse("register " + operand.name + " has another width than the instruction");
}

DraftOperand Decoder::destination(const Operand &operand, char width) {
  DraftOperand value =
      operand.kind == Operand::Kind::Name ? registerOperand(operand.name) : DraftOperand{};
  if (value.kind == DraftOperand::Kind::None)
    refuse("expected a register to write, got '" + operand.name + "'");
  char has = widthOf(value);
  if (has != width && !(width == 'h' && has == 'w'))
    refuse("register " + operand.name + " has another width than the instruction");
  return value;
}

} // namespace ftc::emulator
