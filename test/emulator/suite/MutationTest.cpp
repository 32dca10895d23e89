// Breaks sample kernels in every way of four kinds (a barrier removed, a wait weakened, an
// index shifted, a bound shifted), one at a time: each must end in a fault or in other results.
#include "test/emulator/suite/Samples.h"

#include <gtest/gtest.h>

#include <map>
#include <regex>

namespace ftc::emulator {
namespace {

struct Mutation {
  std::string kind, line, ptx;
};

std::vector<std::string> linesOf(const std::string &text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

/// Bytes that a lane accesses, from the opcode; 0 for what is no memory instruction.
int accessBytes(const std::string &line) {
  static const std::regex plain(R"(\b(?:ld|st)\.(?:global|shared)\.(v2\.|v4\.)?[buf](\d+))");
  std::smatch match;
  if (std::regex_search(line, match, plain))
    return std::stoi(match[2]) / 8 * (match[1] == "v2." ? 2 : match[1] == "v4." ? 4 : 1);
  if (line.find("cp.async.c") != line.npos || line.find("ldmatrix") != line.npos)
    return line.find("cp.async.commit") != line.npos ? 0 : 16;
  return 0;
}

void mutateLine(const std::string &line,
                std::vector<std::pair<std::string, std::string>> &out) {
  if (line.find("bar.sync") != line.npos)
    out.emplace_back("barrier removed", "");
  static const std::regex wait(R"(wait_group (\d+))");
  std::smatch match;
  if (std::regex_search(line, match, wait))
    out.emplace_back("wait weakened",
                     std::regex_replace(
                         line, wait, "wait_group " + std::to_string(std::stoi(match[1]) + 1)));
  if (int bytes = accessBytes(line)) {
    static const std::regex address(R"(\[(%\w+)(?:\+(-?\d+))?\])");
    for (std::sregex_iterator at(line.begin(), line.end(), address), end; at != end; ++at)
      for (int shift : {bytes, -bytes}) {
        int offset = ((*at)[2].matched ? std::stoi((*at)[2]) : 0) + shift;
        std::string changed = line;
        changed.replace(static_cast<std::size_t>(at->position()),
                        static_cast<std::size_t>(at->length()),
                        "[" + (*at)[1].str() + "+" + std::to_string(offset) + "]");
        out.emplace_back("index shifted", changed);
      }
  }
  static const std::map<std::string, std::string> bounds = {{"setp.lt", "setp.le"},
                                                            {"setp.ge", "setp.gt"},
                                                            {"setp.eq", "setp.ne"},
                                                            {"setp.ne", "setp.eq"}};
  for (const auto &[from, to] : bounds)
    if (std::size_t at = line.find(from); at != line.npos)
      out.emplace_back("bound shifted", std::string(line).replace(at, from.size(), to));
}

std::vector<Mutation> mutationsOf(const std::string &ptx) {
  std::vector<std::string> lines = linesOf(ptx);
  std::vector<Mutation> mutations;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find("//") != lines[i].npos)
      continue;
    std::vector<std::pair<std::string, std::string>> changes;
    mutateLine(lines[i], changes);
    for (const auto &[kind, changed] : changes) {
      std::string text;
      for (std::size_t k = 0; k < lines.size(); ++k)
        text += (k == i ? changed : lines[k]) + "\n";
      mutations.push_back(
          {kind, std::to_string(i + 1) + ": " + lines[i] + " -> " + changed, text});
    }
  }
  return mutations;
}

/// Changes that leave a program that is right: nothing can catch them.
struct Equivalent {
  const char *sample, *line, *why;
};
constexpr Equivalent kEquivalent[] = {
    {"gemm", "setp.ge.s32 %p1, %r2, %r1;", "rows of a tile beyond the last are masked anyway"},
    {"transpose", "setp.ge.u32 %p1, %r2, %r1;", "so are a tile's rows here"},
    {"softmax", "setp.ne.u32 %p3, %r10, 0;", "all lanes hold what one of them stores"},
};

bool isEquivalent(const Sample &sample, const Mutation &mutation) {
  for (const Equivalent &entry : kEquivalent)
    if (sample.name == entry.sample && mutation.line.find(entry.line) != std::string::npos)
      return true;
  return false;
}

TEST(Mutations, EveryOneIsCaught) {
  int count = 0;
  std::map<std::string, int> byKind, byFault;
  for (const Sample &sample : samples()) {
    std::string ptx = sampleText(sample.name);
    std::vector<std::uint32_t> expected = sample.run(ptx, 1);
    for (const Mutation &mutation : mutationsOf(ptx)) {
      if (isEquivalent(sample, mutation))
        continue;
      ++count;
      ++byKind[mutation.kind];
      bool caught = false;
      try {
        caught = sample.run(mutation.ptx, 1) != expected;
        ++byFault["other results"];
      } catch (const Fault &fault) {
        caught = true;
        ++byFault["a fault"];
      }
      EXPECT_TRUE(caught) << sample.name << ", " << mutation.kind << ", line " << mutation.line;
    }
  }
  EXPECT_GE(count, 100);
  for (const auto &[kind, n] : byKind)
    std::printf("%s: %d\n", kind.c_str(), n);
  for (const auto &[kind, n] : byFault)
    std::printf("caught by %s: %d\n", kind.c_str(), n);
}

TEST(Samples, GiveTheSameInAnyOrderAndOnAnyNumberOfThreads) {
  for (const Sample &sample : samples()) {
    std::string ptx = sampleText(sample.name);
    std::vector<std::uint32_t> expected = sample.run(ptx, 1);
    for (std::uint64_t seed = 2; seed < 8; ++seed)
      EXPECT_EQ(sample.run(ptx, seed), expected) << sample.name;
  }
}

} // namespace
} // namespace ftc::emulator
