// Turns the statements of one kernel into instructions over virtual registers, then gives the
// registers places.
#pragma once

#include "test/emulator/machine/Machine.h"

#include <optional>
#include <string_view>

namespace ftc::emulator {

/// A virtual register, a predicate or a constant of a drafted instruction.
struct DraftOperand {
  enum class Kind : std::uint8_t { None, Register, Predicate, Constant } kind = Kind::None;
  std::uint32_t index = 0;
};

struct Draft {
  Instruction instruction;
  DraftOperand operands[kMaxOperands];
  std::int32_t guard = -1;
  std::string label; // of a branch
};

/// Width of a register of ".b32" without its dot: p, h, w or l; ? for what is none.
char widthOfType(const std::string &type);

class Decoder {
public:
  Decoder(const PtxModule &module, const EntryPoint &function, Kernel &kernel);
  void decode();

private:
  using Parts = std::vector<std::string_view>;

  [[noreturn]] void refuse(const std::string &why) const;
  // Operands.
  DraftOperand registerOperand(const std::string &name);
  DraftOperand constant(char width, std::uint64_t bits);
  DraftOperand temporary(char width);
  DraftOperand source(const Operand &operand, char width);
  DraftOperand destination(const Operand &operand, char width);
  DraftOperand predicate(const Operand &operand);
  std::optional<std::uint64_t> symbolAddress(const std::string &name) const;
  char widthOf(DraftOperand operand) const;
  std::optional<Special> special(const std::string &name) const;
  /// Sets operand `at` and Instruction::offset from an address; true when it has 32 bits.
  bool address(Draft &draft, int at, const Operand &operand, std::int64_t &offset);

  Draft start(const std::string &key);
  void push(Draft draft);
  void tableOp(const std::string &key, const std::vector<Operand> &operands);

  void decodeStatement();
  bool decodeControl(const Parts &parts);
  bool decodeMemory(const Parts &parts);
  bool decodeTogether(const Parts &parts);
  void decodeMove(const Parts &parts);
  void decodeSetp(const Parts &parts);
  void decodeCvta(const Parts &parts);
  void decodeLoadStore(const Parts &parts);
  void decodeAtomic(const Parts &parts);
  void decodeCopyAsync(const Parts &parts);
  void decodeMatrix(const Parts &parts);
  void decodeShuffle(const Parts &parts);
  void decodeArithmetic(const Parts &parts);

  void layOutVariables();
  void resolveBranches();
  void placeRegisters();

  const PtxModule &module;
  const EntryPoint &function;
  Kernel &kernel;
  const Statement *statement = nullptr;
  std::vector<Draft> drafts;
  std::vector<std::size_t> statementStart; // first draft of each statement
  std::map<std::pair<int, std::string>, std::uint32_t> registerIds, predicateIds;
  std::vector<char> registerWidths; // h, w, l
  std::map<std::pair<char, std::uint64_t>, Ref> constantRefs;
  std::vector<Ref> constantList;
  std::map<Special, std::uint32_t> specialIds;
  std::map<std::string, std::uint64_t> symbols; // shared and local addresses
};

} // namespace ftc::emulator
