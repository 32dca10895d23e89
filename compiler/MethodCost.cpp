// Adds up a plan's commands, and how long a machine takes for them.
#include "compiler/MethodCost.h"

#include "dialects/plan/Plan.h"
#include "runtime/devices/FmaPeak.h"
#include "runtime/devices/MemoryPeak.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>

using namespace mlir;

namespace ftc {

constexpr double kProductShare = 0.78, kAttentionShare = 0.42, kMemoryShare = 0.9;

/// Pairs of rows of one sequence less than `window` apart; 0: all.
static std::int64_t pairs(std::int64_t length, std::int64_t window) {
  std::int64_t count = 0;
  for (std::int64_t distance = 0; distance < length; ++distance)
    if (window == 0 || distance < window)
      count += (distance == 0 ? 1 : 2) * (length - distance);
  return count;
}

std::int64_t symbolValue(llvm::StringRef name, const TypicalBatch &batch, bool labelledTokens) {
  std::int64_t tokens = batch.sequences * batch.tokens;
  std::int64_t targets = batch.sequences * batch.targets;
  auto [base, suffix] = name.split('.');
  std::int64_t window = 0;
  (void)suffix.getAsInteger(10, window);
  if (base == "token_pairs" || (base == "labelled_pairs" && labelledTokens))
    return batch.sequences * pairs(batch.tokens, window);
  if (base == "labelled_pairs" && window == 0)
    return tokens;
  if (base == "labelled_pairs")
    return batch.sequences * std::min(batch.tokens, window);
  if (base == "target_pairs")
    return batch.sequences * pairs(batch.targets, 0);
  if (base == "cross_pairs")
    return targets * batch.tokens;
  if (base == "sequences" || (base == "labelled" && !labelledTokens))
    return batch.sequences;
  if (base.starts_with("target"))
    return targets;
  if (base == "step" || base == "accumulate" || base == "seed")
    return 1;
  return tokens;
}

static std::int64_t evaluate(AffineMapAttr map, ArrayRef<Attribute> symbols) {
  SmallVector<Attribute> results;
  if (failed(map.getValue().constantFold(symbols, results)))
    return 0;
  return cast<IntegerAttr>(results[0]).getInt();
}

/// What a launch reads and writes: as it says itself, else its whole operands.
static double bytesOf(plan::LaunchOp launch, ArrayRef<Attribute> symbols) {
  if (AffineMapAttr bytes = launch.getBytesAttr())
    return static_cast<double>(evaluate(bytes, symbols));
  double bytes = 0;
  for (auto [operand, access] : llvm::zip_equal(launch.getOperands(), launch.getAccess())) {
    auto buffer = operand.getDefiningOp<plan::BufferOp>();
    if (!buffer)
      continue;
    bool both = static_cast<plan::Access>(access) == plan::Access::ReadWrite;
    bytes += static_cast<double>(evaluate(buffer.getElementsAttr(), symbols)) *
             buffer.getDtype().getIntOrFloatBitWidth() / 8 * (both ? 2 : 1);
  }
  return bytes;
}

std::map<std::string, std::vector<CommandCost>>
commandCosts(ModuleOp module, const TypicalBatch &batch, bool labelledTokens) {
  Builder builder(module.getContext());
  SmallVector<Attribute> symbols;
  for (Attribute name : module->getAttrOfType<ArrayAttr>(plan::kSymbols))
    symbols.push_back(builder.getIndexAttr(
        symbolValue(cast<StringAttr>(name).getValue(), batch, labelledTokens)));
  std::map<std::string, std::vector<CommandCost>> programs;
  auto variants = module.getOps<plan::VariantOp>();
  if (variants.empty())
    return programs;
  for (auto program : (*variants.begin()).getOps<plan::ProgramOp>()) {
    auto &commands = programs[program.getSymName().str()];
    for (auto launch : program.getOps<plan::LaunchOp>()) {
      CommandCost cost;
      if (AffineMapAttr flops = launch.getFlopsAttr())
        cost.flops = static_cast<double>(evaluate(flops, symbols));
      cost.bytes = bytesOf(launch, symbols);
      cost.attention = launch.getKernel().contains("attention");
      commands.push_back(cost);
    }
  }
  return programs;
}

MachineSpeed measureMachine(unsigned threads, bool bf16) {
  MachineSpeed speed;
  speed.threads = threads;
  speed.flops = rt::measureFmaPeak(bf16 ? rt::Products::Bf16 : rt::Products::F32, threads,
                                   rt::kThoroughLook / 2);
  speed.bytes = rt::measureMemoryPeak(threads, 1, rt::memoryPeakArrayBytes(threads) / 4);
  return speed;
}

double estimateSeconds(const std::vector<CommandCost> &commands, const MachineSpeed &machine) {
  double seconds = 0;
  for (const CommandCost &command : commands) {
    double share = command.attention ? kAttentionShare : kProductShare;
    double computing = machine.flops > 0 ? command.flops / (share * machine.flops) : 0;
    double moving = machine.bytes > 0 ? command.bytes / (kMemoryShare * machine.bytes) : 0;
    // What a layer moves between its kernels mostly stays in caches where products use it; what
    // computes nothing is as fast as memory.
    seconds += std::max(computing, command.flops > 4 * command.bytes ? 0 : moving);
  }
  return seconds;
}

bool makesGradients(llvm::StringRef program) {
  return program == "train_accumulate" || program == "train_step";
}

static double stepSeconds(const MethodCost &cost, const MachineSpeed &machine, bool trunk) {
  double seconds = 0;
  for (const auto &[name, commands] : cost.programs)
    if (makesGradients(name) || name == "apply" || (trunk && name == "trunk"))
      seconds += estimateSeconds(commands, machine);
  return seconds;
}

double estimateStepSeconds(const MethodCost &cost, const MachineSpeed &machine) {
  return stepSeconds(cost, machine, /*trunk=*/true);
}

double estimateLaterStepSeconds(const MethodCost &cost, const MachineSpeed &machine) {
  return stepSeconds(cost, machine, /*trunk=*/false);
}

} // namespace ftc
