// Breaks the compiler's own PTX, one change at a time: a barrier removed, a wait weakened, an
// index shifted, a bound shifted. Each must end in a fault or in other results, but for those
// named below, which leave a program that is right. FTC_LONG=1 makes all changes, without it
// every kind of them is sampled; FTC_SURVIVORS=FILE writes down what was not caught.
#include "test/cuda/MutationSubjects.h"
#include "test/emulator/ptx/Fault.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <regex>

namespace ftc::cuda::test {
namespace {

struct Change {
  std::string kind, line, changed;
  std::size_t at; ///< of the line in the text
};

/// Bytes that one lane accesses; 0 for what accesses no memory.
int accessBytes(const std::string &line) {
  static const std::regex plain(
      R"(\b(?:ld|st)\.(?:global|shared)(?:\.v([24]))?\.[bufs](\d+)\s)");
  std::smatch match;
  if (std::regex_search(line, match, plain))
    return std::stoi(match[2]) / 8 * (match[1].matched ? std::stoi(match[1]) : 1);
  return line.find("cp.async.cg") != line.npos || line.find("ldmatrix") != line.npos ? 16 : 0;
}

/// A comparison of integers: how, of which type, and what of what.
const std::regex kBound(R"(setp\.(lt|le|gt|ge)(\.[su](?:32|64))(\s+%p\d+, [^,]+, [^;]+;))");

void changesOf(const std::string &line, std::size_t at, std::vector<Change> &list) {
  auto add = [&](const char *kind, std::string changed) {
    list.push_back({kind, line, std::move(changed), at});
  };
  std::smatch match;
  if (line.find("bar.sync") != line.npos || line.find("bar.warp.sync") != line.npos)
    add("barrier removed", "");
  static const std::regex wait(R"(wait_group\s+(\d+))");
  if (std::regex_search(line, match, wait))
    add("wait weakened",
        std::regex_replace(line, wait,
                           "wait_group " + std::to_string(std::stoi(match[1]) + 1)));
  if (int bytes = accessBytes(line)) {
    static const std::regex address(R"(\[(%?\w+)(?:\+(-?\d+))?\])");
    for (std::sregex_iterator found(line.begin(), line.end(), address), end; found != end;
         ++found)
      for (int shift : {bytes, -bytes}) {
        int offset = ((*found)[2].matched ? std::stoi((*found)[2]) : 0) + shift;
        std::string changed = line;
        changed.replace(static_cast<std::size_t>(found->position()),
                        static_cast<std::size_t>(found->length()),
                        "[" + (*found)[1].str() + "+" + std::to_string(offset) + "]");
        add("index shifted", changed);
      }
  }
  if (std::regex_search(line, match, kBound)) {
    static const std::map<std::string, std::string> other = {
        {"lt", "le"}, {"le", "lt"}, {"gt", "ge"}, {"ge", "gt"}};
    add("bound shifted",
        std::regex_replace(line, kBound, "setp." + other.at(match[1]) + "$2$3"));
  }
}

/// A bound that is a constant, shifted the other way by `by`: where threads stand at multiples
/// of four, none at 67, x > 67 is x >= 68, and x > 68 lets one more pass.
std::optional<Change> otherWay(const Change &change, std::int64_t by) {
  static const std::regex constant(R"(, (\d+);)");
  std::smatch bound, match;
  if (!std::regex_search(change.line, bound, kBound) ||
      !std::regex_search(change.line, match, constant))
    return std::nullopt;
  bool above = bound[1] == "gt" || bound[1] == "le";
  std::int64_t shifted = std::stoll(match[1]) + (above ? by : -by);
  if (shifted < 0)
    return std::nullopt;
  Change made = change;
  made.changed =
      std::regex_replace(change.line, constant, ", " + std::to_string(shifted) + ";");
  return made;
}

std::vector<Change> changesOf(const std::string &ptx) {
  std::vector<Change> list;
  for (std::size_t begin = 0; begin < ptx.size();) {
    std::size_t end = std::min(ptx.find('\n', begin), ptx.size());
    changesOf(ptx.substr(begin, end - begin), begin, list);
    begin = end + 1;
  }
  return list;
}

/// Changes that leave a program that is right, by what their line is; nothing can catch them.
struct Equivalent {
  const char *subject, *kind, *line, *why; ///< expressions of what must be found in each
};
constexpr Equivalent kEquivalent[] = {
    {"", "bound shifted", R"(setp\.le\.s64)", "blocks behind the last find no rows"},
    {"", "index shifted", R"(ld\.global\.b64\s+%rd\d+, \[%rd\d+\];)",
     "more tasks than there are: their blocks find no rows"},
    {"norm|entropy|embedding|vocabulary|update", "barrier removed", R"(bar\.warp\.sync)",
     "both sides of each store are ordered, also where no other lane reads it before the next"},
    {"^wgrad (bf16|tf32)", "bound shifted", R"(setp\.ge\.s32)",
     "copies of a step that is not taken"},
    {"^forward (bf16|tf32)$", "bound shifted", R"(setp\.gt\.u32\s+%p6,)",
     "copies of a step that is not taken"},
    {"^wgrad fp32", "bound shifted", R"(setp\.lt\.s64)", "a step more adds zeros"},
    {"update$", "bound shifted", R"(setp\.le\.u64)",
     "a whole last vector goes the way of a part of one"},
    {"^attention", "bound shifted", R"(setp\.le\.s32\s+%p(2|10|11),)",
     "a block whose rows end where it begins stores none"},
    {"^attention", "bound shifted", R"(setp\.lt\.u64)",
     "what is copied behind a tile is overwritten behind the next barrier"},
    {"^attention$", "bound shifted", R"(setp\.lt\.s32\s+%p22,)",
     "the causal mask hides keys behind the end too"},
    {"^attention$", "bound shifted", R"(setp\.lt\.s64)", "a tile more has no key that is seen"},
    {"^attention's keys", "bound shifted", R"(setp\.(lt|le)\.s32)",
     "queries behind the end are zeros, keys there are not stored"},
    {"^attention's queries", "bound shifted", R"(setp\.gt\.u32)",
     "the last line's end is written before it is read, also where it was not cleared"},
    {"^layer norm's gradient", "bound shifted", R"(setp\.lt\.u32)",
     "what a lane behind the row loads is dropped"},
    {"^cross-entropy", "index shifted", R"(ld\.global\.b32\s+%r\d+, \[%rd\d+\+128\];)",
     "the row's largest logit is another"},
};

const Equivalent *equivalentOf(const Subject &subject, const Change &change) {
  for (const Equivalent &entry : kEquivalent)
    if (std::regex_search(subject.name, std::regex(entry.subject)) &&
        change.kind == entry.kind && std::regex_search(change.line, std::regex(entry.line)))
      return &entry;
  return nullptr;
}

using Results = std::vector<std::vector<std::uint32_t>>;

/// Whether the kernel with `change` ends in a fault, or in other results than `expected`.
bool isCaught(const Subject &subject, const std::string &ptx, const Change &change,
              const Results &expected, std::string &how) {
  std::string text = ptx;
  text.replace(change.at, change.line.size(), change.changed);
  try {
    how = "other results";
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (subject.run(text, i) != expected[i])
        return true;
    return false;
  } catch (const emulator::Fault &) {
    how = "a fault";
    return true;
  }
}

/// Whether a shifted bound says in every thread of all launches what it said before: the
/// changed program then does what the other does, step by step. Found by a fault behind the
/// comparison.
bool meetsNoBound(const Subject &subject, const std::string &ptx, const Change &change) {
  if (change.kind != "bound shifted")
    return false;
  static const std::regex predicate(R"(%p\d+,)");
  std::string text = ptx;
  text.insert(change.at + change.line.size(),
              "\n" + std::regex_replace(change.line, predicate, "%was,") + "\n" +
                  std::regex_replace(change.changed, predicate, "%met,") +
                  "\n\txor.pred %met, %met, %was;\n\t@%met trap;");
  text.insert(text.find('{') + 1, "\n\t.reg .pred %met, %was;");
  try {
    for (std::size_t i = 0; i < subject.launches.size(); ++i)
      subject.run(text, i);
    return true;
  } catch (const emulator::Fault &) {
    return false;
  }
}

/// The other way by as little as some thread can tell.
std::optional<Change> leastMet(const Subject &subject, const std::string &ptx,
                               const Change &change) {
  for (std::int64_t by : {1, 2, 4, 8, 16, 32, 64})
    if (std::optional<Change> other = otherWay(change, by);
        other && !meetsNoBound(subject, ptx, *other))
      return other;
  return std::nullopt;
}

class KernelMutations : public testing::TestWithParam<std::size_t> {
public:
  static const std::vector<Subject> &all() {
    static const std::vector<Subject> list = subjects();
    return list;
  }
};

TEST_P(KernelMutations, AreCaught) {
  const Subject &subject = all()[GetParam()];
  std::string ptx = subject.ptx();
  Results expected;
  for (std::size_t i = 0; i < subject.launches.size(); ++i)
    expected.push_back(subject.run(ptx, i));
  EXPECT_EQ(subject.run(ptx, 0), expected[0]);
  bool exhaustive = std::getenv("FTC_LONG") != nullptr;
  const char *path = std::getenv("FTC_SURVIVORS");
  std::map<std::string, int> seen, tried, caughtBy, excused;
  for (Change change : changesOf(ptx)) {
    if (!exhaustive && seen[change.kind]++ % 23 != 0)
      continue;
    std::string how;
    bool caught = isCaught(subject, ptx, change, expected, how);
    if (!caught && !equivalentOf(subject, change) && meetsNoBound(subject, ptx, change)) {
      std::optional<Change> met = leastMet(subject, ptx, change);
      if (!met) {
        ++excused["no thread meets the bound"];
        continue;
      }
      change = *met;
      caught = isCaught(subject, ptx, change, expected, how);
    }
    const Equivalent *equivalent = caught ? nullptr : equivalentOf(subject, change);
    if (equivalent) {
      ++excused[equivalent->why];
      continue;
    }
    ++tried[change.kind];
    caughtBy[how] += caught;
    if (!caught && path)
      if (std::FILE *file = std::fopen(path, "a")) {
        std::fprintf(file, "%s | %s | %s -> %s\n", subject.name.c_str(), change.kind.c_str(),
                     change.line.c_str(), change.changed.c_str());
        std::fclose(file);
      }
    EXPECT_TRUE(caught) << subject.name << ", " << change.kind << ": " << change.line << " -> "
                        << change.changed;
  }
  for (const auto &[kind, count] : tried)
    std::printf("%s, %s: %d\n", subject.name.c_str(), kind.c_str(), count);
  for (const auto &[how, count] : caughtBy)
    std::printf("%s, caught by %s: %d\n", subject.name.c_str(), how.c_str(), count);
  for (const auto &[why, count] : excused)
    std::printf("%s, no change, %s: %d\n", subject.name.c_str(), why.c_str(), count);
}

INSTANTIATE_TEST_SUITE_P(Kernels, KernelMutations,
                         testing::Range(std::size_t{0}, KernelMutations::all().size()),
                         [](const auto &info) {
                           std::string name;
                           for (char c : KernelMutations::all()[info.param].name)
                             name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

} // namespace
} // namespace ftc::cuda::test
