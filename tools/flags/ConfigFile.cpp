// Configuration files: both parsers end in the same flat list of names and texts. yaml-cpp
// reports by exceptions; they are caught here and go no further.
#include "tools/flags/ConfigFile.h"

#include "runtime/support/File.h"
#include "runtime/support/Text.h"

#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include <optional>
#include <set>

namespace ftc::cli {

using rt::Result;
using rt::Status;

namespace {

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;

Status badValue(const std::string &path, const std::string &name) {
  return Status::usage("--config " + rt::quote(path) + ": " + rt::quote(name) +
                       ": expected a text, number, boolean or a list of them");
}

/// The text of a JSON scalar, or nothing for a container.
std::optional<std::string> scalarText(const nlohmann::ordered_json &value) {
  if (value.is_string())
    return value.get<std::string>();
  if (value.is_boolean() || value.is_number())
    return value.dump();
  return std::nullopt;
}

Result<ConfigEntries> readJson(const std::string &path, const std::string &content) {
  // The parsed object keeps the last of equal names: they are told by the parser's events.
  std::set<std::string> names;
  std::string twice;
  auto note = [&](int depth, nlohmann::ordered_json::parse_event_t event,
                  nlohmann::ordered_json &value) {
    if (depth == 1 && event == nlohmann::ordered_json::parse_event_t::key &&
        !names.insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    return true;
  };
  nlohmann::ordered_json parsed = nlohmann::ordered_json::parse(content, note, false);
  if (!parsed.is_object())
    return Status::usage("--config " + rt::quote(path) + ": expected a JSON object of flags" +
                         (parsed.is_discarded() ? ", got invalid JSON" : ""));
  if (!twice.empty())
    return Status::usage("--config " + rt::quote(path) + ": " + rt::quote(twice) +
                         ": expected once, got it twice");
  ConfigEntries entries;
  for (const auto &[name, value] : parsed.items()) {
    if (value.is_null())
      continue;
    std::vector<std::string> texts;
    for (const auto &item : value.is_array() ? value : nlohmann::ordered_json::array({value})) {
      std::optional<std::string> text = scalarText(item);
      if (!text)
        return badValue(path, name);
      texts.push_back(*text);
    }
    entries.emplace_back(name, std::move(texts));
  }
  return entries;
}

Result<ConfigEntries> readYaml(const std::string &path, const std::string &content) {
  try {
    YAML::Node root = YAML::Load(content);
    ConfigEntries entries;
    if (root.IsNull())
      return entries;
    if (!root.IsMap())
      return Status::usage("--config " + rt::quote(path) +
                           ": expected a YAML mapping of flags, one 'name: value' a line");
    for (const auto &entry : root) {
      if (!entry.first.IsScalar())
        return badValue(path, "a key");
      std::string name = entry.first.Scalar();
      std::vector<std::string> texts;
      if (entry.second.IsNull())
        continue;
      if (entry.second.IsSequence()) {
        for (const YAML::Node &item : entry.second) {
          if (!item.IsScalar())
            return badValue(path, name);
          texts.push_back(item.Scalar());
        }
      } else if (entry.second.IsScalar()) {
        texts.push_back(entry.second.Scalar());
      } else {
        return badValue(path, name);
      }
      entries.emplace_back(name, std::move(texts));
    }
    return entries;
  } catch (const YAML::Exception &error) {
    return Status::usage("--config " + rt::quote(path) + ": line " +
                         std::to_string(error.mark.line + 1) +
                         ": expected YAML: " + rt::escape(error.msg, 120));
  }
}

} // namespace

Result<ConfigEntries> readConfigFile(const std::string &path) {
  Result<std::string> content = rt::readFile(path, kMaxConfigBytes);
  if (!content)
    return content.takeStatus().withContext("--config");
  if (!rt::isValidUtf8(*content))
    return Status::usage("--config " + rt::quote(path) + ": expected UTF-8 text");
  return path.ends_with(".json") ? readJson(path, *content) : readYaml(path, *content);
}

} // namespace ftc::cli
