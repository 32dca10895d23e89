// Sorted keys come from nlohmann's default (ordered by key) object.
#include "runtime/train/Results.h"

#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"

#include <cmath>

namespace ftc::rt {

double roundTo(double value, int digits) {
  double scale = std::pow(10.0, digits);
  double scaled = std::nearbyint(value * scale);
  return std::isfinite(scaled) ? scaled / scale : value;
}

void addSpeed(OrderedJson &metrics, const std::string &prefix, double seconds, double samples,
              double steps) {
  metrics[prefix + "_runtime"] = roundTo(seconds, 4);
  if (seconds <= 0)
    return;
  metrics[prefix + "_samples_per_second"] = roundTo(samples / seconds, 3);
  metrics[prefix + "_steps_per_second"] = roundTo(steps / seconds, 3);
}

Status writeResults(const std::string &directory, const std::string &name,
                    const OrderedJson &metrics) {
  Json sorted = Json::object();
  for (const auto &[key, value] : metrics.items())
    sorted[key] = Json::parse(value.dump(), nullptr, false);
  return writeFileAtomic(joinPath(directory, name), dumpJson(sorted, 4) + "\n");
}

void mergeResults(OrderedJson &all, const OrderedJson &metrics) {
  for (const auto &[key, value] : metrics.items())
    all[key] = value;
}

} // namespace ftc::rt
