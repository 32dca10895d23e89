// Regular expressions to programs, by recursive descent.
#include "runtime/support/Text.h"
#include "runtime/tokenizers/Regex.h"
#include "runtime/tokenizers/Unicode.h"

#include <array>

namespace ftc::rt {

class RegexCompiler {
public:
  explicit RegexCompiler(std::string_view p) : pattern(p) {}

  Result<Regex> compile() {
    FTC_ASSIGN_OR_RETURN(Part all, alternatives(0));
    if (at < pattern.size())
      return refused("')' without '('");
    all.code.push_back({Regex::Op::Match});
    out.program = std::move(all.code);
    out.empty = all.empty;
    return std::move(out);
  }

private:
  /// Instructions whose jumps are counted from their first one.
  struct Part {
    std::vector<Regex::Instruction> code;
    bool empty = true; ///< can match an empty text
  };
  static constexpr std::size_t largestProgram = 4096;
  static constexpr int deepest = 16;

  Status refused(const std::string &what) const {
    return Status::error("the regular expression " + quote(pattern, 120) + ": " + what +
                         " is not yet supported");
  }
  bool take(std::string_view text) {
    if (pattern.substr(at, text.size()) != text)
      return false;
    at += text.size();
    return true;
  }
  bool ahead(char c) const { return at < pattern.size() && pattern[at] == c; }

  static void append(Part &to, const Part &more) {
    std::uint32_t base = static_cast<std::uint32_t>(to.code.size());
    for (Regex::Instruction i : more.code) {
      if (i.op != Regex::Op::Take && i.op != Regex::Op::Match)
        i.first += base;
      if (i.op == Regex::Op::Split)
        i.second += base;
      to.code.push_back(i);
    }
    to.empty &= more.empty;
  }

  Result<Part> alternatives(int depth) {
    if (depth > deepest)
      return refused("nesting of more than " + std::to_string(deepest) + " groups");
    FTC_ASSIGN_OR_RETURN(Part left, sequence(depth));
    if (!take("|"))
      return left;
    FTC_ASSIGN_OR_RETURN(Part right, alternatives(depth + 1));
    Part both;
    auto leftSize = static_cast<std::uint32_t>(left.code.size());
    auto rightSize = static_cast<std::uint32_t>(right.code.size());
    both.code.push_back({Regex::Op::Split, 1, leftSize + 2});
    append(both, left);
    both.code.push_back({Regex::Op::Jump, leftSize + 2 + rightSize});
    append(both, right);
    both.empty = left.empty || right.empty;
    return both;
  }

  Result<Part> sequence(int depth) {
    Part all;
    while (at < pattern.size() && !ahead('|') && !ahead(')')) {
      FTC_ASSIGN_OR_RETURN(Part part, atom(depth));
      FTC_RETURN_IF_ERROR(quantify(part));
      append(all, part);
      if (all.code.size() > largestProgram)
        return refused("a program of more than " + std::to_string(largestProgram) + " steps");
    }
    return all;
  }

  Result<Part> atom(int depth) {
    if (take("(?:"))
      return closed(alternatives(depth + 1));
    if (take("(?="))
      return wrapped(Regex::Op::Ahead, closed(alternatives(depth + 1)));
    if (take("(?!"))
      return wrapped(Regex::Op::NotAhead, closed(alternatives(depth + 1)));
    if (take("(?>"))
      return wrapped(Regex::Op::Atomic, closed(alternatives(depth + 1)));
    if (take("(?i:"))
      return closed(ignoringCase());
    if (take("(?"))
      return refused("the group " + quote(pattern.substr(at - 2, 3), 24));
    if (take("("))
      return closed(alternatives(depth + 1));
    if (take("["))
      return bracket();
    Regex::Set set;
    if (take(".")) {
      set.ranges = {{U'\n', U'\n'}};
      set.complement = true;
      return taking(std::move(set));
    }
    char c = pattern[at];
    if (std::string_view("^$*+?{").find(c) != std::string_view::npos)
      return refused(std::string("'") + c + "' here");
    FTC_RETURN_IF_ERROR(member(set));
    return taking(std::move(set));
  }

  Result<Part> closed(Result<Part> inside) {
    if (inside && !take(")"))
      return refused("'(' without ')'");
    return inside;
  }

