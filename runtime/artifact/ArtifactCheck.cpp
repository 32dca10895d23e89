// Checks of the tables outside programs: names, shapes, storage, task, files, kernels.
#include "runtime/artifact/ArtifactCheck.h"

#include "runtime/abi/Kernel.h"
#include "runtime/artifact/ArtifactReader.h"
#include "runtime/artifact/CompactRows.h"
#include "runtime/artifact/Expression.h"
#include "runtime/executor/Layout.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Sha256.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_set>

namespace ftc::rt {

// Bounds that keep every later product of a size and an element size inside 63 bits.
static constexpr std::int64_t kMaxElements = std::int64_t(1) << 44;
static constexpr std::int64_t kMaxScratchBytes = std::int64_t(1) << 30;
static constexpr std::uint32_t kMaxMoments = 16; // of one parameter
static constexpr std::int64_t kMaxMomentBytes = std::int64_t(1) << 46;
static constexpr std::uint32_t kMaxSequenceLength = 1u << 24;
static constexpr std::uint32_t kMaxPositionOffset = 1u << 20;

static Status bad(std::string message) { return Status::error("bad artifact: " + message); }

/// Names of a table are not empty, valid UTF-8 and unique.
template <typename Table> static Status checkNames(const Table *table, const char *what) {
  std::unordered_set<std::string_view> seen;
  for (std::uint32_t i = 0; i < count(table); ++i) {
    std::string_view name = text(table->Get(i)->name());
    if (name.empty() || !isValidUtf8(name))
      return bad(std::string(what) + " " + std::to_string(i) + " has no proper name");
    if (!seen.insert(name).second)
      return bad(std::string("two ") + what + "s are named " + quote(name));
  }
  return Status::ok();
}

static Status checkParameters(const abi::Artifact &artifact) {
  FTC_RETURN_IF_ERROR(checkNames(artifact.parameters(), "parameter"));
  for (std::uint32_t i = 0; i < count(artifact.parameters()); ++i) {
    const abi::Parameter &parameter = *artifact.parameters()->Get(i);
    std::string name = "parameter " + quote(text(parameter.name()));
    if (parameter.shape()->size() > 8 || !isAligned<std::int64_t>(parameter.shape()))
      return bad(name + " has more than 8 dimensions, or misaligned ones");
    std::int64_t elements = 1;
    for (std::int64_t dimension : *parameter.shape())
      if (dimension < 1 || __builtin_mul_overflow(elements, dimension, &elements) ||
          elements > kMaxElements)
        return bad(name + " has an impossible shape");
    if (parameter.init() > abi::Init::MAX)
      return bad(name + " has an unknown kind of initial value");
    if (parameter.init() == abi::Init::Checkpoint && text(parameter.tensor()).empty())
      return bad(name + " comes from the checkpoint but names no tensor");
    if (parameter.init() == abi::Init::Sinusoids &&
        (parameter.trainable() || !parameter.shape() || parameter.shape()->size() != 2))
      return bad(name + " is a table of sinusoids, which must be frozen and of two dimensions");
    if (!std::isfinite(parameter.init_std()) || parameter.init_std() < 0)
      return bad(name + " has an impossible standard deviation");
  }
  return Status::ok();
}

/// An adapter's factor and file; and that no parameter wants a file that is not named.
static Status checkAdapter(const abi::Artifact &artifact) {
  const abi::Adapter *adapter = artifact.adapter();
  if (adapter && !std::isfinite(adapter->scale()))
    return bad("the adapter's scale is not finite");
  const abi::CheckpointFile *file = adapter ? adapter->file() : nullptr;
  if (file && (!isBareFileName(text(file->name())) || !isSha256Hex(text(file->sha256())) ||
               file->size() < 0))
    return bad("the adapter's file " + quote(text(file->name())) +
               " has no proper name, hash or size");
  for (std::uint32_t i = 0; i < count(artifact.parameters()); ++i) {
    const abi::Parameter &parameter = *artifact.parameters()->Get(i);
    if (parameter.from_adapter() && !file)
      return bad("parameter " + quote(text(parameter.name())) +
                 " comes from an adapter, but none is named");
  }
  return Status::ok();
}

static bool isInteger(std::string_view label) {
  if (label.starts_with('-'))
    label.remove_prefix(1);
  return !label.empty() && label.size() <= 18 &&
         std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
}

static Status checkTask(const abi::Task &task) {
  if (task.name()->size() == 0)
    return bad("the task has no name");
  std::unordered_set<std::string_view> seen;
  for (std::uint32_t i = 0; i < count(task.labels()); ++i) {
    std::string_view label = text(task.labels()->Get(i));
    if (!isValidUtf8(label))
      return bad("label " + std::to_string(i) + " is not UTF-8");
    if (!seen.insert(label).second)
      return bad("two labels are " + quote(label));
    if (task.labels_are_integers() && !isInteger(label))
      return bad("label " + quote(label) + " is not an integer, though all should be");
  }
  if (task.max_seq_length() < 1 || task.max_seq_length() > kMaxSequenceLength)
    return bad("max_seq_length is " + std::to_string(task.max_seq_length()));
  if (task.position_offset() > kMaxPositionOffset)
    return bad("position_offset is " + std::to_string(task.position_offset()));
  if (task.max_target_length() > kMaxSequenceLength)
    return bad("max_target_length is " + std::to_string(task.max_target_length()));
  if (task.decoder_start_token_id() < -1)
    return bad("decoder_start_token_id is " + std::to_string(task.decoder_start_token_id()));
  if (task.pad_token_id() < -1)
    return bad("pad_token_id is " + std::to_string(task.pad_token_id()));
  return Status::ok();
}

static Status checkGeneration(const abi::Generation &generation) {
  for (std::int64_t value : {generation.max_source_length(), generation.max_target_length(),
                             generation.longest(), generation.max_beams()})
    if (value < 1 || value > std::int64_t{kMaxSequenceLength})
      return bad("a capacity of generation is " + std::to_string(value));
  return Status::ok();
}

static Status checkFiles(const abi::Artifact &artifact) {
  FTC_RETURN_IF_ERROR(checkNames(artifact.tokenizer_files(), "tokenizer file"));
  FTC_RETURN_IF_ERROR(checkNames(artifact.checkpoint_files(), "checkpoint file"));
  for (std::uint32_t i = 0; i < count(artifact.tokenizer_files()); ++i) {
    std::string_view name = text(artifact.tokenizer_files()->Get(i)->name());
    if (!isBareFileName(name))
      return bad("tokenizer file " + quote(name) + " is not a bare file name");
  }
  for (std::uint32_t i = 0; i < count(artifact.checkpoint_files()); ++i) {
    const abi::CheckpointFile &file = *artifact.checkpoint_files()->Get(i);
    if (!isBareFileName(text(file.name())))
      return bad("checkpoint file " + quote(text(file.name())) + " is not a bare file name");
    if (!isSha256Hex(text(file.sha256())) || file.size() < 0)
      return bad("checkpoint file " + quote(text(file.name())) + " has no proper hash or size");
  }
  return Status::ok();
}

/// Where parameter `index` lies, and that trainable ones come first, those with decay before
/// the others.
static Status checkStorage(const abi::Variant &variant, const abi::Parameter &parameter,
                           const abi::ParameterStorage &storage) {
  std::string name = "parameter " + quote(text(parameter.name()));
  const abi::Layout &layout = *storage.layout();
  std::int64_t expected = 0, end = 0;
  if (layout.kind() > abi::LayoutKind::MAX ||
      !storageElements({parameter.shape()->data(), parameter.shape()->size()}, layout,
                       expected))
    return bad(name + " has a layout that its shape does not fit");
  bool half = storage.dtype() == abi::DType::BF16 || storage.dtype() == abi::DType::F16;
  if ((storage.dtype() != abi::DType::F32 && !half) || (half && parameter.trainable()))
    return bad(name + " is stored in a type that it cannot have");
  if (storage.on_demand() &&
      (half || count(parameter.shape()) != 2 || layout.kind() != abi::LayoutKind::RowMajor ||
       parameter.init() != abi::Init::Checkpoint || parameter.from_adapter()))
    return bad(name + " is read by rows, expected an f32 table of the checkpoint, row-major");
  if (half)
    expected = expected / 2 + expected % 2;
  if (storage.elements() != expected)
    return bad(name + " takes " + std::to_string(expected) + " elements, its storage has " +
               std::to_string(storage.elements()));
  std::int64_t limit = !parameter.trainable() ? variant.params_elements()
                       : parameter.decay()    ? variant.decay_elements()
                                              : variant.trainable_elements();
  std::int64_t start = !parameter.trainable() ? variant.trainable_elements()
                       : parameter.decay()    ? 0
                                              : variant.decay_elements();
  if (storage.offset() < start || __builtin_add_overflow(storage.offset(), expected, &end) ||
      end > limit)
    return bad(name + " lies outside its part of the parameter storage");
  if (parameter.trainable() && variant.overlaid_at() >= 0 &&
      storage.offset() < variant.overlaid_from() && end > variant.overlaid_from())
    return bad(name + " lies on both sides of element " +
               std::to_string(variant.overlaid_from()) +
               ", where gradients in the arena begin");
  return Status::ok();
}

static int findSymbol(const abi::Artifact &artifact, std::string_view name) {
  for (std::uint32_t i = 0; i < count(artifact.symbols()); ++i)
    if (text(artifact.symbols()->Get(i)->name()) == name)
      return static_cast<int>(i);
  return -1;
}

/// What a moment is and where it lies; `end` becomes its last byte's successor.
static Status checkMoment(const abi::Artifact &artifact, const abi::Variant &variant,
                          const abi::MomentStorage &moment, std::int64_t &end) {
  if (moment.parameter() >= count(artifact.parameters()))
    return bad("a moment of parameter " + std::to_string(moment.parameter()) + " of " +
               std::to_string(count(artifact.parameters())));
  const abi::Parameter &parameter = *artifact.parameters()->Get(moment.parameter());
  std::string name =
      "moment " + std::to_string(moment.index()) + " of " + quote(text(parameter.name()));
  if (!parameter.trainable() || moment.index() >= kMaxMoments)
    return bad(name + " belongs to a frozen parameter, or is one too many");
  if (moment.dtype() != abi::DType::F32 && moment.dtype() != abi::DType::U8)
    return bad(name + " is neither f32 nor u8");
  const abi::Layout &layout = *moment.layout();
  std::int64_t expected = 0, bytes = 0, width = sizeOf(moment.dtype());
  if (!isAligned<std::int64_t>(moment.shape()) || layout.kind() > abi::LayoutKind::MAX ||
      !storageElements({moment.shape()->data(), moment.shape()->size()}, layout, expected) ||
      expected != moment.elements() || expected > kMaxElements)
    return bad(name + " has a shape, a layout and a size that do not belong together");
  int touched = findSymbol(artifact, kTouched);
  if (moment.compact() &&
      (moment.dtype() != abi::DType::F32 || layout.kind() != abi::LayoutKind::RowMajor ||
       moment.shape()->size() != 2 || touched < 0 ||
       artifact.symbols()->Get(touched)->capacity() != moment.shape()->Get(0)))
    return bad(name + " is compact, but not a table of f32 with as many rows as the capacity of "
                      "the symbol " +
               quote(kTouched));
  // Only f32 is brought into another layout.
  if (layout.kind() != abi::LayoutKind::RowMajor && moment.dtype() != abi::DType::F32)
    return bad(name + " lies in panels, but is not f32");
  if (moment.offset() < 0 || moment.offset() % width != 0 ||
      __builtin_mul_overflow(expected, width, &bytes) ||
      __builtin_add_overflow(moment.offset(), bytes, &end) || end > variant.moments_bytes())
    return bad(name + " lies outside the moments");
  return Status::ok();
}

/// Moments lie in the order of the table, apart, each of a parameter's once.
static Status checkMoments(const abi::Artifact &artifact, const abi::Variant &variant) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  std::int64_t last = 0;
  for (std::uint32_t i = 0; i < count(variant.moments()); ++i) {
    const abi::MomentStorage &moment = *variant.moments()->Get(i);
    std::int64_t end = 0;
    FTC_RETURN_IF_ERROR(checkMoment(artifact, variant, moment, end));
    if (moment.offset() < last)
      return bad("two moments share storage at byte " + std::to_string(moment.offset()));
    if (!seen.insert({moment.parameter(), moment.index()}).second)
      return bad("moment " + std::to_string(moment.index()) + " of parameter " +
                 std::to_string(moment.parameter()) + " is there twice");
    last = end;
  }
  return Status::ok();
}

