// Rows are texts already: the page escapes them and knows nothing of artifacts.
#include "runtime/train/ReportRows.h"

#include "runtime/devices/ProcessMemory.h"
#include "runtime/support/Version.h"
#include "runtime/train/MainMetric.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace ftc::rt {

namespace {

constexpr std::uint32_t kMostFiles = 20; ///< of a checkpoint, shown by hash

std::string sixDigits(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", value);
  return digits;
}

} // namespace

std::string localTime() {
  std::time_t seconds = std::time(nullptr);
  std::tm local{};
  char text[64] = "";
  if (localtime_r(&seconds, &local))
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &local);
  return text;
}

ReportRows versionRows(const Session &session) {
  const abi::Artifact &artifact = session.artifact->root();
  ReportRows rows = {
      {"ftrt", versionString()},
      {"compiled by", std::string(text(artifact.compiler()))},
      {"artifact", session.artifact->name()},
      {"artifact's SHA-256", session.artifact->sha256()},
      {"model", std::string(text(artifact.model_path()))},
      {"architecture", std::string(text(artifact.model_type()))},
      {"method, optimizer, precision", std::string(text(artifact.method())) + ", " +
                                           std::string(text(artifact.optimizer())) + ", " +
                                           std::string(text(artifact.precision()))}};
  std::uint32_t files = count(artifact.checkpoint_files());
  for (std::uint32_t i = 0; i < std::min(files, kMostFiles); ++i) {
    const abi::CheckpointFile *file = artifact.checkpoint_files()->Get(i);
    rows.emplace_back("SHA-256 of " + std::string(text(file->name())),
                      std::string(text(file->sha256())));
  }
  rows.emplace_back("device", session.device->properties().description);
  rows.emplace_back("finished", localTime());
  return rows;
}

ReportMeasure measureOf(const Session &session, const OrderedJson &metrics,
                        const std::string &prefix, bool written) {
  ReportMeasure measure;
  measure.metric = mainMetric(session, prefix, written);
  measure.greaterIsBetter = isGreaterBetter(measure.metric);
  if (metrics.contains(measure.metric) && metrics[measure.metric].is_number())
    measure.value = metrics[measure.metric].get<double>();
  return measure;
}

void addMemory(const Session &session, ReportData &page) {
  const MemoryUse &memory = session.executor->memory();
  std::int64_t unused = session.executor->unusedBytes() + session.demanded.absentBytes();
  page.planned = {{"parameters", memory.params},
                  {"gradients apart from the arena", memory.grads},
                  {"moments", memory.moments},
                  {"of these, for tokens that no text had: never used", -unused},
                  {"arena (activations, gradients, temporaries)", memory.arena},
                  {"caches of generation", memory.state},
                  {"inputs and outputs", memory.inputs + memory.outputs},
                  {"scratch of the threads", memory.scratch}};
  page.plannedBytes = plannedBytes(session);
  page.seenBytes = peakResidentBytes();
}

void addMetrics(const OrderedJson &metrics, ReportData &page) {
  for (const auto &[name, value] : metrics.items())
    if (value.is_number())
      page.metrics.emplace_back(name, sixDigits(value.get<double>()));
}

} // namespace ftc::rt
