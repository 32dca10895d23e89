// `ftc inspect`: what an artifact holds, for people and, with --json, for programs.
#include "compiler/targets/cuda/GpuArch.h"
#include "runtime/artifact/ArtifactReader.h"
#include "runtime/artifact/Expression.h"
#include "runtime/artifact/PlannedMemory.h"
#include "tools/flags/FlagSet.h"
#include "tools/ftc/Commands.h"
#include "tools/ftc/InspectEstimate.h"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace ftc::cli {

static void print(const std::string &text) { std::fwrite(text.data(), 1, text.size(), stdout); }

static Json memoryJson(const rt::ProgramMemory &program) {
  Json memory;
  memory["params_bytes"] = program.params;
  memory["gradients_bytes"] = program.gradients;
  memory["moments_bytes"] = program.moments;
  memory["arena_bytes"] = program.arena;
  memory["state_bytes"] = program.state;
  memory["mapped_weights_bytes"] = 0;
  memory["peak_bytes"] = program.peak();
  return memory;
}

static Json memoryJson(const rt::ArtifactReader &artifact) {
  Json out = Json::object();
  for (const abi::Variant *variant : *artifact->variants()) {
    rt::VariantMemory memory = rt::memoryOf(*variant);
    Json &entry = out[variant->isa()->str()];
    entry["peak_bytes"] = memory.peak();
    entry["peak_bytes_of_several_micro_batches"] =
        rt::memoryOf(*variant, rt::GradientPlace::Apart).peak();
    for (const rt::ProgramMemory &program : memory.programs)
      entry["programs"][program.name] = memoryJson(program);
  }
  return out;
}

/// What a GPU gives a block of the kernel; registers, spills and the share of a multiprocessor's
/// warps that can be resident where the compiler had ptxas.
static void addGpuFacts(Json &entry, const abi::Kernel &kernel, const std::string &isa) {
  entry["threads"] = kernel.threads();
  entry["shared_bytes"] = kernel.shared_bytes();
  const cuda::GpuArch *arch = cuda::findArch(isa, cuda::Products::F32);
  if (!kernel.registers() || !arch)
    return;
  entry["registers"] = kernel.registers();
  entry["spill_bytes"] = kernel.spill_bytes();
  entry["occupancy_percent"] =
      cuda::occupancyOf(*arch, static_cast<int>(kernel.threads()),
                        static_cast<int>(kernel.registers()), kernel.shared_bytes());
}

static Json kernelsJson(const rt::ArtifactReader &artifact) {
  Json out = Json::object();
  for (const abi::Variant *variant : *artifact->variants()) {
    Json list = Json::array();
    for (std::uint32_t i = 0; i < rt::count(variant->kernels()); ++i) {
      const abi::Kernel *kernel = variant->kernels()->Get(i);
      list.push_back({{"name", kernel->name()->str()},
                      {"scratch_bytes", kernel->scratch_bytes()},
                      {"uses", kernel->uses()}});
      if (kernel->grouped()) // has no code of its own
        list.back()["grouped"] = true;
      if (kernel->members())
        list.back()["members"] = kernel->members();
      if (kernel->threads())
        addGpuFacts(list.back(), *kernel, variant->isa()->str());
    }
    Json &entry = out[variant->isa()->str()];
    entry["object_bytes"] = variant->object()->size();
    if (rt::count(variant->cubin()))
      entry["cubin_bytes"] = variant->cubin()->size();
    entry["kernels"] = list;
  }
  return out;
}

static std::string expressionText(const rt::ArtifactReader &artifact, const abi::Expr *expr) {
  std::string text;
  if (expr->constant() || !rt::count(expr->terms()))
    text = std::to_string(expr->constant());
  for (std::uint32_t i = 0; i < rt::count(expr->terms()); ++i) {
    const abi::Term *term = expr->terms()->Get(i);
    std::string name = artifact->symbols()->Get(term->symbol())->name()->str();
    if (term->divisor() != 1)
      name = "ceil(" + name + "/" + std::to_string(term->divisor()) + ")";
    text += (text.empty() ? "" : " + ") +
            (term->coefficient() == 1 ? name : std::to_string(term->coefficient()) + "*" + name);
  }
  return text;
}

