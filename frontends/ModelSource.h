// What a frontend reads of a checkpoint: its configuration and the shapes of its tensors.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ftc {

/// A checkpoint as a frontend sees it: config.json and the tensors' shapes, no data.
struct ModelSource {
  std::string path; ///< as the user named it, for messages
  nlohmann::json config;
  std::map<std::string, std::vector<std::int64_t>> tensors;
  std::map<std::string, std::string> files; ///< the file of each tensor, where it is known

  /// Where a tensor lies, for messages: its file, or the whole checkpoint.
  const std::string &pathOf(const std::string &tensor) const {
    auto file = files.find(tensor);
    return file == files.end() ? path : file->second;
  }
};

/// What the model is compiled for.
struct TaskSpec {
  std::string task; ///< Hugging Face's task tag
  std::int64_t labels = 0;
  std::int64_t maxSequenceLength = 0; ///< 0: the model's own
  /// transformers' problem_type of text-classification, else empty: which loss there is.
  std::string problemType{};
};

/// Typed reads of config.json that fail with one line naming the key, the value and the range.
class ConfigReader {
public:
  ConfigReader(const ModelSource &source) : source(source) {}

  /// An integer key within [low, high]; `fallback` when absent, unless it is negative.
  std::int64_t integer(const char *key, std::int64_t low, std::int64_t high,
                       std::int64_t fallback = -1);
  /// A finite number within [low, high]; `fallback` when absent or null.
  double number(const char *key, double low, double high, double fallback);
  std::string string(const char *key, const std::string &fallback);
  bool boolean(const char *key, bool fallback);
  /// Whether the key is there, null or not: some keys' null is not their default.
  bool mentions(const char *key) const { return source.config.contains(key); }
  /// The value of a key that is there, or null.
  const nlohmann::json *find(const char *key) const {
    return has(key) ? &source.config[key] : nullptr;
  }
  bool has(const char *key) const {
    return source.config.contains(key) && !source.config[key].is_null();
  }
  /// Refuses a value the compiler has no code for, by name.
  void requireString(const char *key, const std::string &supported);
  void refuseTrue(const char *key);
  void fail(const std::string &what);

  /// The first failure of all reads so far.
  const rt::Status &status() const { return failure; }

private:
  const ModelSource &source;
  rt::Status failure;
};

} // namespace ftc
