// Memory instructions and those that lanes execute together.
#include "test/emulator/machine/Decoder.h"

#include <algorithm>
#include <array>
#include <set>

namespace ftc::emulator {

namespace {

/// Bytes of ".f32" and the like; 0 for what is none.
unsigned typeSize(std::string_view type) {
  static const std::map<std::string_view, unsigned> sizes = {
      {"b8", 1},    {"u8", 1},     {"s8", 1},  {"b16", 2}, {"u16", 2}, {"s16", 2},
      {"f16", 2},   {"bf16", 2},   {"b32", 4}, {"u32", 4}, {"s32", 4}, {"f32", 4},
      {"f16x2", 4}, {"bf16x2", 4}, {"b64", 8}, {"u64", 8}, {"s64", 8}, {"f64", 8}};
  auto found = sizes.find(type);
  return found == sizes.end() ? 0 : found->second;
}

// Where blocks run one after the other these change nothing.
const std::set<std::string_view> kIgnored = {"weak",
                                             "volatile",
                                             "relaxed",
                                             "acquire",
                                             "release",
                                             "acq_rel",
                                             "cta",
                                             "cluster",
                                             "gpu",
                                             "sys",
                                             "ca",
                                             "cg",
                                             "cs",
                                             "lu",
                                             "cv",
                                             "wb",
                                             "wt",
                                             "nc",
                                             "L1::evict_normal",
                                             "L1::evict_unchanged",
                                             "L1::evict_first",
                                             "L1::evict_last",
                                             "L1::no_allocate",
                                             "L2::64B",
                                             "L2::128B",
                                             "L2::256B"};

std::optional<Space> spaceOf(std::string_view part) {
  if (part == "global" || part == "const")
    return Space::Global; // constants lie in global memory that cannot be written
  if (part == "shared" || part == "shared::cta")
    return Space::Shared;
  if (part == "local")
    return Space::Local;
  if (part == "param")
    return Space::Param;
  return std::nullopt;
}

} // namespace

bool Decoder::decodeMemory(const Parts &parts) {
  std::string_view op = parts[0];
  if (op == "ld" || op == "st")
    decodeLoadStore(parts);
  else if (op == "atom" || op == "red")
    decodeAtomic(parts);
  else if (op == "cp")
    decodeCopyAsync(parts);
  else
    return false;
  return true;
}

bool Decoder::decodeTogether(const Parts &parts) {
  std::string_view op = parts[0];
  if (op == "ldmatrix" || op == "mma") {
    decodeMatrix(parts);
    return true;
  }
  if (op == "shfl") {
    decodeShuffle(parts);
    return true;
  }
  if (op != "vote" && op != "redux")
    return false;
  std::string key;
  for (std::string_view part : parts)
    key += (key.empty() ? "" : ".") + std::string(part);
  tableOp(key, statement->operands);
  drafts.back().instruction.control = Control::Together;
  drafts.back().instruction.target = 2;
  return true;
}

bool Decoder::address(Draft &draft, int at, const Operand &operand, std::int64_t &offset) {
  if (operand.kind != Operand::Kind::Address)
    refuse("expected an address in brackets");
  offset = static_cast<std::int64_t>(operand.value);
  if (operand.name.empty()) {
    draft.operands[at] = constant('l', 0);
    return false;
  }
  DraftOperand base = registerOperand(operand.name);
  if (base.kind == DraftOperand::Kind::None) {
    auto symbol = symbolAddress(operand.name);
    if (!symbol)
      refuse("nothing is named '" + operand.name + "'");
    draft.operands[at] = constant('l', *symbol);
    return false;
  }
  char width = widthOf(base);
  if (width != 'l' && width != 'w')
    refuse("an address has 32 or 64 bits");
  draft.operands[at] = base;
  return width == 'w';
}

void Decoder::decodeLoadStore(const Parts &parts) {
  bool isLoad = parts[0] == "ld";
  Space space = Space::Generic;
  unsigned count = 1, size = typeSize(parts.back());
  for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
    if (auto named = spaceOf(parts[i]))
      space = *named;
    else if (parts[i] == "v2" || parts[i] == "v4" || parts[i] == "v8")
      count = static_cast<unsigned>(parts[i][1] - '0');
    else if (!kIgnored.count(parts[i]))
      refuse("the emulator does not know the modifier ." + std::string(parts[i]));
  }
  if (size == 0 || size * count > 32)
    refuse("the emulator does not know this type of access");
  const std::vector<Operand> &operands = statement->operands;
  if (operands.size() != 2)
    refuse("expected a value and an address");
  const Operand &value = operands[isLoad ? 0 : 1];
  std::vector<Operand> values =
      value.kind == Operand::Kind::List ? value.parts : std::vector{value};
  if (values.size() != count)
    refuse("expected " + std::to_string(count) + " values");
  std::string prefix = isLoad ? "ld" : "st";
  static const std::map<Space, std::string> names = {
      {Space::Generic, ""},     {Space::Global, ".global"}, {Space::Shared, ".shared"},
      {Space::Local, ".local"}, {Space::Param, ".param"},   {Space::Const, ".global"}};
  Draft draft = start(prefix + names.at(space));
  Instruction &out = draft.instruction;
  out.space = space;
  out.size = static_cast<std::uint8_t>(size);
  out.count = static_cast<std::uint8_t>(count);
  out.isSigned = parts.back()[0] == 's';
  out.width = size == 8 ? 8 : 4;
  for (unsigned k = 0; k < count; ++k) {
    if (isLoad && values[k].kind == Operand::Kind::Sink)
      continue;
    if (values[k].kind == Operand::Kind::Literal) {
      draft.operands[k] = constant(size == 8 ? 'l' : 'w', values[k].value);
      continue;
    }
    DraftOperand part = values[k].kind == Operand::Kind::Name ? registerOperand(values[k].name)
                                                              : DraftOperand{};
    if (part.kind == DraftOperand::Kind::None && !isLoad)
      part = source(values[k], size == 8 ? 'l' : 'w');
    char width = widthOf(part);
    unsigned holds = width == 'l' ? 8 : width == 'w' ? 4 : 2;
    if (part.kind != DraftOperand::Kind::Constant &&
        (part.kind != DraftOperand::Kind::Register || holds < size))
      refuse("expected a register of " + std::to_string(size * 8) + " bits, got '" +
             values[k].name + "'");
    if (width == 'l')
      out.width = 8;
    draft.operands[k] = part;
  }
  const Operand &where = operands[isLoad ? 1 : 0];
  if (space == Space::Param) {
    auto parameter =
        std::find_if(function.parameters.begin(), function.parameters.end(),
                     [&](const Parameter &entry) { return entry.name == where.name; });
    std::int64_t end = 0;
    if (parameter != function.parameters.end()) {
      out.offset = parameter->offset + static_cast<std::int64_t>(where.value);
      end = out.offset + static_cast<std::int64_t>(size) * count;
    }
    if (!isLoad || parameter == function.parameters.end() || out.offset < 0 ||
        end > parameter->offset + parameter->bytes)
      refuse("expected a parameter's bytes");
    out.defs = static_cast<std::uint8_t>(count);
    push(std::move(draft));
    return;
  }
  if (address(draft, static_cast<int>(count), where, out.offset)) {
    if (space != Space::Shared && space != Space::Local)
      refuse("a global address has 64 bits");
    out.variant = 1;
  }
  out.defs = static_cast<std::uint8_t>(isLoad ? count : 0);
  out.uses = static_cast<std::uint8_t>(isLoad ? 1 : count + 1);
  out.target = kernel.accesses++;
  if (space == Space::Shared || space == Space::Generic)
    kernel.granule = std::min(kernel.granule, size);
  push(std::move(draft));
}

