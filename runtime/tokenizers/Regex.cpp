// Running: backtracking that never tries the same instruction at the same place twice.
#include "runtime/tokenizers/Regex.h"
#include "runtime/tokenizers/Unicode.h"

#include <tuple>
#include <unordered_set>

namespace ftc::rt {

bool Regex::Set::has(char32_t c) const {
  bool in = false;
  for (const auto &[low, high] : ranges)
    in |= c >= low && c <= high;
  std::uint32_t bits = classes || !notClasses.empty() ? unicode::properties(c) : 0;
  in |= (bits & classes) != 0;
  for (std::uint32_t not_ : notClasses)
    in |= (bits & not_) == 0;
  return in != complement;
}

/// The attempts of one search, or one look-ahead or atomic group inside of one. A state that
/// has failed once fails always, so one memory serves all attempts.
class RegexRun {
public:
  RegexRun(const Regex &r, std::string_view t) : regex(r), text(t) {}

  /// Runs from instruction `pc` at `at`; true with the match's end in `end`.
  bool run(std::uint32_t pc, std::size_t at, std::size_t &end) {
    std::vector<std::pair<std::uint32_t, std::size_t>> untried;
    while (true) {
      const Regex::Instruction &now = regex.program[pc];
      bool fails = false;
      switch (now.op) {
      case Regex::Op::Match:
        end = at;
        return true;
      case Regex::Op::Take:
        fails = at >= text.size() || !regex.sets[now.first].has(unicode::decodeNext(text, at));
        ++pc;
        break;
      case Regex::Op::Jump:
        pc = now.first;
        break;
      case Regex::Op::Split:
        if (++steps > shortSearch && !tried.insert(std::uint64_t(at) << 16 | pc).second) {
          fails = true;
          break;
        }
        untried.emplace_back(now.second, at);
        pc = now.first;
        break;
      case Regex::Op::Ahead:
      case Regex::Op::NotAhead:
      case Regex::Op::Atomic: {
        std::size_t inner = at;
        bool matched = RegexRun(regex, text).run(pc + 1, at, inner);
        fails = matched == (now.op == Regex::Op::NotAhead);
        if (now.op == Regex::Op::Atomic)
          at = inner;
        pc = now.first;
        break;
      }
      }
      if (!fails)
        continue;
      if (untried.empty())
        return false;
      std::tie(pc, at) = untried.back();
      untried.pop_back();
    }
  }

private:
  static constexpr std::size_t shortSearch = 4096;
  const Regex &regex;
  std::string_view text;
  std::size_t steps = 0;
  std::unordered_set<std::uint64_t> tried; ///< Split instructions and places, in long searches
};

bool Regex::find(std::string_view text, std::size_t from, std::size_t &begin,
                 std::size_t &end) const {
  RegexRun run(*this, text);
  for (std::size_t at = from; at <= text.size();) {
    if (run.run(0, at, end)) {
      begin = at;
      return true;
    }
    if (at == text.size())
      break;
    at += unicode::sequenceLength(static_cast<unsigned char>(text[at]));
  }
  return false;
}

} // namespace ftc::rt
