// Fields of tokenizer files' JSON objects; errors name the component, as in "normalizer
// 'Strip'", rather than a file.
#pragma once

#include "runtime/io/Json.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace ftc::rt {

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
  /// "NAME: expected WHAT in 'key', got KIND"
  Status wrong(const char *key, const char *what, const Json &found) const;

  const Json &object;
  const std::string name;
};

/// Parses a tokenizer file, where of equal keys the last one wins as in tokenizers.
Result<Json> parseTokenizerFile(std::string_view content, const char *name);
/// An integer that fits, or an error.
Result<std::int64_t> integerOf(const Json &value, const std::string &what);

} // namespace ftc::rt