static Status checkVariant(const abi::Artifact &artifact, const abi::Variant &variant) {
  if (variant.target()->size() == 0 || variant.isa()->size() == 0)
    return bad("a variant names no target or no instruction set");
  if (variant.object()->size() == 0)
    return bad("it has no code");
  if (variant.decay_elements() < 0 || variant.decay_elements() > variant.trainable_elements() ||
      variant.trainable_elements() > variant.params_elements() ||
      variant.params_elements() > kMaxElements || variant.moments_bytes() < 0 ||
      variant.moments_bytes() > kMaxMomentBytes || variant.unused_params_bytes() < 0 ||
      variant.unused_params_bytes() > 4 * variant.params_elements() ||
      variant.unused_grads_bytes() < 0 ||
      variant.unused_grads_bytes() > 4 * variant.trainable_elements() ||
      variant.unused_moments_bytes() < 0 ||
      variant.unused_moments_bytes() > variant.moments_bytes())
    return bad("impossible sizes of parameters, gradients or moments");
  if (variant.overlaid_from() < 0 || variant.overlaid_from() > variant.trainable_elements() ||
      variant.overlaid_from() % 16 != 0 || variant.overlaid_at() < -1 ||
      variant.overlaid_at() > kMaxMomentBytes || variant.overlaid_compact_at() < 0 ||
      variant.overlaid_compact_at() > kMaxMomentBytes ||
      (variant.overlaid_at() >= 0 && variant.overlaid_at() % abi::kBufferAlignment != 0) ||
      variant.overlaid_compact_at() % abi::kBufferAlignment != 0 ||
      variant.unused_overlaid_bytes() < 0 ||
      variant.unused_overlaid_bytes() > 4 * variant.overlaid_from())
    return bad("an impossible place of gradients in the arena");
  FTC_RETURN_IF_ERROR(checkNames(variant.kernels(), "kernel"));
  for (std::uint32_t i = 0; i < count(variant.kernels()); ++i) {
    std::int64_t scratch = variant.kernels()->Get(i)->scratch_bytes();
    if (scratch < 0 || scratch > kMaxScratchBytes)
      return bad("kernel " + quote(text(variant.kernels()->Get(i)->name())) + " asks for " +
                 std::to_string(scratch) + " bytes of scratch");
  }
  std::uint32_t parameters = count(artifact.parameters());
  if (count(variant.storage()) != parameters)
    return bad("storage for " + std::to_string(count(variant.storage())) + " of " +
               std::to_string(parameters) + " parameters");
  std::vector<std::pair<std::int64_t, std::int64_t>> slices;
  for (std::uint32_t i = 0; i < parameters; ++i) {
    const abi::ParameterStorage &storage = *variant.storage()->Get(i);
    FTC_RETURN_IF_ERROR(checkStorage(variant, *artifact.parameters()->Get(i), storage));
    slices.emplace_back(storage.offset(), storage.offset() + storage.elements());
  }
  std::sort(slices.begin(), slices.end());
  for (std::size_t i = 1; i < slices.size(); ++i)
    if (slices[i].first < slices[i - 1].second)
      return bad("two parameters share storage at element " +
                 std::to_string(slices[i].first));
  return checkMoments(artifact, variant);
}

