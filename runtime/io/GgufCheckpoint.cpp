// Decodes blocks range by range, and puts the rows of query and key weights back.
#include "runtime/io/GgufCheckpoint.h"

#include <algorithm>

namespace ftc::rt {

Result<std::unique_ptr<WeightSource>> GgufCheckpoint::open(const std::string &path) {
  FTC_ASSIGN_OR_RETURN(GgufFile file, GgufFile::open(path));
  std::unique_ptr<GgufCheckpoint> out(new GgufCheckpoint(std::move(file)));
  WeightFile held;
  FTC_ASSIGN_OR_RETURN(held.file, File::open(path));
  if (held.file.size() != out->gguf.file()->size())
    return Status::error(path +
                         " changed while it was read: " + std::to_string(held.file.size()) +
                         " bytes, expected " + std::to_string(out->gguf.file()->size()));
  out->files.push_back(std::move(held));
  FTC_RETURN_IF_ERROR(out->addTensors());
  return std::unique_ptr<WeightSource>(std::move(out));
}

Status GgufCheckpoint::addTensors() {
  FTC_ASSIGN_OR_RETURN(std::vector<GgufMapping> mapped, mapGgufTensors(gguf));
  for (GgufMapping &mapping : mapped) {
    TensorInfo info;
    info.name = mapping.name;
    std::string_view type = mapping.tensor->type->name;
    info.dtype = type == "F16" ? DType::F16 : type == "BF16" ? DType::BF16 : DType::F32;
    info.shape = mapping.shape;
    info.elements = mapping.tensor->elements;
    info.offset = mapping.tensor->offset;
    info.bytes = mapping.tensor->bytes;
    all.push_back(std::move(info));
    std::string name = mapping.name;
    mappings.emplace(std::move(name), std::move(mapping));
  }
  sortByName();
  return Status::ok();
}

Status GgufCheckpoint::readAsF32(const TensorInfo &tensor, float *out, std::uint64_t first,
                                 std::uint64_t count) const {
  FTC_RETURN_IF_ERROR(clampRange(tensor, first, count));
  const GgufMapping &mapping = mappings.find(tensor.name)->second;
  if (mapping.permutedHeads == 0) {
    FTC_RETURN_IF_ERROR(gguf.readAsF32(*mapping.tensor, out, first, count));
    return checkFinite(tensor, out, first, count);
  }
  const std::uint64_t columns = tensor.elements / tensor.shape[0];
  const std::uint64_t head = tensor.shape[0] / mapping.permutedHeads, half = head / 2;
  for (std::uint64_t at = first, end = first + count; at < end;) {
    std::uint64_t row = at / columns, inHead = row % head;
    std::uint64_t stored = row - inHead + 2 * (inHead % half) + inHead / half;
    std::uint64_t part = std::min(columns - at % columns, end - at);
    FTC_RETURN_IF_ERROR(gguf.readAsF32(*mapping.tensor, out + (at - first),
                                       stored * columns + at % columns, part));
    at += part;
  }
  return checkFinite(tensor, out, first, count);
}

} // namespace ftc::rt
