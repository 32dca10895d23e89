// Builds small artifacts by hand: tables of the object API with the few calls tests need, and
// the shared object of TestKernels.c as their code.
#pragma once

#include "runtime/abi/artifact_generated.h"
#include "runtime/artifact/ArtifactReader.h"
#include "runtime/artifact/ArtifactWriter.h"

#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

namespace ftc::rt::test {

/// The compiled TestKernels.c.
inline std::vector<std::uint8_t> kernelObject() {
  std::ifstream file(FTC_TEST_KERNELS, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline const std::vector<std::string> &kernelNames() {
  static const std::vector<std::string> names = {
      "add_index",   "scale",       "use_scratch", "write_byte", "linear_error", "linear_grad",
      "square_loss", "sgd",         "segment_sum", "multiply",   "append"};
  return names;
}

struct SymbolTerm {
  std::uint32_t symbol;
  std::int64_t coefficient = 1;
  std::uint32_t divisor = 1;
};

inline std::unique_ptr<abi::ExprT> expr(std::int64_t constant,
                                        std::initializer_list<SymbolTerm> terms = {}) {
  auto out = std::make_unique<abi::ExprT>();
  out->constant = constant;
  for (const SymbolTerm &term : terms)
    out->terms.emplace_back(term.symbol, term.divisor, term.coefficient);
  return out;
}

/// One program under construction.
struct ProgramBuilder {
  abi::ProgramT &program;

  std::uint32_t buffer(abi::Segment segment, abi::DType dtype, std::int64_t offset,
                       std::unique_ptr<abi::ExprT> elements, std::string name = "") {
    auto out = std::make_unique<abi::BufferT>();
    out->segment = segment;
    out->dtype = dtype;
    out->offset = offset;
    out->elements = std::move(elements);
    out->name = std::move(name);
    program.buffers.push_back(std::move(out));
    return static_cast<std::uint32_t>(program.buffers.size() - 1);
  }

  /// Operand: a buffer and whether it is written.
  struct Use {
    std::uint32_t buffer;
    bool written = false;
  };

  abi::CommandT &launch(const std::string &kernel, std::initializer_list<Use> operands,
                        std::vector<std::unique_ptr<abi::ExprT>> ints,
                        std::vector<std::uint32_t> scalars, std::unique_ptr<abi::ExprT> grid) {
    abi::LaunchT out;
    for (std::uint32_t i = 0; i < kernelNames().size(); ++i)
      if (kernelNames()[i] == kernel)
        out.kernel = i;
    for (const Use &use : operands)
      out.operands.emplace_back(use.buffer, use.written ? abi::Access::ReadWrite
                                                        : abi::Access::Read);
    out.ints = std::move(ints);
    out.scalars = std::move(scalars);
    out.grid = std::move(grid);
    abi::CommandT &command = add(kernel);
    command.action.Set(std::move(out));
    return command;
  }

  abi::CommandT &fill(std::uint32_t buffer) {
    abi::FillT out;
    out.buffer = buffer;
    abi::CommandT &command = add("fill");
    command.action.Set(std::move(out));
    return command;
  }

  abi::CommandT &copy(std::uint32_t source, std::uint32_t destination) {
    abi::CopyBufferT out;
    out.source = source;
    out.destination = destination;
    abi::CommandT &command = add("copy");
    command.action.Set(std::move(out));
    return command;
  }

  abi::CommandT &add(const std::string &label) {
    program.commands.push_back(std::make_unique<abi::CommandT>());
    program.commands.back()->label = label;
    return *program.commands.back();
  }
};

template <typename... Exprs> std::vector<std::unique_ptr<abi::ExprT>> list(Exprs... exprs) {
  std::vector<std::unique_ptr<abi::ExprT>> out;
  (out.push_back(std::move(exprs)), ...);
  return out;
}

/// Adds a moment of a variant's parameter, row-major where `width` is 0.
inline void addMoment(abi::VariantT &variant, std::uint32_t parameter, std::uint32_t index,
                      abi::DType dtype, std::vector<std::int64_t> shape, std::int64_t offset,
                      std::uint32_t width = 0) {
  auto moment = std::make_unique<abi::MomentStorageT>();
  moment->parameter = parameter;
  moment->index = index;
  moment->dtype = dtype;
  moment->layout = std::make_unique<abi::LayoutT>();
  moment->elements = 1;
  for (std::int64_t dimension : shape)
    moment->elements *= dimension;
  if (width) {
    moment->layout->kind = abi::LayoutKind::PanelsN;
    moment->layout->width = width;
    moment->elements = (shape[0] + width - 1) / width * width * shape[1];
  }
  moment->shape = std::move(shape);
  moment->offset = offset;
  variant.moments.push_back(std::move(moment));
}

/// An artifact under construction, with a sane task and one variant that any x86-64 runs.
struct ArtifactBuilder {
  abi::ArtifactT artifact;

  ArtifactBuilder() {
    artifact.version = 1;
    artifact.task = std::make_unique<abi::TaskT>();
    artifact.task->name = "text-classification";
    artifact.task->labels = {"negative", "positive"};
    artifact.task->max_seq_length = 128;
    addVariant("x86-64");
  }

  abi::VariantT &addVariant(const std::string &isa) {
    auto variant = std::make_unique<abi::VariantT>();
    variant->target = "cpu";
    variant->isa = isa;
    variant->object = kernelObject();
    for (const std::string &name : kernelNames()) {
      auto kernel = std::make_unique<abi::KernelT>();
      kernel->name = name;
      kernel->scratch_bytes = name == "use_scratch" ? 1000 : 0;
      variant->kernels.push_back(std::move(kernel));
    }
    artifact.variants.push_back(std::move(variant));
    return *artifact.variants.back();
  }

  abi::VariantT &variant() { return *artifact.variants.front(); }

  std::uint32_t symbol(const std::string &name, std::int64_t capacity) {
    auto out = std::make_unique<abi::SymbolT>();
    out->name = name;
    out->capacity = capacity;
    artifact.symbols.push_back(std::move(out));
    return static_cast<std::uint32_t>(artifact.symbols.size() - 1);
  }

  std::uint32_t scalar(const std::string &name,
                       double value = std::numeric_limits<double>::quiet_NaN()) {
    auto out = std::make_unique<abi::ScalarT>();
    out->name = name;
    out->default_value = value;
    artifact.scalars.push_back(std::move(out));
    return static_cast<std::uint32_t>(artifact.scalars.size() - 1);
  }

  void parameter(const std::string &name, std::vector<std::int64_t> shape, bool trainable) {
    auto out = std::make_unique<abi::ParameterT>();
    out->name = out->tensor = name;
    out->shape = std::move(shape);
    out->trainable = trainable;
    artifact.parameters.push_back(std::move(out));
  }

  static void storage(abi::VariantT &variant, std::uint32_t width, std::int64_t offset,
                      std::int64_t elements) {
    auto out = std::make_unique<abi::ParameterStorageT>();
    out->layout = std::make_unique<abi::LayoutT>();
    out->layout->kind = width ? abi::LayoutKind::PanelsN : abi::LayoutKind::RowMajor;
    out->layout->width = width;
    out->offset = offset;
    out->elements = elements;
    variant.storage.push_back(std::move(out));
  }

  static ProgramBuilder program(abi::VariantT &variant, const std::string &name,
                                std::int64_t arenaBytes) {
    variant.programs.push_back(std::make_unique<abi::ProgramT>());
    variant.programs.back()->name = name;
    variant.programs.back()->arena_bytes = arenaBytes;
    return {*variant.programs.back()};
  }

  std::vector<std::uint8_t> payload() const {
    flatbuffers::FlatBufferBuilder builder;
    abi::FinishArtifactBuffer(builder, abi::CreateArtifact(builder, &artifact));
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
  }

  std::vector<std::uint8_t> container() const {
    auto bytes = makeContainer(payload());
    return bytes ? bytes.take() : std::vector<std::uint8_t>();
  }

  Result<std::shared_ptr<const ArtifactReader>> read() const {
    return ArtifactReader::fromBytes("test.ftb", container());
  }
};

/// Builds the linear model's programs into `variant`: inputs x [rows, in], target [rows, out],
/// symbols rows (0) and accumulating (1), scalars learning_rate (0) and scale (1); the weight
/// [out, in] in panels of `width`, or row-major for 0.
inline void addLinearModel(abi::VariantT &variant, std::int64_t in, std::int64_t out,
                           std::uint32_t width, std::int64_t rowCapacity) {
  using abi::DType;
  using abi::Segment;
  std::int64_t elements = width ? (out + width - 1) / width * width * in : in * out;
  ArtifactBuilder::storage(variant, width, 0, elements);
  variant.params_elements = variant.trainable_elements = elements;

  ProgramBuilder step = ArtifactBuilder::program(variant, "train_accumulate",
                                                 rowCapacity * out * 4 + 64);
  auto x = step.buffer(Segment::Input, DType::F32, 0, expr(0, {{0, in}}), "x");
  auto target = step.buffer(Segment::Input, DType::F32, 0, expr(0, {{0, out}}), "target");
  auto w = step.buffer(Segment::Params, DType::F32, 0, expr(elements));
  auto dw = step.buffer(Segment::Grads, DType::F32, 0, expr(elements));
  auto error = step.buffer(Segment::Arena, DType::F32, 64, expr(0, {{0, out}}));
  auto loss = step.buffer(Segment::Output, DType::F32, 0, expr(1), "loss");
  step.fill(dw).unless_symbol = 1;
  auto &forward = step.launch("linear_error", {{x}, {w}, {target}, {error, true}},
                              list(expr(in), expr(out), expr(width)), {}, expr(0, {{0}}));
  forward.flops = expr(0, {{0, 2 * in * out}});
  step.launch("linear_grad", {{x}, {error}, {dw, true}},
              list(expr(0, {{0}}), expr(in), expr(out), expr(width)), {1}, expr(out));
  step.launch("square_loss", {{error}, {loss, true}}, list(expr(0, {{0, out}})), {1}, expr(1));

  ProgramBuilder apply = ArtifactBuilder::program(variant, "apply", 0);
  auto p = apply.buffer(Segment::Params, DType::F32, 0, expr(elements));
  auto g = apply.buffer(Segment::Grads, DType::F32, 0, expr(elements));
  apply.launch("sgd", {{p, true}, {g}}, list(expr(elements)), {0}, expr((elements + 7) / 8));
}

/// The linear model's artifact with one variant.
inline ArtifactBuilder linearModel(std::int64_t in = 5, std::int64_t out = 3,
                                   std::uint32_t width = 0, std::int64_t rowCapacity = 16) {
  ArtifactBuilder builder;
  builder.symbol("rows", rowCapacity);
  builder.symbol("accumulating", 0);
  builder.scalar("learning_rate");
  builder.scalar("scale", 1.0);
  builder.parameter("linear.weight", {out, in}, true);
  addLinearModel(builder.variant(), in, out, width, rowCapacity);
  return builder;
}

} // namespace ftc::rt::test
