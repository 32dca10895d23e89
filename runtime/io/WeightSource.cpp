// What all sources of weights share, and the choice between them.
#include "runtime/io/WeightSource.h"

#include "runtime/io/GgufCheckpoint.h"
#include "runtime/io/SafeTensors.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ftc::rt {

std::string describeTensor(const TensorInfo &tensor) {
  std::string out = std::string(dtypeName(tensor.dtype)) + " [";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i == 8) // More dimensions than any model has.
      return out + ", ...]";
    out += (i ? ", " : "") + std::to_string(tensor.shape[i]);
  }
  return out + "]";
}

Result<std::unique_ptr<WeightSource>> WeightSource::open(const std::string &path) {
  FTC_ASSIGN_OR_RETURN(std::optional<std::string> gguf, findGguf(path));
  std::unique_ptr<WeightSource> source;
  if (gguf) {
    FTC_ASSIGN_OR_RETURN(source, GgufCheckpoint::open(*gguf));
    return source;
  }
  FTC_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::open(path));
  source = std::make_unique<Checkpoint>(std::move(checkpoint));
  return source;
}

void WeightSource::sortByName() {
  std::sort(all.begin(), all.end(),
            [](const TensorInfo &a, const TensorInfo &b) { return a.name < b.name; });
}

const TensorInfo *WeightSource::find(std::string_view name) const {
  auto at = std::lower_bound(
      all.begin(), all.end(), name,
      [](const TensorInfo &tensor, std::string_view key) { return tensor.name < key; });
  return at != all.end() && at->name == name ? &*at : nullptr;
}

std::string WeightSource::fileName(std::size_t file) const { return baseName(filePath(file)); }

Status WeightSource::checkUnchanged(std::size_t file) {
  WeightFile &held = files[file];
  Status unchanged = held.file.checkUnchanged();
  if (unchanged || !held.hash)
    return unchanged;
  FTC_ASSIGN_OR_RETURN(std::string now, sha256HexOfFile(held.file));
  if (now != *held.hash)
    return unchanged;
  held.file.acceptTime();
  return Status::ok();
}

Result<std::string> WeightSource::sha256(std::size_t file) {
  WeightFile &held = files[file];
  if (!held.hash) {
    FTC_ASSIGN_OR_RETURN(held.hash, sha256HexOfFile(held.file));
  }
  return *held.hash;
}

Status WeightSource::tensorError(const TensorInfo &tensor, const std::string &what) const {
  return Status::error(escape(filePath(tensor.file), 160) + ": tensor " + quote(tensor.name) +
                       what);
}

Status WeightSource::clampRange(const TensorInfo &tensor, std::uint64_t first,
                                std::uint64_t &count) const {
  if (first > tensor.elements)
    return tensorError(tensor, ": element " + std::to_string(first) + " asked for, it has " +
                                   std::to_string(tensor.elements));
  count = std::min(count, tensor.elements - first);
  return Status::ok();
}

/// The index of the first value that is not finite, or `count`.
static std::size_t firstNonFinite(const float *values, std::size_t count) {
  constexpr std::uint32_t exponent = 0x7F800000u;
  constexpr std::size_t block = 4096;
  for (std::size_t begin = 0; begin < count; begin += block) {
    std::size_t end = std::min(count, begin + block);
    std::uint32_t bad = 0; // Vectorizes; the exact index is looked for only when it is set.
    for (std::size_t i = begin; i < end; ++i)
      bad |= (std::bit_cast<std::uint32_t>(values[i]) & exponent) == exponent;
    if (bad)
      for (std::size_t i = begin; i < end; ++i)
        if (!std::isfinite(values[i]))
          return i;
  }
  return count;
}

Status WeightSource::checkFinite(const TensorInfo &tensor, const float *values,
                                 std::uint64_t first, std::size_t count) const {
  std::size_t i = firstNonFinite(values, count);
  if (i == count)
    return Status::ok();
  return tensorError(tensor, " has a value that is " +
                                 std::string(std::isnan(values[i]) ? "NaN" : "infinite") +
                                 " (as F32) at element " + std::to_string(first + i) +
                                 ", expected finite weights; the checkpoint is damaged");
}

} // namespace ftc::rt