  Part taking(Regex::Set set) {
    Part part;
    part.empty = false;
    part.code.push_back({Regex::Op::Take, static_cast<std::uint32_t>(out.sets.size())});
    out.sets.push_back(std::move(set));
    return part;
  }

  static Result<Part> wrapped(Regex::Op op, Result<Part> inside) {
    if (!inside)
      return inside;
    Part part;
    part.code.push_back({op, static_cast<std::uint32_t>(inside->code.size()) + 2});
    append(part, *inside);
    part.code.push_back({Regex::Op::Match});
    part.empty = op != Regex::Op::Atomic || inside->empty;
    return part;
  }

  /// Literals in alternatives, case ignored. Sequences that fold with a ligature are refused.
  Result<Part> ignoringCase() {
    static constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyz'";
    static constexpr std::array<std::string_view, 5> folded = {"ss", "st", "ff", "fi", "fl"};
    Part all, option;
    std::vector<Part> options(1);
    char before = 0;
    for (; at < pattern.size() && !ahead(')'); before = pattern[at], ++at) {
      char c = pattern[at];
      if (c == '|') {
        options.emplace_back();
        continue;
      }
      if (plain.find(c) == std::string_view::npos)
        return refused(quote(pattern.substr(at, 1), 24) + " inside (?i:");
      for (std::string_view pair : folded)
        if (pair[0] == before && pair[1] == c)
          return refused("'" + std::string(pair) + "' inside (?i:");
      Regex::Set set;
      char32_t letter = static_cast<unsigned char>(c);
      set.ranges.push_back({letter, letter});
      if (c != '\'')
        set.ranges.push_back({letter - 32, letter - 32});
      if (c == 's')
        set.ranges.push_back({0x17f, 0x17f});
      if (c == 'k')
        set.ranges.push_back({0x212a, 0x212a});
      append(options.back(), taking(std::move(set)));
    }
    all = std::move(options.back());
    for (std::size_t i = options.size() - 1; i-- > 0;) {
      Part both;
      auto size = static_cast<std::uint32_t>(options[i].code.size());
      both.code.push_back({Regex::Op::Split, 1, size + 2});
      append(both, options[i]);
      both.code.push_back(
          {Regex::Op::Jump, size + 2 + static_cast<std::uint32_t>(all.code.size())});
      append(both, all);
      both.empty = options[i].empty || all.empty;
      all = std::move(both);
    }
    return all;
  }

