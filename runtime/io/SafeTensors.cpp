// The weights of a model on disk: which files, which tensors, and their numbers as f32.
#include "runtime/io/SafeTensors.h"

#include "runtime/io/Json.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace ftc::rt {

static constexpr const char *singleName = "model.safetensors";
static constexpr const char *indexName = "model.safetensors.index.json";
/// Bytes read at once where they are converted.
static constexpr std::size_t chunkBytes = std::size_t(256) << 10;
static constexpr std::size_t maxShards = 4096;

bool hasSafeTensors(const std::string &directory) {
  return pathKind(joinPath(directory, singleName)) != PathKind::Missing ||
         pathKind(joinPath(directory, indexName)) != PathKind::Missing;
}

Status Checkpoint::addFile(const std::string &path,
                           const std::map<std::string, std::string> *weightMap) {
  WeightFile shard;
  FTC_ASSIGN_OR_RETURN(shard.file, File::open(path));
  const File &file = shard.file;
  char start[8] = {};
  std::size_t have = std::min<std::uint64_t>(8, file.size());
  FTC_RETURN_IF_ERROR(file.readAt(0, start, have));
  FTC_ASSIGN_OR_RETURN(std::uint64_t length,
                       safeTensorsHeaderBytes({start, have}, file.size(), path));
  std::string json(length, '\0');
  FTC_RETURN_IF_ERROR(file.readAt(8, json.data(), length));
  FTC_ASSIGN_OR_RETURN(
      SafeTensorsHeader header,
      parseSafeTensorsHeader(json, 8 + length, file.size() - 8 - length, path));
  std::string name = baseName(path);
  for (TensorInfo &tensor : header.tensors) {
    if (weightMap) {
      auto at = weightMap->find(tensor.name);
      if (at == weightMap->end() || at->second != name)
        continue;
    }
    tensor.file = files.size();
    all.push_back(std::move(tensor));
  }
  files.push_back(std::move(shard));
  return Status::ok();
}

/// What to say when a directory has no safetensors.
static Status noWeights(const std::string &directory) {
  FTC_ASSIGN_OR_RETURN(std::vector<std::string> names, listDirectory(directory));
  std::string where = quote(directory, 160);
  for (const std::string &name : names)
    if ((name.starts_with("pytorch_model") && name.find(".bin") != name.npos) ||
        name.ends_with(".pt") || name.ends_with(".pth") || name.ends_with(".ckpt"))
      return Status::error(
          where + " has its weights only as " + quote(name, 60) +
          ", a pickle, which is never read; expected " + singleName +
          ": load it with transformers and write it again with save_pretrained(DIR, "
          "safe_serialization=True), or fetch the model's safetensors revision");
  for (const std::string &name : names)
    if (name.ends_with(".h5") || name.ends_with(".msgpack") || name.ends_with(".onnx") ||
        name.ends_with(".gguf"))
      return Status::error(where + " has its weights only as " + quote(name, 60) +
                           ", which is not supported; expected " + singleName + " or " +
                           indexName);
  return Status::error(where + " has no weights: expected " + singleName + " or " + indexName +
                       ", got " + quoteList(names, 5));
}

Result<Checkpoint> Checkpoint::openIndexed(const std::string &directory,
                                           const std::string &index) {
  FTC_ASSIGN_OR_RETURN(std::string json, readFile(index, JsonOptions().maxBytes));
  using WeightMap = std::map<std::string, std::string>;
  FTC_ASSIGN_OR_RETURN(WeightMap weightMap, parseSafeTensorsIndex(json, index));
  std::set<std::string> shards;
  for (const auto &[name, file] : weightMap)
    shards.insert(file);
  if (shards.size() > maxShards)
    return Status::error(quote(index, 160) + " names " + std::to_string(shards.size()) +
                         " files, expected at most " + std::to_string(maxShards));
  Checkpoint checkpoint;
  for (const std::string &file : shards)
    if (Status status = checkpoint.addFile(joinPath(directory, file), &weightMap); !status)
      return std::move(status).withContext(std::string("shard named by ") + indexName);
  // Each file gave at most the tensors that the map places in it, so equal counts mean all.
  if (checkpoint.all.size() != weightMap.size()) {
    std::set<std::string_view> present;
    for (const TensorInfo &tensor : checkpoint.all)
      present.insert(tensor.name);
    for (const auto &[name, file] : weightMap)
      if (!present.count(name))
        return Status::error(escape(index, 160) + ": tensor " + quote(name) + " is placed in " +
                             quote(file) + ", which does not have it; fetch the model again");
  }
  return checkpoint;
}

