// Bytes of GGUF files for tests, right or wrong in any place.
#pragma once

#include "runtime/io/Gguf.h"

#include <string>
#include <string_view>
#include <vector>

namespace ftc::test {

template <typename T> std::string littleEndian(T value) {
  return std::string(reinterpret_cast<const char *>(&value), sizeof value);
}

inline std::string ggufString(std::string_view text) {
  return littleEndian<std::uint64_t>(text.size()) + std::string(text);
}

struct GgufBytes {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::vector<std::string> values, tensors;
  std::string data;
  std::size_t alignment = 32;
  /// Written in place of the true counts when set.
  std::optional<std::uint64_t> valueCount, tensorCount;

  template <typename T> GgufBytes &value(std::string_view key, rt::GgufType type, T content) {
    return raw(key, static_cast<std::uint32_t>(type), littleEndian(content));
  }
  GgufBytes &integer(std::string_view key, std::uint32_t content) {
    return value(key, rt::GgufType::Uint32, content);
  }
  GgufBytes &number(std::string_view key, float content) {
    return value(key, rt::GgufType::Float32, content);
  }
  GgufBytes &boolean(std::string_view key, std::uint8_t content) {
    return value(key, rt::GgufType::Bool, content);
  }
  GgufBytes &string(std::string_view key, std::string_view content) {
    return raw(key, static_cast<std::uint32_t>(rt::GgufType::String), ggufString(content));
  }
  GgufBytes &strings(std::string_view key, const std::vector<std::string> &content) {
    std::string bytes;
    for (const std::string &text : content)
      bytes += ggufString(text);
    return array(key, static_cast<std::uint32_t>(rt::GgufType::String), content.size(), bytes);
  }
  template <typename T>
  GgufBytes &numbers(std::string_view key, rt::GgufType type, const std::vector<T> &content) {
    std::string bytes;
    for (T element : content)
      bytes += littleEndian(element);
    return array(key, static_cast<std::uint32_t>(type), content.size(), bytes);
  }
  GgufBytes &array(std::string_view key, std::uint32_t type, std::uint64_t count,
                   const std::string &elements) {
    return raw(key, static_cast<std::uint32_t>(rt::GgufType::Array),
               littleEndian(type) + littleEndian(count) + elements);
  }
  GgufBytes &raw(std::string_view key, std::uint32_t type, const std::string &content) {
    values.push_back(ggufString(key) + littleEndian(type) + content);
    return *this;
  }
  /// A tensor info with its own offset, without data.
  GgufBytes &info(std::string_view name, const std::vector<std::uint64_t> &dimensions,
                  std::uint32_t type, std::uint64_t offset) {
    std::string bytes =
        ggufString(name) + littleEndian(static_cast<std::uint32_t>(dimensions.size()));
    for (std::uint64_t size : dimensions)
      bytes += littleEndian(size);
    tensors.push_back(bytes + littleEndian(type) + littleEndian(offset));
    return *this;
  }
  /// A tensor with its bytes behind those that are there.
  GgufBytes &tensor(std::string_view name, const std::vector<std::uint64_t> &dimensions,
                    std::uint32_t type, const std::string &bytes) {
    data.resize((data.size() + alignment - 1) / alignment * alignment);
    info(name, dimensions, type, data.size());
    data += bytes;
    return *this;
  }
  /// An F32 tensor that counts up from `first`.
  GgufBytes &count(std::string_view name, const std::vector<std::uint64_t> &dimensions,
                   float first = 0) {
    std::uint64_t elements = 1;
    for (std::uint64_t size : dimensions)
      elements *= size;
    std::string bytes;
    for (std::uint64_t i = 0; i < elements; ++i)
      bytes += littleEndian(first + static_cast<float>(i));
    return tensor(name, dimensions, 0, bytes);
  }

  std::string text() const {
    std::string out = magic + littleEndian(version) +
                      littleEndian(tensorCount.value_or(tensors.size())) +
                      littleEndian(valueCount.value_or(values.size()));
    for (const std::string &bytes : values)
      out += bytes;
    for (const std::string &bytes : tensors)
      out += bytes;
    if (!data.empty())
      out.resize((out.size() + alignment - 1) / alignment * alignment);
    return out + data;
  }
};

/// Metadata and tensors of a small Llama: hidden size 8, two heads of 4, one key head.
inline GgufBytes smallLlama() {
  GgufBytes out;
  out.string("general.architecture", "llama")
      .integer("llama.block_count", 1)
      .integer("llama.context_length", 64)
      .integer("llama.embedding_length", 8)
      .integer("llama.feed_forward_length", 6)
      .integer("llama.attention.head_count", 2)
      .integer("llama.attention.head_count_kv", 1)
      .number("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  out.count("token_embd.weight", {8, 5}).count("output_norm.weight", {8});
  out.count("blk.0.attn_norm.weight", {8}).count("blk.0.ffn_norm.weight", {8});
  out.count("blk.0.attn_q.weight", {8, 8}, 100).count("blk.0.attn_k.weight", {8, 4}, 200);
  out.count("blk.0.attn_v.weight", {8, 4}).count("blk.0.attn_output.weight", {8, 8});
  out.count("blk.0.ffn_gate.weight", {8, 6}).count("blk.0.ffn_up.weight", {8, 6});
  out.count("blk.0.ffn_down.weight", {6, 8});
  return out;
}

} // namespace ftc::test