void Decoder::decodeAtomic(const Parts &parts) {
  static constexpr std::array<std::string_view, 10> ops = {"add", "min",  "max", "and", "or",
                                                           "xor", "exch", "cas", "inc", "dec"};
  static const std::map<std::string_view, std::uint8_t> types = {
      {"u32", 0}, {"b32", 0}, {"s32", 1},  {"u64", 2},   {"b64", 2},    {"s64", 3}, {"f32", 4},
      {"f64", 5}, {"f16", 6}, {"bf16", 7}, {"f16x2", 8}, {"bf16x2", 9}, {"b16", 10}};
  std::string key = "atom.global";
  int op = -1;
  for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
    auto found = std::find(ops.begin(), ops.end(), parts[i]);
    if (found != ops.end())
      op = static_cast<int>(found - ops.begin());
    else if (auto space = spaceOf(parts[i]))
      key = *space == Space::Shared ? "atom.shared" : "atom.global";
    else if (parts[i] != "noftz" && !kIgnored.count(parts[i]))
      refuse("the emulator does not know the modifier ." + std::string(parts[i]));
  }
  auto type = types.find(parts.back());
  bool isFloat = type != types.end() && type->second >= 4 && type->second <= 9;
  bool returns = parts[0] == "atom";
  if (op < 0 || type == types.end() || (isFloat && op != 0))
    refuse("the emulator does not know this atomic");
  const std::vector<Operand> &operands = statement->operands;
  std::size_t values = op == 7 ? 2 : 1;
  if (operands.size() != values + 1 + returns)
    refuse("expected " + std::to_string(values + 1 + returns) + " operands");
  Draft draft = start(key);
  Instruction &out = draft.instruction;
  out.size = static_cast<std::uint8_t>(typeSize(parts.back()));
  out.count = type->second;
  out.variant = static_cast<std::uint8_t>(op << 1);
  char width = out.size == 8 ? 'l' : out.size == 4 ? 'w' : 'h';
  int at = 0;
  if (returns) {
    if (operands[0].kind == Operand::Kind::Sink)
      draft.operands[0] = temporary(width);
    else
      draft.operands[0] = destination(operands[0], width);
    out.defs = 1;
    at = 1;
  }
  if (address(draft, at, operands[static_cast<std::size_t>(at)], out.offset))
    out.variant |= 1;
  for (std::size_t k = 1; k <= values; ++k)
    draft.operands[static_cast<std::size_t>(at) + k] =
        source(operands[static_cast<std::size_t>(at) + k], width);
  out.uses = static_cast<std::uint8_t>(1 + values);
  out.target = kernel.accesses++;
  if (key == "atom.shared")
    kernel.granule = std::min<std::uint32_t>(kernel.granule, out.size);
  else
    kernel.ordered = true;
  push(std::move(draft));
}