static Json commandJson(const rt::ArtifactReader &artifact, const abi::Variant &variant,
                        const abi::Command &command) {
  Json entry;
  entry["label"] = std::string(rt::text(command.label()));
  if (const abi::Launch *launch = command.action_as_Launch()) {
    entry["kernel"] = variant.kernels()->Get(launch->kernel())->name()->str();
    entry["grid"] = expressionText(artifact, launch->grid());
    if (launch->members()) {
      entry["group"] = variant.kernels()->Get(launch->group())->name()->str();
      entry["members"] = launch->members();
    }
    if (command.flops())
      entry["flops"] = expressionText(artifact, command.flops());
    if (command.bytes())
      entry["bytes"] = expressionText(artifact, command.bytes());
    for (std::uint32_t i = 0; i < rt::count(launch->operands()); ++i) {
      const abi::Operand *operand = launch->operands()->Get(i);
      static const char *const access[] = {"read", "write", "read_write"};
      entry["operands"].push_back(
          {operand->buffer(), access[static_cast<int>(operand->access())]});
    }
  } else if (const abi::Fill *fill = command.action_as_Fill()) {
    entry["fill"] = fill->buffer();
  } else if (const abi::CopyBuffer *copy = command.action_as_CopyBuffer()) {
    entry["copy"] = {copy->source(), copy->destination()};
  }
  return entry;
}

static Json planJson(const rt::ArtifactReader &artifact) {
  static const char *const segments[] = {"params", "grads",  "moments", "arena",
                                         "input",  "output", "state"};
  Json out = Json::object();
  for (const abi::Variant *variant : *artifact->variants())
    for (const abi::Program *program : *variant->programs()) {
      Json &entry = out[variant->isa()->str()][program->name()->str()];
      entry["arena_bytes"] = program->arena_bytes();
      for (const abi::Buffer *buffer : *program->buffers())
        entry["buffers"].push_back({{"segment", segments[static_cast<int>(buffer->segment())]},
                                    {"dtype", rt::nameOf(buffer->dtype())},
                                    {"offset", buffer->offset()},
                                    {"elements", expressionText(artifact, buffer->elements())},
                                    {"name", std::string(rt::text(buffer->name()))}});
      for (const abi::Command *command : *program->commands())
        entry["commands"].push_back(commandJson(artifact, *variant, *command));
    }
  return out;
}

static Json overview(const rt::ArtifactReader &artifact) {
  std::int64_t all = 0, trainable = 0;
  for (const abi::Parameter *parameter : *artifact->parameters()) {
    std::int64_t elements = 1;
    for (std::int64_t dimension : *parameter->shape())
      elements *= dimension;
    all += elements;
    trainable += parameter->trainable() ? elements : 0;
  }
  Json out;
  out["compiler"] = std::string(rt::text(artifact->compiler()));
  out["sha256"] = artifact.sha256();
  out["model"] = std::string(rt::text(artifact->model_path()));
  out["model_type"] = std::string(rt::text(artifact->model_type()));
  out["task"] = artifact->task()->name()->str();
  out["labels"] = rt::count(artifact->task()->labels());
  out["method"] = std::string(rt::text(artifact->method()));
  out["optimizer"] = std::string(rt::text(artifact->optimizer()));
  out["precision"] = std::string(rt::text(artifact->precision()));
  out["max_seq_length"] = artifact->task()->max_seq_length();
  int tokens = artifact.symbolIndex("tokens");
  if (tokens >= 0)
    out["max_tokens"] = artifact->symbols()->Get(tokens)->capacity();
  if (const abi::Generation *generation = artifact->generation()) {
    out["max_source_length"] = generation->max_source_length();
    out["max_target_length"] = generation->max_target_length();
    out["max_beams"] = generation->max_beams();
  }
  out["parameters"] = all;
  out["trainable_parameters"] = trainable;
  for (const abi::Variant *variant : *artifact->variants())
    out["variants"].push_back(variant->isa()->str());
  return out;
}

/// Of `--tokens` and `--cost_report`: what the artifact's GPU variants take. `length` 0 is the
/// longest text.
static rt::Status addGpuTimes(Json &kernels, const rt::ArtifactReader &artifact,
                              std::optional<std::int64_t> tokens, std::int64_t length,
                              const std::string &report) {
  bool onGpu = false;
  for (const abi::Variant *variant : *artifact->variants()) {
    std::string isa = variant->isa()->str();
    if (!cuda::findArch(isa, cuda::Products::F32))
      continue;
    onGpu = true;
    std::int64_t longest = length ? length : artifact->task()->max_seq_length();
    if (tokens)
      FTC_RETURN_IF_ERROR(addSpeedOfLight(kernels[isa], artifact, *variant, *tokens,
                                          std::clamp<std::int64_t>(longest, 1, *tokens)));
  }
  if (!onGpu)
    return rt::Status::usage(std::string(tokens ? "--tokens" : "--cost_report") +
                             ": expected an artifact of --target cuda, got one for CPUs");
  return report.empty() ? rt::Status() : addCostReport(kernels, report);
}

