// The line of `ftc compile` without files, and executors and references over one batch.
#include "test/toys/Toy.h"

#include "compiler/ArtifactBuilder.h"
#include "compiler/plan/ProgramPlanner.h"
#include "compiler/plan/VerifyPlan.h"
#include "compiler/targets/cpu/KernelCompiler.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"
#include "runtime/artifact/ArtifactWriter.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <set>

using namespace mlir;

namespace ftc::toys {

static const std::map<std::string, double> kDefaults{
    {"zero", 0.0},         {"label_smoothing", 0.0},     {"adam_beta1", 0.9},
    {"adam_beta2", 0.999}, {"adam_epsilon", 1e-8},       {"weight_decay", 0.0},
    {"sgd_momentum", 0.0}, {"adafactor_epsilon", 1e-30}, {"adafactor_clip_threshold", 1.0}};

/// Plan, kernels and artifact of a scheduled module.
static void lowerToy(ModuleOp module, const ToyOptions &options, Toy &toy) {
  PlanSymbols symbols(toy.context.get());
  for (auto [name, capacity] : options.capacities)
    symbols.setCapacity(name, capacity);
  for (const char *counter : rt::kCounters)
    symbols.setCapacity(counter, 0);
  std::vector<std::map<std::string, cpu::KernelSpec>> tables(options.isas.size());
  for (std::size_t i = 0; i < options.isas.size(); ++i)
    ASSERT_TRUE(succeeded(cpu::lowerToCpuPlan(module, *options.isas[i], symbols,
                                              options.capacities.at("longest"), tables[i])));
  symbols.attach(module);
  ASSERT_TRUE(succeeded(verify(module)) &&
              succeeded(runPhase(module, planPhase(options.pipeline))) &&
              succeeded(verifyPlan(module)));
  std::vector<VariantObject> objects;
  for (std::size_t i = 0; i < options.isas.size(); ++i) {
    std::vector<cpu::KernelSpec> kernels;
    for (auto &[name, kernel] : tables[i])
      kernels.push_back(kernel);
    auto object = cpu::compileKernels(kernels, *options.isas[i]);
    ASSERT_TRUE(bool(object)) << llvm::toString(object.takeError());
    auto linked = cpu::linkKernels(*object);
    ASSERT_TRUE(bool(linked)) << llvm::toString(linked.takeError());
    objects.push_back({options.isas[i]->name, options.isas[i]->features, *linked});
  }
  abi::ArtifactT artifact;
  ASSERT_TRUE(succeeded(buildArtifact(module, objects, kDefaults, artifact)));
  artifact.task = std::make_unique<abi::TaskT>();
  artifact.task->name = "text-classification";
  artifact.task->labels = {"a", "b"};
  artifact.task->max_seq_length = static_cast<std::uint32_t>(options.capacities.at("longest"));
  auto container = rt::makeContainer(serializeArtifact(artifact));
  ASSERT_TRUE(container) << container.status().message();
  auto reader = rt::ArtifactReader::fromBytes(options.file, std::move(*container));
  ASSERT_TRUE(reader) << reader.status().message();
  toy.artifact = std::move(*reader);
}

Toy compileToy(const ToyOptions &options) {
  Toy toy;
  toy.context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  toy.context->loadDialect<func::FuncDialect, nn::NnDialect, plan::PlanDialect>();
  auto module = parseSourceFile<ModuleOp>(FTC_TEST_DIR "/" + options.file,
                                          ParserConfig(toy.context.get()));
  EXPECT_TRUE(module) << options.file;
  if (!module)
    return toy;
  for (const Phase &phase : pipelinePhases(options.pipeline)) {
    bool good = succeeded(runPhase(*module, phase));
    EXPECT_TRUE(good) << options.file << ", phase " << phase.name;
    if (!good)
      return toy;
    if (phase.name == "differentiate")
      toy.programs = cast<ModuleOp>((*module)->clone());
  }
  lowerToy(*module, options, toy);
  EXPECT_TRUE(toy.artifact);
  return toy;
}

/// order, segments and rows of an id array, as runtime/tasks/Batch.h defines them.
static void addSort(ToyBatch &batch, const std::string &name) {
  const Integers ids = batch.arrays[name]; // none on a side without tokens
  Integers order(ids.size()), segments, rows;
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return ids[a] < ids[b]; });
  for (std::size_t j = 0; j < order.size(); ++j)
    if (rows.empty() || ids[order[j]] != rows.back()) {
      rows.push_back(ids[order[j]]);
      segments.push_back(j);
    }
  segments.push_back(ids.size());
  batch.symbols[name + ".unique"] = rows.size();
  batch.arrays[name + ".order"] = order;
  batch.arrays[name + ".segments"] = segments;
  batch.arrays[name + ".rows"] = rows;
}