Status checkTables(const abi::Artifact &artifact) {
  FTC_RETURN_IF_ERROR(checkNames(artifact.symbols(), "symbol"));
  for (std::uint32_t i = 0; i < count(artifact.symbols()); ++i) {
    std::int64_t capacity = artifact.symbols()->Get(i)->capacity();
    if (capacity < 0 || capacity > kMaxElements)
      return bad("symbol " + quote(text(artifact.symbols()->Get(i)->name())) +
                 " has capacity " + std::to_string(capacity));
  }
  FTC_RETURN_IF_ERROR(checkNames(artifact.scalars(), "scalar"));
  FTC_RETURN_IF_ERROR(checkParameters(artifact));
  FTC_RETURN_IF_ERROR(checkAdapter(artifact));
  FTC_RETURN_IF_ERROR(checkTask(*artifact.task()));
  if (artifact.generation())
    FTC_RETURN_IF_ERROR(checkGeneration(*artifact.generation()));
  FTC_RETURN_IF_ERROR(checkFiles(artifact));
  if (count(artifact.variants()) == 0)
    return bad("it has no code for any target");
  for (std::uint32_t i = 0; i < count(artifact.variants()); ++i) {
    const abi::Variant &variant = *artifact.variants()->Get(i);
    FTC_RETURN_IF_ERROR(checkVariant(artifact, variant));
    FTC_RETURN_IF_ERROR(checkPrograms(artifact, variant));
  }
  return Status::ok();
}

Result<const abi::Artifact *> checkPayload(std::span<const std::uint8_t> payload) {
  // FlatBuffers keeps offsets in 32 bits; its verifier asserts the size, it does not check.
  if (payload.size() < 8 || payload.size() >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return bad("a payload of " + std::to_string(payload.size()) + " bytes");
  flatbuffers::Verifier::Options options;
  options.max_tables = 4'000'000;
  flatbuffers::Verifier verifier(payload.data(), payload.size(), options);
  if (!abi::VerifyArtifactBuffer(verifier))
    return bad("its structure is broken");
  const abi::Artifact *artifact = abi::GetArtifact(payload.data());
  FTC_RETURN_IF_ERROR(checkTables(*artifact));
  return artifact;
}

} // namespace ftc::rt