void Decoder::decodeCopyAsync(const Parts &parts) {
  const std::vector<Operand> &operands = statement->operands;
  if (parts.size() >= 3 && parts[1] == "async" &&
      (parts[2] == "commit_group" || parts[2] == "wait_group" || parts[2] == "wait_all")) {
    Draft draft = start("cp.async." + std::string(parts[2]));
    if (parts[2] == "wait_group") {
      if (operands.size() != 1 || operands[0].kind != Operand::Kind::Literal)
        refuse("expected a number of groups");
      draft.instruction.offset = static_cast<std::int64_t>(operands[0].value);
    }
    push(std::move(draft));
    return;
  }
  if (parts.size() < 5 || parts[1] != "async" || (parts[2] != "ca" && parts[2] != "cg") ||
      spaceOf(parts[3]) != Space::Shared || parts[4] != "global")
    refuse("the emulator does not know this copy");
  for (std::size_t i = 5; i < parts.size(); ++i)
    if (!kIgnored.count(parts[i]))
      refuse("the emulator does not know the modifier ." + std::string(parts[i]));
  if (operands.size() < 3 || operands.size() > 4 || operands[2].kind != Operand::Kind::Literal)
    refuse("expected two addresses, a size and perhaps a source size");
  std::uint64_t size = operands[2].value;
  if (size != 16 && (parts[2] == "cg" || (size != 4 && size != 8)))
    refuse("cp.async copies 4, 8 or 16 bytes, with .cg 16");
  Draft draft = start("cp.async");
  Instruction &out = draft.instruction;
  out.size = static_cast<std::uint8_t>(size);
  if (address(draft, 0, operands[0], out.offset))
    out.variant |= 1;
  if (address(draft, 1, operands[1], out.sourceOffset))
    refuse("a global address has 64 bits");
  out.uses = 2;
  if (operands.size() == 4) {
    draft.operands[2] = source(operands[3], 'w');
    out.variant |= 2;
    out.uses = 3;
  }
  out.target = kernel.accesses++;
  push(std::move(draft));
}