ToyBatch pack(const std::vector<Example> &examples, int firstSequence) {
  ToyBatch batch;
  auto &arrays = batch.arrays;
  auto side = [&](const Integers &ids, int sequence, const std::string &names,
                  const std::string &prefix, const std::string &offsets) {
    if (arrays[offsets].empty())
      arrays[offsets].push_back(0);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      arrays[names].push_back(ids[i]);
      arrays[prefix + "_position"].push_back(i);
      arrays[prefix + "_sequence"].push_back(sequence);
    }
    arrays[offsets].push_back(arrays[offsets].back() + ids.size());
  };
  for (std::size_t i = 0; i < examples.size(); ++i) {
    int sequence = firstSequence + static_cast<int>(i);
    side(examples[i].source, sequence, "input_ids", "token", "cu_seqlens");
    side(examples[i].target, sequence, "target_ids", "target", "target_cu_seqlens");
    arrays["sequence_id"].push_back(sequence);
    arrays["labels"].insert(arrays["labels"].end(), examples[i].labels.begin(),
                            examples[i].labels.end());
  }
  batch.symbols["tokens"] = arrays["input_ids"].size();
  batch.symbols["target"] = arrays["target_ids"].size();
  batch.symbols["sequences"] = examples.size();
  for (const char *ids : {"input_ids", "token_position", "target_ids", "target_position"})
    addSort(batch, ids);
  return batch;
}

Parameters makeParameters(const rt::ArtifactReader &artifact) {
  Parameters parameters;
  std::mt19937 random(11);
  std::uniform_real_distribution<float> uniform(-0.5f, 0.5f);
  for (const abi::Parameter *parameter : *artifact->parameters()) {
    std::size_t elements = 1;
    for (std::int64_t dimension : *parameter->shape())
      elements *= dimension;
    Floats &values = parameters[parameter->name()->str()];
    bool norm = parameter->name()->str().ends_with("norm.weight");
    for (std::size_t i = 0; i < elements; ++i)
      values.push_back(uniform(random) + (norm ? 1.0f : 0.0f));
  }
  return parameters;
}

std::vector<std::shared_ptr<rt::Device>> allDevices() {
  std::vector<std::shared_ptr<rt::Device>> devices;
  for (unsigned threads : {1u, 2u, 3u}) {
    auto device = rt::makeCpuDevice(threads);
    EXPECT_TRUE(device) << device.status().message();
    devices.push_back(*device);
  }
  auto async = rt::makeAsyncCpuDevice();
  EXPECT_TRUE(async) << async.status().message();
  devices.push_back(*async);
  return devices;
}

Runner::Runner(const Toy &toy, std::shared_ptr<rt::Device> device,
               std::vector<std::string> programs, const Parameters &parameters, bool profile,
               rt::GradientPlace gradients)
    : artifact(toy.artifact) {
  rt::ExecutorOptions options;
  options.profile = profile;
  options.programs = std::move(programs);
  options.poisonArena = true;
  options.gradients = gradients;
  auto made = rt::Executor::create(artifact, std::move(device), options);
  EXPECT_TRUE(made) << made.status().message();
  instance = std::move(*made);
  touched = rt::TouchedRows(*instance, tables);
  for (const auto &[name, values] : parameters) {
    rt::Status status = instance->loadParameter(artifact->parameterIndex(name), values);
    EXPECT_TRUE(status) << status.message();
  }
  for (const abi::Symbol *counter : *(*artifact)->symbols())
    if (counter->capacity() == 0)
      symbol(counter->name()->str(), 0);
}

void Runner::set(const std::map<std::string, double> &scalars) {
  for (auto [name, value] : scalars)
    instance->set(instance->scalar(name), value);
}