  /// Adds one character or class to a set.
  Status member(Regex::Set &set) {
    if (!ahead('\\')) {
      char32_t c = unicode::decodeNext(pattern, at);
      set.ranges.push_back({c, c});
      return Status::ok();
    }
    ++at;
    if (at >= pattern.size())
      return refused("a '\\' at the end");
    char c = pattern[at++];
    static constexpr std::pair<char, char32_t> controls[] = {
        {'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'f', '\f'}, {'v', '\v'}};
    for (auto [letter, control] : controls)
      if (c == letter) {
        set.ranges.push_back({control, control});
        return Status::ok();
      }
    if (c == 's' || c == 'S') {
      addClass(set, unicode::PatternSpace, c == 'S');
      return Status::ok();
    }
    if (c == 'p' || c == 'P') {
      bool not_ = c == 'P';
      for (auto [name, bit] : {std::pair("{L}", unicode::Letter), {"{N}", unicode::Number}})
        if (take(name)) {
          addClass(set, bit, not_);
          return Status::ok();
        }
      return refused(quote(pattern.substr(at - 2, 12), 24));
    }
    bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || static_cast<unsigned char>(c) >= 0x80)
      return refused(std::string("'\\") + (letter ? std::string(1, c) : "") + "'");
    set.ranges.push_back({static_cast<char32_t>(c), static_cast<char32_t>(c)});
    return Status::ok();
  }

  static void addClass(Regex::Set &set, std::uint32_t bit, bool not_) {
    if (not_)
      set.notClasses.push_back(bit);
    else
      set.classes |= bit;
  }

  Result<Part> bracket() {
    Regex::Set set;
    set.complement = take("^");
    bool first = true;
    for (; !ahead(']') || first; first = false) {
      if (at >= pattern.size())
        return refused("'[' without ']'");
      if (ahead('[') || ahead(']') || pattern.substr(at, 2) == "&&")
        return refused(std::string("'") + pattern[at] + "' inside brackets");
      std::size_t before = set.ranges.size();
      FTC_RETURN_IF_ERROR(member(set));
      if (!ahead('-') || at + 1 >= pattern.size() || pattern[at + 1] == ']')
        continue;
      ++at;
      if (set.ranges.size() == before || ahead('['))
        return refused("a range of classes");
      char32_t low = set.ranges.back().first;
      before = set.ranges.size();
      FTC_RETURN_IF_ERROR(member(set));
      if (set.ranges.size() == before || set.ranges.back().first < low)
        return refused("a range of classes, or one that runs backwards,");
      set.ranges.back().first = low;
    }
    ++at;
    return taking(std::move(set));
  }

  Status quantify(Part &part) {
    std::size_t least, most;
    constexpr std::size_t many = std::size_t(-1);
    bool interval = false;
    if (take("?"))
      least = 0, most = 1;
    else if (take("*"))
      least = 0, most = many;
    else if (take("+"))
      least = 1, most = many;
    else if (ahead('{'))
      interval = true;
    else
      return Status::ok();
    if (interval && !readInterval(least, most))
      return refused("an interval like " + quote(pattern.substr(at, 12), 24));
    bool lazy = !interval && take("?"), possessive = !interval && !lazy && take("+");
    if (ahead('?') || ahead('*') || ahead('+') || ahead('{'))
      return refused("a quantifier behind another one");
    if (part.code.size() * (std::max<std::size_t>(least, most == many ? 1 : most) + 1) >
        largestProgram)
      return refused("a program of more than " + std::to_string(largestProgram) + " steps");
    part = repeated(part, least, most == many ? least : most, most == many, lazy);
    if (possessive) {
      FTC_ASSIGN_OR_RETURN(part, wrapped(Regex::Op::Atomic, std::move(part)));
    }
    return Status::ok();
  }

  /// {n}, {n,}, {,m}, {n,m}
  bool readInterval(std::size_t &least, std::size_t &most) {
    std::size_t i = at + 1;
    auto number = [&](std::size_t &value) {
      std::size_t begin = i;
      for (value = 0; i < pattern.size() && pattern[i] >= '0' && pattern[i] <= '9'; ++i)
        if ((value = value * 10 + std::size_t(pattern[i] - '0')) > 1000)
          return false;
      return i > begin;
    };
    bool hasLeast = number(least);
    most = least;
    bool hasMost = hasLeast;
    if (i < pattern.size() && pattern[i] == ',') {
      ++i;
      hasMost = number(most);
      if (!hasMost)
        most = std::size_t(-1);
    }
    if ((!hasLeast && !hasMost) || i >= pattern.size() || pattern[i] != '}' || most < least)
      return false;
    at = i + 1;
    return true;
  }

  static Part repeated(const Part &part, std::size_t least, std::size_t most, bool unbounded,
                       bool lazy) {
    Part all;
    for (std::size_t i = 0; i < least; ++i)
      append(all, part);
    all.empty = least == 0 || part.empty;
    bool empty = all.empty;
    auto size = static_cast<std::uint32_t>(part.code.size());
    auto split = [&](std::uint32_t inside, std::uint32_t outside) {
      all.code.push_back({Regex::Op::Split, lazy ? outside : inside, lazy ? inside : outside});
    };
    if (unbounded) {
      auto here = static_cast<std::uint32_t>(all.code.size());
      split(here + 1, here + size + 2);
      append(all, part);
      all.code.push_back({Regex::Op::Jump, here});
    } else {
      auto end = static_cast<std::uint32_t>(all.code.size() + (most - least) * (size + 1));
      for (std::size_t i = least; i < most; ++i) {
        split(static_cast<std::uint32_t>(all.code.size()) + 1, end);
        append(all, part);
      }
    }
    all.empty = empty;
    return all;
  }

  std::string_view pattern;
  std::size_t at = 0;
  Regex out;
};

Result<Regex> Regex::compile(std::string_view pattern) {
  if (pattern.size() > 1024)
    return Status::error("expected a regular expression of at most 1024 bytes, got one of " +
                         std::to_string(pattern.size()));
  return RegexCompiler(pattern).compile();
}

} // namespace ftc::rt
