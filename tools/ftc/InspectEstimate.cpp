#include "tools/ftc/InspectEstimate.h"

#include "compiler/MethodCost.h"
#include "compiler/targets/cuda/SpeedOfLight.h"
#include "runtime/artifact/Expression.h"
#include "runtime/tasks/Task.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>

namespace ftc::cli {

static constexpr const char *kStepPrograms[] = {"train_accumulate", "train_step", "apply"};

static double rounded(double value) { return std::round(value * 1000) / 1000; }

/// The artifact's symbols for a batch of sequences of `length`, of targets too.
static rt::Result<std::vector<std::int64_t>>
symbolsOf(const rt::ArtifactReader &artifact, std::int64_t tokens, std::int64_t length) {
  FTC_ASSIGN_OR_RETURN(const rt::Task *task, rt::findTask(artifact->task()->name()->str()));
  if (artifact.symbolIndex("target") < 0) // of a second stream of tokens
    task = task->forDecoder();
  bool labelledTokens = task->labelPlacement() == rt::LabelPlacement::Token;
  TypicalBatch batch{tokens / length, length, length};
  std::vector<std::int64_t> values;
  for (const abi::Symbol *symbol : *artifact->symbols())
    values.push_back(symbolValue(rt::text(symbol->name()), batch, labelledTokens));
  return values;
}

namespace {

/// Launches and seconds at least, by kind.
struct Sums {
  std::int64_t launches = 0;
  double productFlops = 0;
  double productRounds = 0; ///< seconds of products in rounds of whole blocks
  std::map<cuda::KernelKind, double> seconds;

  Json json(const cuda::GpuPeaks &gpu) const {
    Json entry;
    double all = 0, products = 0;
    for (auto [kind, value] : seconds) {
      entry[std::string(cuda::nameOf(kind)) + "_ms"] = rounded(1e3 * value);
      all += value;
      products += kind == cuda::KernelKind::Product ? value : 0;
    }
    entry["all_ms"] = rounded(1e3 * all);
    double atPeak = productFlops / gpu.bf16FlopsPerSecond();
    if (products > 0) {
      entry["products_share_of_bf16_peak"] = rounded(atPeak / products);
      entry["products_share_in_rounds_of_blocks"] = rounded(atPeak / productRounds);
    }
    return entry;
  }
};

/// One kernel's launches in a step.
struct KernelSums {
  std::int64_t launches = 0;
  double seconds = 0;
  cuda::Resource resource{};
};

class Estimate {
public:
  Estimate(const abi::Variant &variant, const cuda::GpuPeaks &gpu,
           std::span<const std::int64_t> symbols)
      : variant(variant), gpu(gpu), symbols(symbols) {}

  bool add(const abi::Program &program) {
    Sums &sums = programs[program.name()->str()];
    for (std::uint32_t i = 0; i < rt::count(program.commands());) {
      const abi::Launch *launch = program.commands()->Get(i)->action_as_Launch();
      std::uint32_t members = launch ? std::max(1u, launch->members()) : 1;
      if (launch && !add(program, i, members, sums))
        return false;
      i += members;
    }
    return true;
  }

  std::map<std::string, Sums> programs;
  std::map<std::string, KernelSums> kernels;
  Sums step;

private:
  /// Buffers that a launch moves: what its members share counts once.
  struct Moved {
    std::int64_t bytes = 0; ///< of commands that say themselves what they move
    std::set<std::uint32_t> read, written;
  };

  bool addMoved(const abi::Command &command, Moved &moved) const {
    if (command.bytes()) {
      std::int64_t bytes = 0;
      bool known = rt::evaluate(*command.bytes(), symbols, bytes);
      moved.bytes += bytes;
      return known;
    }
    const abi::Launch &launch = *command.action_as_Launch();
    for (std::uint32_t i = 0; i < rt::count(launch.operands()); ++i) {
      const abi::Operand &operand = *launch.operands()->Get(i);
      if (operand.access() != abi::Access::Write)
        moved.read.insert(operand.buffer());
      if (operand.access() != abi::Access::Read)
        moved.written.insert(operand.buffer());
    }
    return true;
  }

  bool bytesOf(const abi::Program &program, const Moved &moved, std::int64_t &bytes) const {
    bytes = moved.bytes;
    for (const std::set<std::uint32_t> *buffers : {&moved.read, &moved.written})
      for (std::uint32_t index : *buffers) {
        const abi::Buffer &buffer = *program.buffers()->Get(index);
        std::int64_t elements = 0;
        if (!rt::evaluate(*buffer.elements(), symbols, elements))
          return false;
        bytes += elements * rt::sizeOf(buffer.dtype());
      }
    return true;
  }

  std::string nameOf(std::uint32_t kernel) const {
    return variant.kernels()->Get(kernel)->name()->str();
  }