Result<Checkpoint> Checkpoint::open(const std::string &path) {
  Checkpoint checkpoint;
  std::string single = joinPath(path, singleName), index = joinPath(path, indexName);
  switch (pathKind(path)) {
  case PathKind::Directory:
    if (pathKind(single) != PathKind::Missing) {
      FTC_RETURN_IF_ERROR(checkpoint.addFile(single, nullptr));
    } else if (pathKind(index) != PathKind::Missing) {
      FTC_ASSIGN_OR_RETURN(checkpoint, openIndexed(path, index));
    } else {
      return noWeights(path);
    }
    break;
  case PathKind::Missing:
    return Status::error("model " + quote(path, 200) +
                         " does not exist, expected a directory with " + singleName);
  default:
    FTC_RETURN_IF_ERROR(checkpoint.addFile(path, nullptr));
  }
  checkpoint.sortByName();
  return checkpoint;
}

Status Checkpoint::read(const TensorInfo &tensor, std::uint64_t firstByte,
                        std::span<std::byte> out) const {
  if (firstByte > tensor.bytes || out.size() > tensor.bytes - firstByte)
    return Status::error("tensor " + quote(tensor.name) + ": bytes " +
                         std::to_string(firstByte) + " to " +
                         std::to_string(firstByte + out.size()) + " asked for, it has " +
                         std::to_string(tensor.bytes));
  return files[tensor.file].file.readAt(tensor.offset + firstByte, out.data(), out.size());
}

namespace {

void widen(DType dtype, const std::byte *from, float *to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (dtype == DType::F64) {
      double value;
      std::memcpy(&value, from + i * 8, 8);
      // A conversion that overflows is undefined in C++; infinity makes the finite check fail.
      constexpr double limit = 0x1.ffffffp127; // Rounds up to 2^128 from here on.
      to[i] = std::abs(value) >= limit ? std::copysign(HUGE_VALF, float(value > 0 ? 1 : -1))
                                       : static_cast<float>(value);
      continue;
    }
    std::uint16_t bits;
    std::memcpy(&bits, from + i * 2, 2);
    to[i] = dtype == DType::F16 ? halfToFloat(bits) : bfloat16ToFloat(bits);
  }
}

} // namespace

Status Checkpoint::readAsF32(const TensorInfo &tensor, float *out, std::uint64_t first,
                             std::uint64_t count) const {
  if (tensor.dtype != DType::F32 && tensor.dtype != DType::F16 && tensor.dtype != DType::BF16 &&
      tensor.dtype != DType::F64)
    return tensorError(tensor, " has dtype " + std::string(dtypeName(tensor.dtype)) +
                                   ", expected F32, F16, BF16 or F64");
  FTC_RETURN_IF_ERROR(clampRange(tensor, first, count));
  std::size_t size = dtypeBits(tensor.dtype) / 8;
  std::size_t step = chunkBytes / size;
  std::vector<std::byte> buffer(tensor.dtype == DType::F32 ? 0 : chunkBytes);
  for (std::uint64_t done = 0; done < count; done += step) {
    std::size_t part = std::min<std::uint64_t>(step, count - done);
    float *to = out + done;
    std::byte *raw =
        tensor.dtype == DType::F32 ? reinterpret_cast<std::byte *>(to) : buffer.data();
    FTC_RETURN_IF_ERROR(read(tensor, (first + done) * size, {raw, part * size}));
    if (tensor.dtype != DType::F32)
      widen(tensor.dtype, raw, to, part);
    FTC_RETURN_IF_ERROR(checkFinite(tensor, to, first + done, part));
  }
  return Status::ok();
}

Result<std::span<const std::byte>> Checkpoint::data(const TensorInfo &tensor) {
  WeightFile &shard = files[tensor.file];
  if (!shard.mapped) {
    FTC_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::open(shard.file.path()));
    if (mapped.size() != shard.file.size())
      return Status::error(quote(shard.file.path(), 200) +
                           " changed while it was in use: " + std::to_string(mapped.size()) +
                           " bytes, expected " + std::to_string(shard.file.size()));
    shard.mapped = std::move(mapped);
  }
  return shard.mapped->bytes().subspan(tensor.offset, tensor.bytes);
}

void Checkpoint::dropPages(const TensorInfo &tensor) const {
  const WeightFile &shard = files[tensor.file];
  if (shard.mapped)
    shard.mapped->dropPages(tensor.offset, tensor.bytes);
  shard.file.dropPages(tensor.offset, tensor.bytes);
}

} // namespace ftc::rt
