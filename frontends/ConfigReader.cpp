// Typed reads of config.json: each failure is one line with key, value and what was expected.
#include "frontends/ModelSource.h"

#include <cmath>

namespace ftc {

static std::string shown(const nlohmann::json &value) {
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

void ConfigReader::fail(const std::string &what) {
  if (failure.isOk())
    failure = rt::Status::error(source.path + "/config.json: " + what);
}

std::int64_t ConfigReader::integer(const char *key, std::int64_t low, std::int64_t high,
                                   std::int64_t fallback) {
  std::string range = "expected an integer from " + std::to_string(low) + " to " +
                      std::to_string(high);
  if (!has(key)) {
    if (fallback < 0)
      fail(std::string("'") + key + "' is missing, " + range);
    return fallback < 0 ? low : fallback;
  }
  const nlohmann::json &value = source.config[key];
  bool fits = value.is_number_integer() &&
              !(value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX);
  std::int64_t number = fits ? value.get<std::int64_t>() : low - 1;
  if (!fits || number < low || number > high) {
    fail(std::string("'") + key + "' is " + shown(value) + ", " + range);
    return low;
  }
  return number;
}

double ConfigReader::number(const char *key, double low, double high, double fallback) {
  if (!has(key))
    return fallback;
  const nlohmann::json &value = source.config[key];
  double number = value.is_number() ? value.get<double>() : NAN;
  if (!(number >= low && number <= high)) {
    fail(std::string("'") + key + "' is " + shown(value) + ", expected a number from " +
         shown(low) + " to " + shown(high));
    return fallback;
  }
  return number;
}

std::string ConfigReader::string(const char *key, const std::string &fallback) {
  if (!has(key))
    return fallback;
  if (!source.config[key].is_string()) {
    fail(std::string("'") + key + "' is " + shown(source.config[key]) + ", expected a string");
    return fallback;
  }
  return source.config[key].get<std::string>();
}

bool ConfigReader::boolean(const char *key, bool fallback) {
  if (!has(key))
    return fallback;
  if (!source.config[key].is_boolean()) {
    fail(std::string("'") + key + "' is " + shown(source.config[key]) +
         ", expected true or false");
    return fallback;
  }
  return source.config[key].get<bool>();
}

void ConfigReader::requireString(const char *key, const std::string &supported) {
  std::string value = string(key, supported);
  if (value != supported)
    fail(std::string("'") + key + "' is \"" + value + "\", which is not yet supported (" +
         supported + " is)");
}

void ConfigReader::refuseTrue(const char *key) {
  if (boolean(key, false))
    fail(std::string("'") + key + "' is true, which is not supported for this task");
}

} // namespace ftc
