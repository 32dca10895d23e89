// A PTX module as it is written: directives, variables, and statements with their operands.
// Nothing is understood here but the grammar.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::emulator {

struct Operand {
  enum class Kind {
    Name,    // a register, variable, label or special register
    Literal, // `value` holds its bits; `literalBits` 32 or 64 for 0f... and 0d..., else 0
    Address, // [name + value], or [value] with an empty name
    List,    // {a, b, ...}
    Sink     // _
  };
  Kind kind = Kind::Sink;
  std::string name;
  std::uint64_t value = 0;
  int literalBits = 0;
  bool negated = false;       // !p
  std::vector<Operand> parts; // of a list; of `p|q` the second name
};

struct Statement {
  int line = 0;
  std::string guard; // @guard, @!guard
  bool guardNegated = false;
  std::string opcode; // with all of its modifiers
  std::vector<Operand> operands;
  int scope = 0; // index into EntryPoint::scopes
};

enum class Space : std::uint8_t { Generic, Global, Shared, Local, Param, Const };

/// A variable in memory.
struct Variable {
  std::string name;
  Space space = Space::Global;
  std::uint64_t alignment = 1, bytes = 0;
  bool isExtern = false;             // dynamic shared memory
  std::vector<std::uint8_t> initial; // empty: zeros (global), undefined (shared, local)
  int line = 0;
};

struct Parameter {
  std::string name;
  std::uint32_t offset = 0, bytes = 0;
};

/// Names declared between braces; `parent` -1 is the function itself.
struct Scope {
  int parent = -1;
  std::map<std::string, std::string> registers;    // name -> type without its dot
  std::vector<std::pair<std::string, int>> ranges; // %r<10>: prefix and count
  std::map<std::string, std::string> rangeTypes;
};

struct EntryPoint {
  std::string name;
  int line = 0;
  std::vector<Parameter> parameters;
  std::uint32_t parameterBytes = 0;
  std::uint32_t maxThreads = 0, requiredThreads = 0, minBlocks = 0;
  std::vector<Variable> variables; // shared and local
  std::vector<Scope> scopes;
  std::vector<Statement> statements;
  std::map<std::string, std::size_t> labels; // index of the statement behind
};

struct Syntax {
  std::string version, target;
  std::vector<Variable> variables; // global, const, shared
  std::vector<EntryPoint> functions;
  std::vector<std::string> lines; // of the source, for messages
};

/// Parses a module. Throws Fault(InvalidPtx) with line, found text and what was expected.
Syntax parsePtx(std::string_view text);

/// The type of a register that is visible in `scope`, or an empty string.
std::string registerType(const EntryPoint &function, int scope, const std::string &name);

/// "line 12: `add.s32 %r1, %r2;`: " for messages about a line.
std::string quoteLine(const std::vector<std::string> &lines, int line);

} // namespace ftc::emulator