/// A step of more tokens runs as several, and no text is longer: of those there is no estimate.
static rt::Status checkCapacity(const rt::ArtifactReader &artifact, std::int64_t tokens,
                                std::int64_t length) {
  auto exceeded = [&](const char *flag, std::int64_t most, const char *name, std::int64_t got) {
    return rt::Status::usage(std::string(flag) + ": expected at most " + std::to_string(most) +
                             ", the " + name + " of " + artifact.name() + ", got " +
                             std::to_string(got) + "; compile with a larger one");
  };
  int symbol = artifact.symbolIndex("tokens");
  if (symbol >= 0 && tokens > artifact->symbols()->Get(symbol)->capacity())
    return exceeded("--tokens", artifact->symbols()->Get(symbol)->capacity(), "max_tokens",
                    tokens);
  std::int64_t longest = artifact->task()->max_seq_length();
  if (longest > 0 && length > longest)
    return exceeded("--length", longest, "max_seq_length", length);
  return {};
}

/// Indented "key: value" lines: the same facts as the JSON, for eyes.
static void printTree(const Json &value, int indent) {
  std::string pad(indent, ' ');
  for (auto &[key, entry] : value.items()) {
    bool nested = entry.is_object() || (entry.is_array() && !entry.empty() &&
                                        entry[0].is_object());
    std::string label = value.is_array() ? "-" : key + ":";
    if (!nested) {
      std::string text = entry.is_string() ? entry.get<std::string>() : entry.dump();
      print(pad + label + " " + text + "\n");
      continue;
    }
    print(pad + label + "\n");
    printTree(entry, indent + 2);
  }
}

rt::Status inspectCommand(std::span<const std::string> arguments) {
  std::string path;
  bool ir = false, plan = false, kernels = false, memory = false, json = false;
  std::optional<std::int64_t> tokens;
  std::int64_t length = 0;
  std::string report;
  FlagSet flags("ftc inspect", "step.ftb [--ir] [--plan] [--kernels] [--memory] [--json]",
                "Shows what an artifact holds.");
  flags.positional("ARTIFACT", path, "what ftc compile made");
  flags.group("What");
  flags.boolean("ir", ir, "the programs in nn form, as they were lowered");
  flags.boolean("plan", plan, "buffers and commands of each program");
  flags.boolean("kernels", kernels, "kernels, their scratch and uses; on a GPU threads, shared memory, registers, "
                "spills and occupancy");
  flags.integer("tokens", tokens, {1, std::int64_t(1) << 31},
                "with --kernels: the least time of a training step of so many tokens on an A100 and an H100, by "
                "published peaks: of each kernel, program and step");
  flags.integer("length", length, {0, std::int64_t(1) << 31},
                "with --tokens: tokens a sequence; 0: max_seq_length");
  flags.text("cost_report", report, "FILE",
             "with --kernels: sectors and waves a request that the emulator counted in a run "
             "(FTC_EMULATOR_REPORT)");
  flags.boolean("memory", memory, "exact bytes of each program");
  flags.boolean("json", json, "print JSON");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return {};
  if ((tokens || !report.empty()) && !kernels)
    return rt::Status::usage(std::string(tokens ? "--tokens" : "--cost_report") +
                             " says more of --kernels: give that too");
  if (length && !tokens)
    return rt::Status::usage("--length is of --tokens: give that too");
  FTC_ASSIGN_OR_RETURN(auto artifact, rt::ArtifactReader::open(path));
  if (tokens)
    FTC_RETURN_IF_ERROR(checkCapacity(*artifact, *tokens, length));
  if (ir && !json) {
    print(std::string(rt::text((*artifact)->ir())));
    if (!plan && !kernels && !memory)
      return {};
  }
  Json out = overview(*artifact);
  if (ir && json)
    out["ir"] = std::string(rt::text((*artifact)->ir()));
  if (memory)
    out["memory"] = memoryJson(*artifact);
  if (kernels)
    out["kernels"] = kernelsJson(*artifact);
  if (tokens || !report.empty())
    FTC_RETURN_IF_ERROR(addGpuTimes(out["kernels"], *artifact, tokens, length, report));
  if (plan)
    out["plan"] = planJson(*artifact);
  if (json)
    print(out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  else
    printTree(out, 0);
  return {};
}

} // namespace ftc::cli