  /// One launch: of the command `first`, or of a group, of the `members` commands from it on.
  bool add(const abi::Program &program, std::uint32_t first, std::uint32_t members,
           Sums &sums) {
    std::vector<std::string> names;
    std::vector<std::int64_t> flops(members, 0), blocks(members, 0);
    Moved moved;
    for (std::uint32_t i = 0; i < members; ++i) {
      const abi::Command &command = *program.commands()->Get(first + i);
      names.push_back(nameOf(command.action_as_Launch()->kernel()));
      if ((command.flops() && !rt::evaluate(*command.flops(), symbols, flops[i])) ||
          !rt::evaluate(*command.action_as_Launch()->grid(), symbols, blocks[i]) ||
          !addMoved(command, moved))
        return false;
    }
    std::int64_t bytes = 0;
    if (!bytesOf(program, moved, bytes))
      return false;
    std::vector<cuda::Work> work;
    for (std::uint32_t i = 0; i < members; ++i)
      work.push_back({names[i], flops[i], blocks[i]});
    cuda::LeastTime least = cuda::leastTime(work, bytes, gpu);
    cuda::KernelKind kind = cuda::kindOf(names.front());
    for (Sums *total : {&sums, &step}) {
      ++total->launches;
      total->seconds[kind] += least.seconds;
      if (kind == cuda::KernelKind::Product)
        total->productRounds += least.inRounds;
      if (kind == cuda::KernelKind::Product)
        for (std::int64_t each : flops)
          total->productFlops += static_cast<double>(each);
    }
    const abi::Launch &launch = *program.commands()->Get(first)->action_as_Launch();
    KernelSums &kernel = kernels[members > 1 ? nameOf(launch.group()) : names.front()];
    ++kernel.launches;
    kernel.seconds += least.seconds;
    kernel.resource = least.resource;
    return true;
  }

  const abi::Variant &variant;
  const cuda::GpuPeaks &gpu;
  std::span<const std::int64_t> symbols;
};

} // namespace

rt::Status addSpeedOfLight(Json &variantEntry, const rt::ArtifactReader &artifact,
                           const abi::Variant &variant, std::int64_t tokens,
                           std::int64_t length) {
  FTC_ASSIGN_OR_RETURN(std::vector<std::int64_t> symbols, symbolsOf(artifact, tokens, length));
  Json &out = variantEntry["speed_of_light"];
  out["tokens"] = tokens;
  out["length"] = length;
  for (const cuda::GpuPeaks &gpu : cuda::gpuPeaks()) {
    Estimate estimate(variant, gpu, symbols);
    for (const abi::Program *program : *variant.programs())
      if (std::ranges::find(kStepPrograms, program->name()->str()) != std::end(kStepPrograms) &&
          !estimate.add(*program))
        return rt::Status::error("--tokens: the sizes of " + program->name()->str() +
                                 " do not fit 64 bits at " + std::to_string(tokens) +
                                 " tokens");
    for (const auto &[name, sums] : estimate.programs) {
      out["programs"][name]["launches"] = sums.launches;
      out["programs"][name][gpu.name] = sums.json(gpu);
    }
    out["step"]["launches"] = estimate.step.launches;
    out["step"][gpu.name] = estimate.step.json(gpu);
    for (Json &kernel : variantEntry["kernels"]) {
      auto found = estimate.kernels.find(kernel["name"]);
      if (found == estimate.kernels.end())
        continue;
      kernel["launches_a_step"] = found->second.launches;
      kernel[gpu.name] = {{"least_microseconds_a_step", rounded(1e6 * found->second.seconds)},
                          {"bound_by", cuda::nameOf(found->second.resource)}};
    }
  }
  return {};
}

rt::Status addCostReport(Json &variantEntries, const std::string &path) {
  std::ifstream file(path);
  if (!file)
    return rt::Status::error("--cost_report: cannot read '" + path + "'");
  auto wrong = [&](const std::string &found) {
    return rt::Status::error(
        "--cost_report: expected what a run with FTC_EMULATOR_REPORT=FILE wrote, found " +
        found + " in '" + path + "'");
  };
  Json report = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!report.is_object() || !report.contains("kernels") || !report["kernels"].is_array())
    return wrong("other text");
  std::map<std::string, const Json *> counted;
  for (const Json &entry : report["kernels"]) {
    if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string())
      return wrong("a kernel without a name");
    for (const char *key :
         {"launches", "global_requests", "global_sectors", "global_ideal_sectors",
          "shared_requests", "shared_waves", "shared_ideal_waves"})
      if (!entry.contains(key) || !entry[key].is_number())
        return wrong("a kernel without '" + std::string(key) + "'");
    counted[entry["name"]] = &entry;
  }
  std::size_t joined = 0;
  for (Json &variant : variantEntries)
    for (Json &kernel : variant["kernels"]) {
      auto found = counted.find(kernel["name"]);
      if (found == counted.end())
        continue;
      ++joined;
      const Json &entry = *found->second;
      Json &out = kernel["emulated"];
      auto ratio = [&](const char *name, const char *of, const char *requests) {
        if (double count = entry[requests]; count > 0)
          out[name] = rounded(double(entry[of]) / count);
      };
      double launches = entry["launches"];
      out["launches"] = static_cast<std::int64_t>(launches);
      ratio("sectors_a_request", "global_sectors", "global_requests");
      ratio("least_sectors_a_request", "global_ideal_sectors", "global_requests");
      ratio("waves_a_request", "shared_waves", "shared_requests");
      ratio("least_waves_a_request", "shared_ideal_waves", "shared_requests");
      for (const cuda::GpuPeaks &gpu : cuda::gpuPeaks())
        if (std::string key = std::string("least_microseconds_") + gpu.name;
            entry.contains(key) && entry[key].is_number() && launches > 0)
          out[key + "_a_launch"] = rounded(double(entry[key]) / launches);
    }
  if (!joined)
    return wrong("no kernel of this artifact");
  return {};
}

} // namespace ftc::cli
