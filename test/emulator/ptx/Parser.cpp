// A recursive-descent parser of the PTX that compilers write: one pass, no types of operands.
#include "test/emulator/ptx/Fault.h"
#include "test/emulator/ptx/Lexer.h"
#include "test/emulator/ptx/Syntax.h"

#include <cstdlib>
#include <cstring>

namespace ftc::emulator {

std::string quoteLine(const std::vector<std::string> &lines, int line) {
  std::string text;
  if (line >= 1 && static_cast<std::size_t>(line) <= lines.size())
    text = lines[static_cast<std::size_t>(line) - 1];
  std::size_t begin = text.find_first_not_of(" \t");
  text = begin == text.npos ? "" : text.substr(begin, 160);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.pop_back();
  return "line " + std::to_string(line) + ": `" + text + "`: ";
}

std::string registerType(const EntryPoint &function, int scope, const std::string &name) {
  for (; scope >= 0; scope = function.scopes[static_cast<std::size_t>(scope)].parent) {
    const Scope &names = function.scopes[static_cast<std::size_t>(scope)];
    if (auto found = names.registers.find(name); found != names.registers.end())
      return found->second;
    std::size_t digits = name.find_last_not_of("0123456789");
    if (digits == name.npos || digits + 1 == name.size() || name.size() - digits > 9)
      continue;
    int index = std::atoi(name.c_str() + digits + 1);
    for (const auto &[prefix, count] : names.ranges)
      if (index < count && name.compare(0, digits + 1, prefix) == 0)
        return names.rangeTypes.at(prefix);
  }
  return "";
}

namespace {

std::uint64_t typeBytes(std::string_view type) {
  std::string_view bits = type.substr(type.find_last_not_of("0123456789") + 1);
  return bits.empty() ? 0 : std::strtoull(std::string(bits).c_str(), nullptr, 10) / 8;
}

constexpr std::uint64_t kMostVariableBytes = std::uint64_t(1) << 28;
constexpr std::uint32_t kMostParameterBytes = 4352;

class Parser {
public:
  explicit Parser(std::string_view text) : tokens(lexPtx(text)) {
    for (std::size_t begin = 0; begin <= text.size();) {
      std::size_t end = std::min(text.find('\n', begin), text.size());
      out.lines.emplace_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  Syntax parse() {
    while (peek().kind != Token::Kind::End)
      parseTopLevel();
    if (out.version.empty() || out.target.empty())
      fail(FaultKind::InvalidPtx, "a PTX module begins with .version and .target");
    return std::move(out);
  }

private:
  const Token &peek(std::size_t ahead = 0) const {
    return tokens[std::min(at + ahead, tokens.size() - 1)];
  }
  Token take() { return tokens[at + 1 < tokens.size() ? at++ : at]; }
  bool accept(std::string_view text) {
    if (!peek().is(text))
      return false;
    take();
    return true;
  }
  [[noreturn]] void expected(std::string_view what) const {
    fail(FaultKind::InvalidPtx, quoteLine(out.lines, peek().line) + "expected " +
                                    std::string(what) + ", got '" + std::string(peek().text) +
                                    "'");
  }
  void expect(std::string_view text) {
    if (!accept(text))
      expected("'" + std::string(text) + "'");
  }
  std::string word(std::string_view what) {
    if (peek().kind != Token::Kind::Word)
      expected(what);
    return std::string(take().text);
  }
  std::uint64_t checkedAlignment(std::uint64_t alignment) const {
    if (alignment == 0 || alignment > 4096 || (alignment & (alignment - 1)))
      expected("an alignment that is a power of two up to 4096");
    return alignment;
  }
  void skipLine() {
    for (int line = peek().line; peek().line == line && peek().kind != Token::Kind::End;)
      take();
  }

  std::uint64_t number(int *literalBits = nullptr) {
    accept("+");
    bool minus = accept("-");
    if (peek().kind != Token::Kind::Number)
      expected("a number");
    std::string text(take().text);
    bool hexFloat = text.size() > 2 && text[0] == '0' && std::strchr("fFdD", text[1]);
    if (hexFloat) {
      bool wide = text[1] == 'd' || text[1] == 'D';
      if (literalBits)
        *literalBits = wide ? 64 : 32;
      std::uint64_t bits = std::strtoull(text.c_str() + 2, nullptr, 16);
      return minus ? bits ^ (wide ? std::uint64_t(1) << 63 : std::uint64_t(1) << 31) : bits;
    }
    if (text.find('.') != text.npos) {
      double value = std::strtod(text.c_str(), nullptr);
      value = minus ? -value : value;
      std::uint64_t bits;
      std::memcpy(&bits, &value, 8);
      if (literalBits)
        *literalBits = 64;
      return bits;
    }
    char *end = nullptr;
    bool binary = text.size() > 2 && text[0] == '0' && text[1] == 'b';
    std::uint64_t value = binary ? std::strtoull(text.c_str() + 2, &end, 2)
                                 : std::strtoull(text.c_str(), &end, 0);
    if (*end == 'U')
      ++end;
    if (*end)
      fail(FaultKind::InvalidPtx,
           quoteLine(out.lines, peek().line) + "expected a number, got '" + text + "'");
    return minus ? 0 - value : value;
  }

  void parseTopLevel() {
    std::string directive = word("a directive");
    if (directive == ".version") {
      out.version = std::string(take().text);
    } else if (directive == ".target") {
      out.target = word("a target");
      while (accept(","))
        word("a target option");
    } else if (directive == ".address_size") {
      if (number() != 64)
        fail(FaultKind::InvalidPtx, "expected .address_size 64");
    } else if (directive == ".file") {
      skipLine();
    } else if (directive == ".section") {
      while (!accept("{"))
        take();
      while (!accept("}")) {
        if (peek().kind == Token::Kind::End)
          expected("'}'");
        take();
      }
    } else if (directive == ".visible" || directive == ".weak") {
      // linkage does not matter to one module
    } else if (directive == ".entry") {
      parseEntry();
    } else if (directive == ".extern" || directive == ".global" || directive == ".const" ||
               directive == ".shared") {
      bool isExtern = directive == ".extern";
      if (isExtern)
        directive = word("a state space");
      out.variables.push_back(parseVariable(directive, isExtern));
    } else {
      --at;
      expected("a directive that the emulator knows");
    }
  }

  Variable parseVariable(const std::string &space, bool isExtern) {
    Variable variable;
    variable.line = peek().line;
    variable.isExtern = isExtern;
    if (space == ".shared")
      variable.space = Space::Shared;
    else if (space == ".local")
      variable.space = Space::Local;
    else if (space == ".const")
      variable.space = Space::Const;
    else if (space != ".global")
      expected("a state space of variables");
    std::string type;
    for (type = word("a type"); type == ".align" || type == ".visible"; type = word("a type"))
      if (type == ".align")
        variable.alignment = checkedAlignment(number());
    std::uint64_t unit = typeBytes(type);
    if (unit == 0)
      expected("a type of known size");
    variable.alignment = std::max(variable.alignment, unit);
    variable.name = word("a variable's name");
    variable.bytes = unit;
    while (accept("[")) {
      std::uint64_t count = peek().is("]") ? 0 : number();
      if (count > kMostVariableBytes)
        expected("a smaller variable");
      variable.bytes *= count;
      if (variable.bytes > kMostVariableBytes)
        expected("a smaller variable");
      expect("]");
    }
    if (accept("="))
      parseInitial(variable, unit);
    expect(";");
    return variable;
  }

  void parseInitial(Variable &variable, std::uint64_t unit) {
    auto one = [&] {
      int literalBits = 0;
      std::uint64_t value = number(&literalBits);
      for (std::uint64_t i = 0; i < unit; ++i)
        variable.initial.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    };
    if (!accept("{")) {
      one();
      return;
    }
    do
      if (!peek().is("}"))
        one();
    while (accept(","));
    expect("}");
    if (variable.initial.size() > variable.bytes)
      fail(FaultKind::InvalidPtx,
           quoteLine(out.lines, variable.line) + "more initial values than elements");
    variable.initial.resize(variable.bytes);
  }

  void parseEntry() {
    EntryPoint function;
    function.line = peek().line;
    function.name = word("a kernel's name");
    expect("(");
    while (!accept(")")) {
      expect(".param");
      Parameter parameter;
      std::uint64_t alignment = 1;
      std::string type;
      for (;;) {
        std::string next = word("a parameter's type or name");
        if (next == ".align")
          alignment = number();
        else if (next == ".ptr" || next == ".global" || next == ".shared" || next == ".const")
          continue; // what a pointer points to
        else if (next[0] == '.')
          type = next;
        else {
          parameter.name = next;
          break;
        }
      }
      std::uint64_t unit = typeBytes(type);
      if (unit == 0)
        expected("a parameter of known size");
      bool array = accept("[");
      parameter.bytes = static_cast<std::uint32_t>(unit * (array ? number() : 1));
      if (array)
        expect("]");
      // `.ptr .align 8` speaks of what is pointed to
      alignment = array ? std::max(checkedAlignment(alignment), unit) : unit;
      if (parameter.bytes > kMostParameterBytes ||
          function.parameterBytes > kMostParameterBytes)
        expected("parameters of at most 4352 bytes");
      parameter.offset = static_cast<std::uint32_t>((function.parameterBytes + alignment - 1) /
                                                    alignment * alignment);
      function.parameterBytes = parameter.offset + parameter.bytes;
      function.parameters.push_back(parameter);
      accept(",");
    }
    while (!peek().is("{")) {
      std::string directive = word("a directive of the kernel or '{'");
      std::uint32_t product = 1;
      if (directive == ".noreturn")
        continue;
      do
        product *= static_cast<std::uint32_t>(number());
      while (accept(","));
      if (directive == ".maxntid")
        function.maxThreads = product;
      else if (directive == ".reqntid")
        function.requiredThreads = product;
      else if (directive == ".minnctapersm")
        function.minBlocks = product;
      else if (directive != ".maxnreg")
        fail(FaultKind::InvalidPtx, quoteLine(out.lines, peek().line) +
                                        "the emulator does not "
                                        "know the directive " +
                                        directive);
    }
    parseBody(function);
    out.functions.push_back(std::move(function));
  }

  void parseBody(EntryPoint &function) {
    expect("{");
    function.scopes.emplace_back();
    int scope = 0;
    for (;;) {
      if (accept("}")) {
        scope = function.scopes[static_cast<std::size_t>(scope)].parent;
        if (scope < 0)
          return;
      } else if (accept("{")) {
        function.scopes.emplace_back().parent = scope;
        scope = static_cast<int>(function.scopes.size()) - 1;
      } else if (peek().kind == Token::Kind::Word && peek().text[0] == '.') {
        parseBodyDirective(function, scope);
      } else if (peek().kind == Token::Kind::Word && peek(1).is(":")) {
        std::string label(take().text);
        take();
        if (!function.labels.emplace(label, function.statements.size()).second)
          expected("a label that is new, not a second " + label);
      } else {
        parseStatement(function, scope);
      }
    }
  }

  void parseBodyDirective(EntryPoint &function, int scope) {
    std::string directive(take().text);
    if (directive == ".loc" || directive == ".file") {
      --at;
      skipLine();
    } else if (directive == ".pragma") {
      while (!accept(";"))
        take();
    } else if (directive == ".reg") {
      parseRegisters(function.scopes[static_cast<std::size_t>(scope)]);
    } else if (directive == ".shared" || directive == ".local") {
      function.variables.push_back(parseVariable(directive, false));
    } else if (directive == ".extern") {
      function.variables.push_back(parseVariable(word("a state space"), true));
    } else {
      --at;
      expected("a directive that the emulator knows");
    }
  }

  void parseRegisters(Scope &scope) {
    std::string type = word("a register's type").substr(1);
    do {
      std::string name = word("a register's name");
      if (accept("<")) {
        scope.ranges.emplace_back(name, static_cast<int>(number()));
        scope.rangeTypes[name] = type;
        expect(">");
      } else {
        scope.registers[name] = type;
      }
    } while (accept(","));
    expect(";");
  }

  void parseStatement(EntryPoint &function, int scope) {
    Statement statement;
    statement.scope = scope;
    statement.line = peek().line;
    if (accept("@")) {
      statement.guardNegated = accept("!");
      statement.guard = word("a predicate");
    }
    statement.line = peek().line;
    statement.opcode = word("an instruction");
    while (!accept(";")) {
      statement.operands.push_back(parseOperand());
      if (!peek().is(";"))
        expect(",");
    }
    function.statements.push_back(std::move(statement));
  }

  Operand parseOperand() {
    Operand operand;
    if (accept("_"))
      return operand;
    if (accept("[")) {
      operand.kind = Operand::Kind::Address;
      if (peek().kind == Token::Kind::Word)
        operand.name = std::string(take().text);
      if (!peek().is("]"))
        operand.value = number();
      expect("]");
      return operand;
    }
    if (accept("{")) {
      operand.kind = Operand::Kind::List;
      while (!accept("}")) {
        operand.parts.push_back(parseOperand());
        accept(",");
      }
      return operand;
    }
    operand.negated = accept("!");
    if (peek().kind == Token::Kind::Word) {
      operand.kind = Operand::Kind::Name;
      operand.name = std::string(take().text);
      if (accept("|"))
        operand.parts.push_back(parseOperand());
      return operand;
    }
    operand.kind = Operand::Kind::Literal;
    operand.value = number(&operand.literalBits);
    return operand;
  }

  std::vector<Token> tokens;
  std::size_t at = 0;
  Syntax out;
};

} // namespace

Syntax parsePtx(std::string_view text) { return Parser(text).parse(); }

} // namespace ftc::emulator
