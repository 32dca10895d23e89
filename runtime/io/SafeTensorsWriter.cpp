// Writing safetensors with Python's bytes: order of tensors, spelling of the header, padding.
#include "runtime/io/SafeTensors.h"

#include "runtime/support/Checked.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <tuple>

namespace ftc::rt {

namespace {

constexpr std::size_t chunkBytes = std::size_t(1) << 20;

/// A JSON string as serde_json spells it.
std::string jsonString(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\f':
      out += "\\f";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (static_cast<unsigned char>(c) < 0x20) {
        char hex[8];
        std::snprintf(hex, sizeof hex, "\\u%04x", static_cast<unsigned>(c));
        out += hex;
      } else
        out += c;
    }
  }
  return out + '"';
}

struct Plan {
  std::string header;
  std::vector<const TensorSource *> order;
  std::vector<std::uint64_t> bytes;
  std::uint64_t total = 0;
};

Result<std::uint64_t> tensorBytes(const TensorSource &tensor) {
  std::optional<std::uint64_t> bits =
      checkedProduct(std::span<const std::uint64_t>(tensor.shape));
  if (bits)
    bits = checkedMul<std::uint64_t>(*bits, dtypeBits(tensor.dtype));
  if (!bits || *bits % 8)
    return Status::error("tensor " + quote(tensor.name) +
                         ": its shape and dtype have no size in whole bytes below 2^64");
  return *bits / 8;
}

Result<Plan> plan(std::span<const TensorSource> tensors) {
  Plan plan;
  for (const TensorSource &tensor : tensors) {
    if (!isValidUtf8(tensor.name) || tensor.name == "__metadata__")
      return Status::error("tensor " + quote(tensor.name) +
                           " cannot be written: its name is reserved or not UTF-8");
    plan.order.push_back(&tensor);
  }
  std::sort(plan.order.begin(), plan.order.end(),
            [](const TensorSource *a, const TensorSource *b) { return a->name < b->name; });
  for (std::size_t i = 1; i < plan.order.size(); ++i)
    if (plan.order[i - 1]->name == plan.order[i]->name)
      return Status::error("tensor " + quote(plan.order[i]->name) +
                           " is given twice, expected each name once");
  std::sort(plan.order.begin(), plan.order.end(),
            [](const TensorSource *a, const TensorSource *b) {
              return std::tie(b->dtype, a->name) < std::tie(a->dtype, b->name);
            });

  std::uint64_t offset = 0;
  std::string &json = plan.header;
  json = R"({"__metadata__":{"format":"pt"})";
  for (const TensorSource *tensor : plan.order) {
    FTC_ASSIGN_OR_RETURN(std::uint64_t bytes, tensorBytes(*tensor));
    std::optional<std::uint64_t> end = checkedAdd(offset, bytes);
    if (!end)
      return Status::error("the tensors together have no size below 2^64");
    json += "," + jsonString(tensor->name) + R"(:{"dtype":")" +
            std::string(dtypeName(tensor->dtype)) + R"(","shape":[)";
    for (std::size_t i = 0; i < tensor->shape.size(); ++i)
      json += (i ? "," : "") + std::to_string(tensor->shape[i]);
    json +=
        R"(],"data_offsets":[)" + std::to_string(offset) + "," + std::to_string(*end) + "]}";
    plan.bytes.push_back(bytes);
    offset = *end;
  }
  json += "}";
  json.append((8 - json.size() % 8) % 8, ' ');
  plan.total = 8 + json.size() + offset;
  return plan;
}

} // namespace

Result<std::uint64_t> safeTensorsFileBytes(std::span<const TensorSource> tensors) {
  FTC_ASSIGN_OR_RETURN(Plan made, plan(tensors));
  return made.total;
}

Status writeSafeTensors(OutputFile &file, std::span<const TensorSource> tensors) {
  FTC_ASSIGN_OR_RETURN(Plan made, plan(tensors));
  std::uint64_t length = made.header.size();
  char start[8];
  std::memcpy(start, &length, 8);
  FTC_RETURN_IF_ERROR(file.write(start, 8));
  FTC_RETURN_IF_ERROR(file.write(made.header));
  std::vector<std::byte> buffer;
  for (std::size_t i = 0; i < made.order.size(); ++i) {
    const TensorSource &tensor = *made.order[i];
    if (tensor.data) {
      FTC_RETURN_IF_ERROR(file.write(tensor.data, made.bytes[i]));
      continue;
    }
    if (made.bytes[i] && !tensor.fill)
      return Status::error("tensor " + quote(tensor.name) + " has no data to write");
    buffer.resize(chunkBytes);
    for (std::uint64_t at = 0; at < made.bytes[i];) {
      std::size_t part = std::min<std::uint64_t>(chunkBytes, made.bytes[i] - at);
      FTC_RETURN_IF_ERROR(tensor.fill(at, {buffer.data(), part}));
      FTC_RETURN_IF_ERROR(file.write(buffer.data(), part));
      at += part;
    }
  }
  return Status::ok();
}

Status saveSafeTensors(const std::string &path, std::span<const TensorSource> tensors) {
  FTC_ASSIGN_OR_RETURN(std::uint64_t bytes, safeTensorsFileBytes(tensors));
  FTC_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path, bytes));
  FTC_RETURN_IF_ERROR(writeSafeTensors(file.file(), tensors));
  return file.commit();
}

} // namespace ftc::rt
