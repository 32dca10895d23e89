// Inputs are seeded; sizes are those at which a kernel has whole tiles and remainders.
#include "test/cuda/MutationSubjects.h"

#include "compiler/targets/cpu/kernels/CrossEntropy.h"
#include "compiler/targets/cpu/kernels/Embedding.h"
#include "compiler/targets/cpu/kernels/LayerNorm.h"
#include "compiler/targets/cpu/kernels/VocabularyLoss.h"
#include "compiler/targets/cuda/PtxCompiler.h"
#include "compiler/targets/cuda/kernels/FlashBias.h"
#include "compiler/targets/cuda/kernels/Gemm.h"
#include "compiler/targets/cuda/kernels/GemmUpdate.h"
#include "runtime/abi/CudaKernel.h"
#include "runtime/abi/Kernel.h"
#include "runtime/support/Philox.h"
#include "test/emulator/Harness.h"

#include <bit>
#include <gtest/gtest.h>
#include <random>

namespace ftc::cuda::test {

static Operand random(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Operand made;
  for (std::size_t i = 0; i < count; ++i)
    made.words.push_back(std::bit_cast<std::uint32_t>(uniform(generator)));
  return made;
}

/// Two of bf16 a word.
static Operand randomPairs(std::size_t count, unsigned seed) {
  Operand low = random(count / 2, seed), pairs = random(count / 2, seed + 100);
  for (std::size_t i = 0; i < count / 2; ++i)
    pairs.words[i] = (pairs.words[i] & 0xffff0000) | low.words[i] >> 16;
  return pairs;
}

static Operand room(std::size_t count) { return {std::vector<std::uint32_t>(count), false}; }

static Operand integers(std::vector<int> values) {
  return {std::vector<std::uint32_t>(values.begin(), values.end())};
}

LaunchedKernel Subject::launched() const {
  const Inputs &first = launches.front();
  return {kernel,
          {static_cast<unsigned>(first.operands.size()),
           static_cast<unsigned>(first.ints.size()),
           static_cast<unsigned>(first.scalars.size())}};
}

std::int64_t Subject::tasks(std::size_t index) const {
  return kernel->grid(arch()).evaluate(launches[index].ints);
}

/// The words behind a launch's pointers (runtime/abi/CudaKernel.h).
static std::vector<std::uint64_t> wordsOf(const Inputs &inputs, std::int64_t tasks) {
  std::vector<std::uint64_t> words{static_cast<std::uint64_t>(tasks)};
  for (std::int64_t value : inputs.ints)
    words.push_back(static_cast<std::uint64_t>(value));
  for (double value : inputs.scalars)
    words.push_back(std::bit_cast<std::uint64_t>(value));
  return words;
}

std::string Subject::ptx() const {
  llvm::Expected<std::string> made = compileToPtx({launched()}, arch());
  EXPECT_TRUE(bool(made)) << llvm::toString(made.takeError());
  return made ? *made : "";
}

std::unique_ptr<HostKernels> Subject::host() const {
  auto made = HostKernels::compile({launched()}, arch());
  EXPECT_TRUE(bool(made)) << llvm::toString(made.takeError());
  return made ? std::move(*made) : nullptr;
}

std::vector<std::uint64_t> upload(emulator::TestGpu &gpu, const Inputs &inputs) {
  std::vector<std::uint64_t> addresses;
  for (const Operand &operand : inputs.operands)
    addresses.push_back(operand.written ? gpu.upload(operand.words)
                                        : gpu.reserve(operand.words.size() * 4));
  return addresses;
}

std::vector<std::uint32_t> download(emulator::TestGpu &gpu, const Inputs &inputs,
                                    const std::vector<std::uint64_t> &addresses) {
  std::vector<std::uint32_t> all;
  for (std::size_t i = 0; i < inputs.operands.size(); ++i) {
    auto part = gpu.download<std::uint32_t>(addresses[i], inputs.operands[i].words.size());
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

struct HostOperands::Line {
  alignas(abi::kCudaBufferAlignment) std::uint32_t words[abi::kCudaBufferAlignment / 4];
};

HostOperands::HostOperands(const Inputs &inputs) {
  for (const Operand &operand : inputs.operands) {
    std::size_t bytes = operand.words.size() * 4;
    arrays.push_back(
        std::make_shared<Line[]>((bytes + abi::kCudaBufferSlack) / sizeof(Line) + 1));
    std::memcpy(arrays.back().get(), operand.words.data(), bytes);
    pointers.push_back(arrays.back().get());
    counts.push_back(operand.words.size());
  }
}

std::vector<std::uint32_t> HostOperands::words() const {
  std::vector<std::uint32_t> all;
  for (std::size_t i = 0; i < pointers.size(); ++i) {
    auto *begin = static_cast<const std::uint32_t *>(pointers[i]);
    all.insert(all.end(), begin, begin + counts[i]);
  }
  return all;
}

std::vector<std::uint32_t> Subject::run(const std::string &ptx, std::size_t index,
                                        const Order &order) const {
  const Inputs &inputs = launches[index];
  emulator::TestGpu gpu(std::uint64_t(1) << 24);
  gpu.options.seed = order.seed;
  gpu.options.threads = order.threads;
  gpu.options.adversarial = order.adversarial;
  gpu.options.maxBranches = 1 << 14;
  gpu.load(ptx);
  std::vector<std::uint64_t> addresses = upload(gpu, inputs), parameters = addresses;
  parameters.push_back(gpu.upload(wordsOf(inputs, tasks(index))));
  gpu.launch(kernel->key(arch()), static_cast<std::uint32_t>(tasks(index)) + 3,
             threadsOf(*kernel), parameters,
             static_cast<std::uint32_t>(sharedBytesOf(*kernel, arch())));
  return download(gpu, inputs, addresses);
}

std::vector<std::uint32_t> Subject::runOnHost(HostKernels &host, std::size_t index) const {
  const Inputs &inputs = launches[index];
  HostOperands operands(inputs);
  std::vector<void *> parameters = operands.pointers;
  std::vector<std::uint64_t> words = wordsOf(inputs, tasks(index));
  parameters.push_back(words.data());
  host.launch(kernel->key(arch()), static_cast<unsigned>(tasks(index)) + 3,
              static_cast<unsigned>(threadsOf(*kernel)), parameters);
  return operands.words();
}

static Inputs inputsOf(const Gemm &gemm, std::int64_t m) {
  Inputs inputs;
  auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  auto layer = [&](std::int64_t count, unsigned seed) {
    return gemm.narrowX ? randomPairs(size(count), seed) : random(size(count), seed);
  };
  if (gemm.gradient) {
    std::int64_t chunks = (m + gemm.chunk - 1) / gemm.chunk;
    inputs.operands = {random(size(m * gemm.out), 1), layer(m * gemm.n, 2),
                       room(size(chunks * partialElements(gemm.out, gemm.n)))};
  } else {
    for (unsigned part = 0; part < static_cast<unsigned>(gemm.parts); ++part)
      inputs.operands.insert(inputs.operands.end(),
                             {layer(m * gemm.k, 1 + 10 * part),
                              random(size(gemm.n * gemm.k), 2 + 10 * part)});
    if (gemm.bias)
      inputs.operands.push_back(random(size(gemm.n), 3));
    if (gemm.add)
      inputs.operands.push_back(random(size(m * gemm.n), 4));
    inputs.operands.push_back(room(size(gemm.narrowY ? m * gemm.n / 2 : m * gemm.n)));
  }
  inputs.ints = {m};
  return inputs;
}

static Subject product(std::string name, Gemm gemm, std::initializer_list<std::int64_t> rows) {
  Subject subject{std::move(name), std::make_shared<Gemm>(gemm), gemm.products, {}};
  for (std::int64_t m : rows)
    subject.launches.push_back(inputsOf(gemm, m));
  return subject;
}

/// Rows end in each of the lines that a thread works on, in the first tile and behind it, and
/// in each of the rows that it stores.
static Subject product(std::string name, Gemm gemm) {
  return product(std::move(name), std::move(gemm),
                 {90, 6, 14, 22, 30, 38, 46, 54, 62, 64, 74, 1, 3, 4, 33, 35, 36});
}

/// Tiles of 256 rows. Of what they share with others the subjects above have every bound.
static void addTallProducts(std::vector<Subject> &list) {
  Gemm input;
  input.products = Products::Bf16;
  input.tile = 256;
  input.k = 84;
  input.n = 132;
  input.second = Gemm::Factor::ColumnsOfN;
  list.push_back(product("dgrad bf16 tall", input,
                         {262, 6, 14, 22, 30, 38, 46, 54, 62, 102, 166, 230, 1, 3, 4}));
  Gemm weight;
  weight.products = Products::Bf16;
  weight.tile = 256;
  weight.gradient = weight.bias = true;
  weight.out = 260;
  weight.n = 132;
  weight.chunk = 64;
  list.push_back(product("wgrad bf16 tall", weight, {74, 6, 14, 64, 1, 3, 4}));
}

/// What lies in bf16, of chunks of eight elements.
static void addNarrowProducts(std::vector<Subject> &list) {
  Gemm forward;
  forward.products = Products::Bf16;
  forward.k = 88;
  forward.n = 72;
  forward.bias = forward.narrowX = forward.narrowY = true;
  list.push_back(product("forward bf16 narrow", forward));
  Gemm weight;
  weight.products = Products::Bf16;
  weight.gradient = weight.bias = weight.narrowX = true;
  weight.out = 68;
  weight.n = 72;
  weight.chunk = 64;
  list.push_back(product("wgrad bf16 narrow", weight));
}

static void addProducts(std::vector<Subject> &list) {
  for (Products products : {Products::Bf16, Products::Tf32, Products::F32}) {
    std::string suffix = std::string(" ") + productsName(products);
    Gemm forward;
    forward.products = products;
    forward.k = 84;
    forward.n = 68;
    forward.bias = true;
    list.push_back(product("forward" + suffix, forward));
    Gemm input = forward;
    input.bias = false;
    input.add = true;
    input.second = Gemm::Factor::ColumnsOfN;
    list.push_back(product("dgrad" + suffix, input));
    Gemm weight;
    weight.products = products;
    weight.gradient = weight.bias = true;
    weight.out = 68;
    weight.n = 72;
    weight.chunk = 64;
    list.push_back(product("wgrad" + suffix, weight));
  }
  Gemm parts;
  parts.products = Products::Bf16;
  parts.parts = 2;
  parts.k = 64;
  parts.n = 68;
  parts.add = true;
  parts.second = Gemm::Factor::ColumnsOfN;
  list.push_back(product("dgrad of two parts", parts));
  Gemm registers;
  registers.products = Products::Bf16;
  registers.k = 50;
  registers.n = 66;
  list.push_back(product("forward bf16 in registers", registers));
  auto reduce = std::make_shared<GemmReduce>();
  reduce->out = 20;
  reduce->in = 13;
  reduce->chunk = 64;
  reduce->bias = true;
  auto partial = static_cast<std::size_t>(partialElements(20, 13));
  Inputs inputs{{random(2 * partial, 1), random(260, 2), random(20, 3)}, {100, 1}};
  Inputs overwrites = inputs;
  overwrites.ints[1] = 0;
  list.push_back({"reduce", reduce, Products::F32, {inputs, overwrites}});
  auto update = std::make_shared<GemmUpdate>();
  update->out = 40;
  update->in = 17;
  update->chunk = 64;
  update->bias = true;
  Operand second = random(40 * 17, 4), secondOfBias = random(40, 7);
  for (Operand *squares : {&second, &secondOfBias}) // are not negative
    for (std::uint32_t &word : squares->words)
      word &= 0x7fffffff;
  auto sums = static_cast<std::size_t>(2 * partialElements(40, 17));
  list.push_back({"reduce and update",
                  update,
                  Products::F32,
                  {{{random(sums, 1), random(40 * 17, 2), random(40 * 17, 3), second,
                     random(40, 5), random(40, 6), secondOfBias},
                    {100},
                    {1e-2, 0.9, 0.99, 1e-4, 0.1, 0.2, 0.3, 0.05}}}});
}

/// Rows of a batch by sequence.
struct Lengths {
  std::vector<int> queries, keys;
};

static Operand offsetsOf(const std::vector<int> &lengths) {
  std::vector<int> offsets{0};
  for (int length : lengths)
    offsets.push_back(offsets.back() + length);
  return integers(offsets);
}

static Inputs inputsOf(const FlashAttention &kernel, const Lengths &lengths, double p) {
  Operand queryOffsets = offsetsOf(lengths.queries), keyOffsets = offsetsOf(lengths.keys);
  Operand ids, positions;
  for (std::size_t s = 0; s < lengths.queries.size(); ++s) {
    ids.words.push_back(static_cast<std::uint32_t>(s + 4));
    for (int i = 0; i < lengths.queries[s]; ++i)
      positions.words.push_back(
          static_cast<std::uint32_t>(std::max(0, lengths.keys[s] - lengths.queries[s]) + i));
  }
  auto channels = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  const std::size_t rows = queryOffsets.words.back(), others = keyOffsets.words.back();
  const std::size_t wide = rows * channels(kernel.shape.queryRow());
  const std::size_t narrow = others * channels(kernel.shape.keyRow());
  const std::size_t heads = channels(kernel.shape.heads);
  Operand q = random(wide, 1), k = random(narrow, 2), v = random(narrow, 3);
  Inputs inputs{{}, {static_cast<std::int64_t>(ids.words.size()), 11, 3, 77}, {p}};
  std::vector<Operand> &all = inputs.operands;
  if (kernel.part == FlashAttention::Part::Forward) {
    all = {q, k, v, queryOffsets, keyOffsets, ids, positions, room(wide), room(rows * heads)};
  } else {
    Operand lse = random(rows * heads, 7);
    for (std::uint32_t &word : lse.words) // as of about forty scores of size one
      word = std::bit_cast<std::uint32_t>(std::bit_cast<float>(word) + 4);
    all = {random(wide, 4), q,          k,   v,        random(wide, 5), lse,
           queryOffsets,    keyOffsets, ids, positions};
    if (kernel.part == FlashAttention::Part::Queries)
      all.push_back(room(wide));
    else
      all.insert(all.end(), {room(narrow), room(narrow)});
  }
  if (kernel.shape.buckets)
    all.push_back(random(channels(kernel.shape.buckets) * heads, 6));
  if (kernel.tableGradient)
    all.push_back(
        room(ids.words.size() * channels(kernel.blocks() * kernel.shape.buckets) * heads));
  return inputs;
}

/// The dropout at which an element of the first head is just kept (runtime/abi/Kernel.h): a
/// bound that its thread meets. Of the seed 11, step 3 and op 77, which all launches have.
static double leastKept(std::uint32_t sequence, std::uint32_t position, std::uint32_t channel) {
  std::uint32_t b = channel / abi::kPhiloxBlockChannels,
                r = channel % abi::kPhiloxBlockChannels;
  auto words = rt::philox({11, 3}, {77, sequence, position, b * 16 + r % 16});
  return (words[r / 16] >> 8) * 0x1p-24;
}

static Subject attention(std::string name, FlashAttention::Part part, bool causal, bool bias) {
  auto kernel = std::make_shared<FlashAttention>();
  kernel->part = part;
  kernel->maxRows = 70;
  kernel->shape.heads = 2;
  kernel->shape.kvHeads = causal ? 1 : 2;
  kernel->shape.headDim = 36;
  kernel->shape.maxKeys = 70;
  kernel->shape.causal = causal;
  if (bias) {
    kernel->shape.buckets = 8;
    kernel->shape.maxDistance = 20;
    kernel->tableGradient = part == FlashAttention::Part::Queries;
  }
  // Two tiles, and no row; with and without dropout; sequences that end in each line that a
  // thread works on, as a block's queries and as its keys; queries without a key; a key of each
  // half of a tile that is just kept.
  const Lengths whole{{40, 0, 70}, {40, 0, 70}};
  const std::vector<int> ends{1, 2, 3, 4, 5, 6, 7, 8, 17, 18, 33, 34, 49, 50};
  const Lengths few{{6}, {60}};
  Subject subject{std::move(name), kernel, Products::F32, {}};
  for (const auto &[lengths, p] :
       {std::pair(whole, 0.3), std::pair(whole, 0.0), std::pair(Lengths{ends, ends}, 0.3),
        std::pair(Lengths{{20, 40, 3}, {3, 0, 70}}, 0.0), std::pair(few, leastKept(4, 54, 0)),
        std::pair(few, leastKept(4, 54, 32))})
    subject.launches.push_back(inputsOf(*kernel, lengths, p));
  return subject;
}

/// With dropout and without, and so that a channel of the first row, of sequence 1, is just
/// kept, in each part of a row of 70.
static Subject dropping(std::string name, std::shared_ptr<cpu::Kernel> kernel,
                        std::vector<Operand> operands) {
  Subject subject{std::move(name), std::move(kernel), Products::F32, {}};
  for (double p : {0.3, 0.0, leastKept(1, 0, 5), leastKept(1, 0, 37), leastKept(1, 0, 66)})
    subject.launches.push_back({operands, {5, 11, 3, 77}, {p}});
  return subject;
}

static void addVectorKernels(std::vector<Subject> &list) {
  auto norm = std::make_shared<cpu::LayerNorm>();
  norm->hidden = 70;
  norm->residual = true;
  Operand ids = integers({1, 1, 1, 2, 2}), positions = integers({0, 1, 2, 0, 1});
  list.push_back(dropping("layer norm", norm,
                          {random(350, 1), random(350, 2), ids, positions, random(70, 3),
                           random(70, 4), room(350), room(350), room(5), room(5)}));
  auto slope = std::make_shared<cpu::LayerNormGrad>();
  slope->hidden = 70;
  slope->residual = true;
  list.push_back(dropping("layer norm's gradient", slope,
                          {random(350, 1), random(350, 2), random(5, 3), random(5, 4),
                           random(70, 5), ids, positions, room(350), room(350), room(140)}));
  auto loss = std::make_shared<cpu::CrossEntropyGrad>();
  loss->classes = 37;
  list.push_back(
      {"cross-entropy's gradient",
       loss,
       Products::F32,
       {{{random(148, 1), integers({3, -100, 36, 0}), room(148)}, {4}, {0.1, 0.25}}}});
  auto embedding = std::make_shared<cpu::EmbeddingGrad>();
  embedding->hidden = 40;
  list.push_back({"embedding's gradient",
                  embedding,
                  Products::F32,
                  {{{random(240, 1), integers({3, 0, 5, 1, 4, 2}), integers({0, 2, 2, 3, 6}),
                     integers({2, 1, 0, 3}), random(200, 2)},
                    {4}}}});
  auto sum = std::make_shared<TableSum>();
  sum->elements = 5;
  list.push_back(
      {"sum of tables", sum, Products::F32, {{{random(5 * 150, 1), room(5)}, {150}}}});
  auto rows = std::make_shared<cpu::VocabularyRows>();
  rows->shape.hidden = 8;
  rows->shape.vocabulary = 70;
  rows->shape.chunk = 64;
  rows->gradient = true;
  auto stride = static_cast<std::size_t>(rows->shape.stride(*findArch("sm_80", Products::F32)));
  std::vector<int> labels(67, 69);
  labels[65] = -100;
  labels[66] = 31;
  std::vector<int> whole = labels; // the window's rows are whole tasks
  whole.push_back(5);
  list.push_back(
      {"vocabulary's loss",
       rows,
       Products::F32,
       {{{random(64 * stride, 1), integers(labels), random(67, 3)}, {67, 64}, {0.1, 0.25}},
        {{random(64 * stride, 1), integers(labels), random(67, 3)}, {67, 0}, {0, 0.25}},
        {{random(64 * stride, 1), integers(whole), random(68, 3)}, {68, 64}, {0.1, 0.25}}}});
}

std::vector<Subject> subjects() {
  std::vector<Subject> list;
  addProducts(list);
  addTallProducts(list);
  addNarrowProducts(list);
  using Part = FlashAttention::Part;
  list.push_back(attention("attention", Part::Forward, true, false));
  list.push_back(attention("attention with a bias", Part::Forward, false, true));
  list.push_back(attention("attention's queries", Part::Queries, false, true));
  list.push_back(attention("attention's keys", Part::Keys, true, false));
  addVectorKernels(list);
  return list;
}

} // namespace ftc::cuda::test
