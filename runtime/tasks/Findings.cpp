// Few are kept of many: what a page shows does not grow with the data.
#include "runtime/tasks/Findings.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ftc::rt {

std::string keptText(std::string_view text) {
  if (text.size() <= kKeptBytes)
    return std::string(text);
  std::size_t end = kKeptBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return std::string(text.substr(0, end)) + "…";
}

std::vector<std::size_t> greatest(const std::vector<double> &values, double floor) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(values[i] <= floor))
      found.push_back(i);
  auto rank = [&](std::size_t i) {
    return std::isnan(values[i]) ? std::numeric_limits<double>::infinity() : values[i];
  };
  std::size_t kept = std::min(found.size(), kShownExamples);
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(kept),
                    found.end(), [&](std::size_t a, std::size_t b) {
                      return rank(a) != rank(b) ? rank(a) > rank(b) : a < b;
                    });
  found.resize(kept);
  return found;
}

} // namespace ftc::rt