void Runner::set(const ToyBatch &batch) {
  for (const auto &[name, values] : batch.arrays) {
    rt::Status status = instance->setInput(instance->input(name),
                                           std::span<const std::int32_t>(values));
    EXPECT_TRUE(status) << status.message();
  }
  for (auto [name, value] : batch.symbols)
    symbol(name, value);
  for (const char *ids : {"input_ids.rows", "target_ids.rows"})
    if (auto rows = batch.arrays.find(ids); rows != batch.arrays.end()) {
      rt::Status status = touched.admit(rows->second);
      EXPECT_TRUE(status) << status.message();
    }
}

Floats Runner::wholeGradient(std::uint32_t parameter, const Floats &stored) const {
  for (const abi::MomentStorage *moment : *instance->variant().moments()) {
    if (moment->parameter() != parameter || !moment->compact())
      continue;
    std::int64_t width = moment->shape()->Get(1);
    Floats whole(stored.size());
    for (std::size_t row = 0; row < touched.rows().size(); ++row)
      std::copy_n(stored.begin() + row * width, width,
                  whole.begin() + touched.rows()[row] * width);
    return whole;
  }
  return stored;
}

void Runner::symbol(const std::string &name, std::int64_t value) {
  instance->set(instance->symbol(name), value);
}

rt::Status Runner::tryRun(const std::string &program) {
  return instance->run(instance->program(program));
}

void Runner::run(const std::string &program) {
  rt::Status status = tryRun(program);
  EXPECT_TRUE(status) << status.message();
}

Floats Runner::output(const std::string &name) const {
  std::span<const float> values = instance->outputF32(instance->output(name));
  EXPECT_FALSE(values.empty()) << name;
  return {values.begin(), values.end()};
}

Parameters Runner::read(rt::ParameterSlot slot) {
  Parameters all;
  for (std::uint32_t i = 0; i < artifact->root().parameters()->size(); ++i) {
    Floats values(instance->parameterElements(i));
    rt::Status status = instance->storeParameter(i, values, slot);
    EXPECT_TRUE(status) << status.message();
    all[artifact->root().parameters()->Get(i)->name()->str()] =
        slot == rt::ParameterSlot::Grads ? wholeGradient(i, values) : std::move(values);
  }
  return all;
}

std::vector<std::vector<std::byte>> Runner::moments() {
  std::vector<std::vector<std::byte>> all;
  for (std::uint32_t i = 0; i < instance->variant().moments()->size(); ++i) {
    all.emplace_back(instance->momentBytes(i));
    rt::Status status = instance->storeMomentRange(i, 0, all.back());
    EXPECT_TRUE(status) << status.message();
  }
  return all;
}

reference::State makeState(const ToyBatch &batch, const Parameters &parameters,
                           const rt::ArtifactReader &artifact,
                           const std::map<std::string, double> &scalars) {
  reference::State state;
  state.seed = state.step = 0;
  state.scalars = scalars;
  for (const auto &[name, values] : batch.arrays)
    state.inputs[name] = {{static_cast<std::int64_t>(values.size())},
                          {values.begin(), values.end()}};
  for (const abi::Parameter *parameter : *artifact->parameters()) {
    std::string name = parameter->name()->str();
    std::vector<std::int64_t> shape(parameter->shape()->begin(), parameter->shape()->end());
    const Floats &values = parameters.at(name);
    state.gradients[name] = reference::Tensor::zeros(shape);
    state.parameters[name] = {shape, {values.begin(), values.end()}};
  }
  return state;
}

void runReference(const Toy &toy, const std::string &program, reference::State &state) {
  func::FuncOp function = findProgram(*toy.programs, program);
  ASSERT_TRUE(function) << program;
  ASSERT_TRUE(succeeded(reference::run(function, state)));
}

void expectNear(const Floats &values, const std::vector<double> &reference, double tolerance,
                const std::string &what) {
  ASSERT_EQ(values.size(), reference.size()) << what;
  double scale = 1e-3;
  for (double value : reference)
    scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(values[i], reference[i], tolerance * scale) << what << " element " << i;
}

void expectSameBits(const Floats &a, const Floats &b, const std::string &what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_EQ(std::memcmp(&a[i], &b[i], sizeof(float)), 0)
        << what << " element " << i << ": " << a[i] << " and " << b[i];
}

void expectSameBits(const Parameters &a, const Parameters &b, const std::string &what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (const auto &[name, values] : a)
    expectSameBits(values, b.at(name), what + " of " + name);
}

} // namespace ftc::toys
