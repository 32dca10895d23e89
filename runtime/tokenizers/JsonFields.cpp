// JSON without exceptions.
#include "runtime/tokenizers/JsonFields.h"
#include "runtime/tokenizers/SerdeFloat.h"

#include <limits>

namespace ftc::rt {

const Json *JsonFields::find(const char *key) const {
  if (!object.is_object())
    return nullptr;
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Status JsonFields::wrong(const char *key, const char *what, const Json &found) const {
  return Status::error(name + ": expected " + what + " in '" + key + "', got " +
                       found.type_name());
}

Result<const Json *> JsonFields::require(const char *key) const {
  const Json *value = find(key);
  if (!value)
    return Status::error(name + ": expected '" + key + "', got none");
  return value;
}

Result<bool> JsonFields::boolean(const char *key, bool absent) const {
  const Json *value = find(key);
  if (!value)
    return absent;
  if (!value->is_boolean())
    return wrong(key, "true or false", *value);
  return value->get<bool>();
}

Result<std::string> JsonFields::text(const char *key, std::string absent) const {
  const Json *value = find(key);
  if (!value)
    return absent;
  if (!value->is_string())
    return wrong(key, "a string", *value);
  return *value->get_ptr<const std::string *>();
}

Result<std::string> JsonFields::requireText(const char *key) const {
  FTC_ASSIGN_OR_RETURN(const Json *value, require(key));
  if (!value->is_string())
    return wrong(key, "a string", *value);
  return *value->get_ptr<const std::string *>();
}

Result<std::int64_t> JsonFields::integer(const char *key, std::int64_t absent) const {
  const Json *value = find(key);
  if (!value)
    return absent;
  return integerOf(*value, name + ": '" + key + "'");
}

Result<Json> parseTokenizerFile(std::string_view content, const char *name) {
  JsonOptions options;
  options.maxBytes = std::uint64_t(256) << 20;
  options.refuseDuplicateKeys = false;
  options.readFloat = serdeFloat;
  return parseJson(content, name, options);
}

Result<std::int64_t> integerOf(const Json &value, const std::string &what) {
  bool fits =
      value.is_number_integer() &&
      !(value.is_number_unsigned() &&
        value.get<std::uint64_t>() > std::uint64_t(std::numeric_limits<std::int64_t>::max()));
  if (!fits)
    return Status::error(what + ": expected an integer, got " + value.type_name());
  return value.get<std::int64_t>();
}

} // namespace ftc::rt
