// Typed getters over a JSON object: each mismatch is one line with file, key, found, expected.
#include "runtime/io/Json.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace ftc::rt {

std::string describeJson(const Json &value) {
  switch (value.type()) {
  case Json::value_t::object:
    return "an object";
  case Json::value_t::array:
    return value.empty() ? "an empty array" : "an array";
  case Json::value_t::string:
    return quote(value.get_ref<const std::string &>(), 60);
  case Json::value_t::null:
    return "null";
  default:
    return value.dump();
  }
}

Result<JsonObject> JsonObject::of(const Json &value, std::string source) {
  if (!value.is_object())
    return Status::error(escape(source, 200) + ": " + describeJson(value) +
                         ", expected a JSON object");
  return JsonObject(&value, escape(source, 200));
}

const Json *JsonObject::find(std::string_view key) const {
  auto at = object->find(key);
  return at == object->end() || at->is_null() ? nullptr : &*at;
}

Status JsonObject::mismatch(std::string_view key, std::string_view expected) const {
  auto at = object->find(key);
  std::string found = at == object->end() ? "missing" : describeJson(*at);
  return Status::error(where + ": " + quote(key) + " is " + found + ", expected " +
                       std::string(expected));
}

static std::string describeRange(std::int64_t min, std::int64_t max) {
  constexpr std::int64_t low = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t high = std::numeric_limits<std::int64_t>::max();
  if (min != low && max != high)
    return "an integer from " + std::to_string(min) + " to " + std::to_string(max);
  if (min != low)
    return "an integer of at least " + std::to_string(min);
  if (max != high)
    return "an integer of at most " + std::to_string(max);
  return "an integer";
}

/// An integer in range, else nothing. Values above int64 are out of range.
static std::optional<std::int64_t> integerOf(const Json *value, std::int64_t min,
                                             std::int64_t max) {
  if (!value || !value->is_number_integer())
    return std::nullopt;
  if (value->is_number_unsigned() && !std::in_range<std::int64_t>(value->get<std::uint64_t>()))
    return std::nullopt;
  std::int64_t number = value->get<std::int64_t>();
  if (number < min || number > max)
    return std::nullopt;
  return number;
}

Result<std::int64_t> JsonObject::integer(std::string_view key, std::int64_t min,
                                         std::int64_t max) const {
  if (std::optional<std::int64_t> number = integerOf(find(key), min, max))
    return *number;
  return mismatch(key, describeRange(min, max));
}

Result<std::int64_t> JsonObject::integerOr(std::string_view key, std::int64_t fallback,
                                           std::int64_t min, std::int64_t max) const {
  if (!has(key))
    return fallback;
  return integer(key, min, max);
}

Result<double> JsonObject::number(std::string_view key, double min, double max) const {
  const Json *value = find(key);
  if (value && value->is_number()) {
    double number = value->get<double>();
    if (std::isfinite(number) && number >= min && number <= max)
      return number;
  }
  std::string expected = "a number";
  if (min != -maxDouble && max != maxDouble)
    expected += " from " + Json(min).dump() + " to " + Json(max).dump();
  else if (min != -maxDouble)
    expected += " of at least " + Json(min).dump();
  else if (max != maxDouble)
    expected += " of at most " + Json(max).dump();
  return mismatch(key, expected);
}

Result<double> JsonObject::numberOr(std::string_view key, double fallback, double min,
                                    double max) const {
  if (!has(key))
    return fallback;
  return number(key, min, max);
}

Result<bool> JsonObject::boolean(std::string_view key) const {
  const Json *value = find(key);
  if (value && value->is_boolean())
    return value->get<bool>();
  return mismatch(key, "true or false");
}

Result<bool> JsonObject::booleanOr(std::string_view key, bool fallback) const {
  if (!has(key))
    return fallback;
  return boolean(key);
}

Result<std::string> JsonObject::string(std::string_view key) const {
  const Json *value = find(key);
  if (value && value->is_string())
    return value->get_ref<const std::string &>();
  return mismatch(key, "a string");
}

Result<std::string> JsonObject::stringOr(std::string_view key,
                                         std::string_view fallback) const {
  if (!has(key))
    return std::string(fallback);
  return string(key);
}

Result<std::string> JsonObject::choice(std::string_view key,
                                       const std::vector<std::string> &allowed) const {
  const Json *value = find(key);
  if (value && value->is_string()) {
    auto at = std::find(allowed.begin(), allowed.end(), value->get_ref<const std::string &>());
    if (at != allowed.end())
      return *at;
  }
  return mismatch(key, (allowed.size() > 1 ? "one of " : "") + quoteList(allowed, 20));
}

Result<std::vector<std::string>> JsonObject::strings(std::string_view key) const {
  FTC_ASSIGN_OR_RETURN(const Json *values, array(key));
  std::vector<std::string> out;
  for (const Json &value : *values) {
    if (!value.is_string())
      return Status::error(where + ": " + quote(key) + "[" + std::to_string(out.size()) +
                           "] is " + describeJson(value) + ", expected a string");
    out.push_back(value.get_ref<const std::string &>());
  }
  return out;
}

Result<std::vector<std::int64_t>> JsonObject::integers(std::string_view key, std::int64_t min,
                                                       std::int64_t max) const {
  FTC_ASSIGN_OR_RETURN(const Json *values, array(key));
  std::vector<std::int64_t> out;
  for (const Json &value : *values) {
    std::optional<std::int64_t> number = integerOf(&value, min, max);
    if (!number)
      return Status::error(where + ": " + quote(key) + "[" + std::to_string(out.size()) +
                           "] is " + describeJson(value) + ", expected " +
                           describeRange(min, max));
    out.push_back(*number);
  }
  return out;
}

Result<JsonObject> JsonObject::child(std::string_view key) const {
  const Json *value = find(key);
  if (!value || !value->is_object())
    return mismatch(key, "an object");
  return JsonObject(value, where + ": " + escape(key));
}

Result<const Json *> JsonObject::array(std::string_view key) const {
  const Json *value = find(key);
  if (!value || !value->is_array())
    return mismatch(key, "an array");
  return value;
}

} // namespace ftc::rt
