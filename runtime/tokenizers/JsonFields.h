// Typed access to parsed JSON objects without exceptions; errors name the component and field.
#pragma once

#include "runtime/support/Status.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ftc::rt {

using Json = nlohmann::json;

/// An object of a tokenizer file, with a name for messages: "normalizer 'Strip'".
class JsonFields {
public:
  JsonFields(const Json &o, std::string n) : object(o), name(std::move(n)) {}

  /// The member, or null when it is absent or JSON null.
  const Json *find(const char *key) const;
  /// A present member of any kind; an error otherwise.
  Result<const Json *> require(const char *key) const;
  Result<bool> boolean(const char *key, bool absent) const;
  Result<std::string> text(const char *key, std::string absent) const;
  Result<std::string> requireText(const char *key) const;
  Result<std::int64_t> integer(const char *key, std::int64_t absent) const;
  /// "NAME: expected WHAT in 'key', found KIND"
  Status wrong(const char *key, const char *what, const Json &found) const;

  const Json &object;
  const std::string name;
};

/// Parses; the error names `what` and gives the byte.
Result<Json> parseJson(std::string_view content, const char *what);
/// An integer that fits, or an error.
Result<std::int64_t> integerOf(const Json &value, const std::string &what);

} // namespace ftc::rt