void Decoder::decodeMatrix(const Parts &parts) {
  const std::vector<Operand> &operands = statement->operands;
  auto list = [&](const Operand &operand) {
    return operand.kind == Operand::Kind::List ? operand.parts : std::vector{operand};
  };
  if (parts.size() < 3 || parts[1] != "sync" || parts[2] != "aligned")
    refuse("expected .sync.aligned");
  if (parts[0] == "ldmatrix") {
    bool transposed = false;
    unsigned count = 0;
    for (std::size_t i = 3; i < parts.size(); ++i)
      if (parts[i] == "trans")
        transposed = true;
      else if (parts[i] == "x1" || parts[i] == "x2" || parts[i] == "x4")
        count = static_cast<unsigned>(parts[i][1] - '0');
      else if (parts[i] != "m8n8" && parts[i] != "b16" && spaceOf(parts[i]) != Space::Shared)
        refuse("the emulator does not know the modifier ." + std::string(parts[i]));
    if (count == 0 || operands.size() != 2 || list(operands[0]).size() != count)
      refuse("expected as many registers as matrices, and an address");
    Draft draft = start(transposed ? "ldmatrix.trans" : "ldmatrix");
    Instruction &out = draft.instruction;
    out.control = Control::Aligned;
    out.count = out.defs = static_cast<std::uint8_t>(count);
    for (unsigned k = 0; k < count; ++k)
      draft.operands[k] = destination(list(operands[0])[k], 'w');
    if (address(draft, static_cast<int>(count), operands[1], out.offset))
      out.variant = 1;
    out.uses = 1;
    push(std::move(draft));
    return;
  }
  if (parts.size() != 10 || parts[4] != "row" || parts[5] != "col" || parts[6] != "f32" ||
      parts[7] != parts[8] || parts[9] != "f32" || operands.size() != 4)
    refuse("the emulator knows mma with f32 sums, row-major A and column-major B");
  Draft draft = start("mma." + std::string(parts[3]) + "." + std::string(parts[7]));
  Instruction &out = draft.instruction;
  out.control = Control::Aligned;
  // Values a register holds decide how many there are.
  unsigned k = parts[3] == "m16n8k16" ? 16 : parts[3] == "m16n8k8" ? 8 : 4;
  unsigned quad = parts[7] == "tf32" ? 4 : 8;
  const std::size_t counts[4] = {4, 2 * k / quad, k / quad, 4};
  std::size_t at = 0;
  for (std::size_t which = 0; which < 4; ++which) {
    std::vector<Operand> values = list(operands[which]);
    if (values.size() != counts[which])
      refuse("expected " + std::to_string(counts[which]) + " registers");
    for (const Operand &value : values)
      draft.operands[at++] = which == 0 ? destination(value, 'w') : source(value, 'w');
  }
  out.defs = 4;
  out.uses = static_cast<std::uint8_t>(at - 4);
  kernel.usesTensor = true;
  push(std::move(draft));
}

void Decoder::decodeShuffle(const Parts &parts) {
  const std::vector<Operand> &operands = statement->operands;
  if (operands.size() != 5)
    refuse("expected shfl.sync with five operands");
  std::string key;
  for (std::string_view part : parts)
    key += (key.empty() ? "" : ".") + std::string(part);
  Draft draft = start(key);
  Instruction &out = draft.instruction;
  for (std::size_t k = 1; k < 5; ++k)
    draft.operands[k] = source(operands[k], 'w');
  Operand to = operands[0];
  std::vector<Operand> second = to.parts;
  to.parts.clear();
  draft.operands[0] = to.kind == Operand::Kind::Sink ? temporary('w') : destination(to, 'w');
  out.defs = 1;
  out.uses = 4;
  if (!second.empty()) {
    draft.operands[5] = destination(second[0], 'p');
    out.variant = 1;
  }
  out.control = Control::Together;
  out.target = 4;
  push(std::move(draft));
}

} // namespace ftc::emulator
