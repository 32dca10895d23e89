// A batch is computed whole where one of its examples is new, joined from what is kept otherwise.
#include "runtime/train/TrunkCache.h"

#include "runtime/artifact/Expression.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cstring>

namespace ftc::rt {

namespace {

/// The batch array with each example's first row in a space, and the space's capacity; empty
/// for spaces whose rows are no example's own.
std::pair<std::string, std::int64_t> rowsOf(std::string_view space,
                                            const BatchCapacity &capacity) {
  if (space == "tokens")
    return {"cu_seqlens", capacity.tokens};
  if (space == "sequences")
    return {"sequence_offsets", capacity.sequences};
  if (space == "labelled")
    return {"labelled_offsets", capacity.labelled};
  if (space == "target")
    return {"target_cu_seqlens", capacity.target};
  return {};
}

} // namespace

Result<std::unique_ptr<TrunkCache>> TrunkCache::make(Executor &executor,
                                                     const BatchCapacity &capacity) {
  ProgramHandle handle = executor.program(kTrunk);
  if (!handle)
    return std::unique_ptr<TrunkCache>();
  std::unique_ptr<TrunkCache> cache(new TrunkCache(executor, handle));
  const ArtifactReader &artifact = executor.artifact();
  for (const abi::Program *program : *executor.variant().programs()) {
    if (text(program->name()) != kTrunk)
      continue;
    for (std::uint32_t i = 0; i < count(program->buffers()); ++i) {
      const abi::Buffer &buffer = *program->buffers()->Get(i);
      if (buffer.segment() != abi::Segment::Output)
        continue;
      std::string_view name = text(buffer.name());
      const abi::Expr &size = *buffer.elements();
      Status bad = Status::error(artifact.name() + ": expected output " + quote(name) +
                                 " of program " + quote(kTrunk) + " to be rows of examples");
      if (size.constant() != 0 || count(size.terms()) != 1 || buffer.dtype() != abi::DType::F32)
        return bad;
      const abi::Term &term = *size.terms()->Get(0);
      auto [offsets, rows] =
          rowsOf(text(artifact->symbols()->Get(term.symbol())->name()), capacity);
      if (offsets.empty() || term.divisor() != 1 || term.coefficient() < 1)
        return bad;
      Value value{executor.output(name), executor.input(name), offsets, term.coefficient(), {}};
      value.joined.reserve(static_cast<std::size_t>(rows * value.width));
      cache->values.push_back(std::move(value));
    }
  }
  return cache;
}

Status TrunkCache::keepIn(const std::string &directory) {
  FTC_ASSIGN_OR_RETURN(file, ScratchFile::make(directory));
  return Status::ok();
}

Status TrunkCache::provide(const Batch &batch, std::span<const Example *const> examples) {
  if (!std::all_of(examples.begin(), examples.end(),
                   [&](const Example *example) { return entries.count(example) != 0; }))
    return compute(batch, examples);
  for (std::size_t k = 0; k < values.size(); ++k) {
    Value &value = values[k];
    value.joined.clear();
    for (const Example *example : examples) {
      std::span<const float> rows = entries.at(example)[k];
      value.joined.insert(value.joined.end(), rows.begin(), rows.end());
    }
    FTC_RETURN_IF_ERROR(executor.setInput(value.input, std::span<const float>(value.joined)));
  }
  return Status::ok();
}

Status TrunkCache::compute(const Batch &batch, std::span<const Example *const> examples) {
  FTC_RETURN_IF_ERROR(executor.run(program));
  for (const Value &value : values)
    FTC_RETURN_IF_ERROR(executor.setInput(value.input, executor.outputF32(value.output)));
  for (std::size_t sequence = 0; file && !full && sequence < examples.size(); ++sequence)
    if (entries.count(examples[sequence]) == 0)
      keep(batch, examples[sequence], sequence);
  return Status::ok();
}

void TrunkCache::keep(const Batch &batch, const Example *example, std::size_t sequence) {
  std::vector<std::span<const float>> kept;
  for (const Value &value : values) {
    std::span<const std::int32_t> offsets = *batch.array(value.offsets);
    auto first = static_cast<std::size_t>(offsets[sequence] * value.width);
    auto behind = static_cast<std::size_t>(offsets[sequence + 1] * value.width);
    std::span<const float> rows =
        executor.outputF32(value.output).subspan(first, behind - first);
    std::byte *place = file->append(static_cast<std::int64_t>(rows.size_bytes()));
    if (!place) {
      full = true;
      return;
    }
    std::memcpy(place, rows.data(), rows.size_bytes());
    kept.emplace_back(reinterpret_cast<const float *>(place), rows.size());
  }
  entries.emplace(example, std::move(kept));
}

} // namespace ftc::rt
