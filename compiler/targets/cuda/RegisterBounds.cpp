// Bounds stand between an entry's parameters and its body, a line each.
#include "compiler/targets/cuda/RegisterBounds.h"

#include <algorithm>

namespace ftc::cuda {

/// Replaces the number behind `directive` in [begin, end) of `ptx`; false if there is none or
/// `next` of it is the same.
template <typename Next>
static bool change(std::string &ptx, std::size_t begin, std::size_t end, const char *directive,
                   Next next) {
  std::size_t at = ptx.find(directive, begin);
  if (at >= end)
    return false;
  at = ptx.find_first_of("0123456789", at);
  std::size_t digits = ptx.find_first_not_of("0123456789", at) - at;
  int number = std::stoi(ptx.substr(at, digits));
  if (next(number) == number)
    return false;
  ptx.replace(at, digits, std::to_string(next(number)));
  return true;
}

std::optional<std::string> withMoreRegisters(const std::string &ptx,
                                             const std::set<std::string> &names) {
  std::string loosened = ptx;
  bool changed = false;
  for (const std::string &name : names) {
    std::size_t begin = loosened.find(".entry " + name + "(");
    if (begin == std::string::npos)
      continue;
    std::size_t end = loosened.find('{', begin);
    changed |= change(loosened, begin, end, ".minnctapersm ",
                      [](int blocks) { return std::max(1, blocks - 1); });
    changed |= change(loosened, begin, end, ".maxnreg ",
                      [](int registers) { return std::min(255, registers + 16); });
  }
  if (!changed)
    return std::nullopt;
  return loosened;
}

} // namespace ftc::cuda
