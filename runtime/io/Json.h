// JSON from outside: parsed without exceptions, with bounds on size and depth, and read through
// getters whose one-line errors name file, key, what was found and what was expected.
#pragma once

#include "runtime/support/Status.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

using Json = nlohmann::json;
/// Keeps the order of keys: for files we write.
using OrderedJson = nlohmann::ordered_json;

struct JsonOptions {
  /// Bigger texts are refused before parsing.
  std::uint64_t maxBytes = std::uint64_t(64) << 20;
  /// Open brackets at any one place.
  int maxDepth = 100;
  /// Refuse an object that has a key twice; otherwise the last one wins, as in Python.
  bool refuseDuplicateKeys = true;
  /// The value of a number with a fraction or an exponent; null: the nearest f64.
  double (*readFloat)(std::string_view number) = nullptr;
};

/// Parses a whole text (no byte order mark, comments, NaN or trailing bytes). `source` is what
/// messages call it, usually the file's path or name.
Result<Json> parseJson(std::string_view text, std::string_view source,
                       const JsonOptions &options = {});
/// readFile + parseJson.
Result<Json> readJsonFile(const std::string &path, const JsonOptions &options = {});

/// The text of any JSON value on one line; strings that are not UTF-8 get U+FFFD rather than
/// an exception. `indent` >= 0 writes lines.
std::string dumpJson(const Json &value, int indent = -1);
std::string dumpJson(const OrderedJson &value, int indent = -1);

/// "an object", "an array", "0", "true", "'gelu'": how a message shows a value it did not
/// expect.
std::string describeJson(const Json &value);

/// A JSON object seen through typed getters. It refers to the value, which must outlive it.
/// The ...Or getters return the fallback when the key is absent or null.
class JsonObject {
public:
  /// `source` starts every message: "config.json". Fails unless `value` is an object.
  static Result<JsonObject> of(const Json &value, std::string source);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// The value, or nullptr when the key is absent or null.
  const Json *find(std::string_view key) const;
  const Json &value() const { return *object; }
  const std::string &source() const { return where; }

  Result<std::int64_t> integer(std::string_view key, std::int64_t min = minInt,
                               std::int64_t max = maxInt) const;
  Result<std::int64_t> integerOr(std::string_view key, std::int64_t fallback,
                                 std::int64_t min = minInt, std::int64_t max = maxInt) const;
  /// Integers are accepted as numbers; the result is finite.
  Result<double> number(std::string_view key, double min = -maxDouble,
                        double max = maxDouble) const;
  Result<double> numberOr(std::string_view key, double fallback, double min = -maxDouble,
                          double max = maxDouble) const;
  Result<bool> boolean(std::string_view key) const;
  Result<bool> booleanOr(std::string_view key, bool fallback) const;
  Result<std::string> string(std::string_view key) const;
  Result<std::string> stringOr(std::string_view key, std::string_view fallback) const;
  /// A string that must be one of `allowed`.
  Result<std::string> choice(std::string_view key,
                             const std::vector<std::string> &allowed) const;
  Result<std::vector<std::string>> strings(std::string_view key) const;
  Result<std::vector<std::int64_t>> integers(std::string_view key, std::int64_t min = minInt,
                                             std::int64_t max = maxInt) const;
  /// A nested object; its messages read "config.json: rope_scaling: ...".
  Result<JsonObject> child(std::string_view key) const;
  /// Any array.
  Result<const Json *> array(std::string_view key) const;

  /// "config.json: 'key' is FOUND, expected EXPECTED".
  Status mismatch(std::string_view key, std::string_view expected) const;

private:
  static constexpr std::int64_t minInt = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t maxInt = std::numeric_limits<std::int64_t>::max();
  static constexpr double maxDouble = std::numeric_limits<double>::max();
  JsonObject(const Json *object, std::string where) : object(object), where(std::move(where)) {}
  const Json *object;
  std::string where;
};

} // namespace ftc::rt
