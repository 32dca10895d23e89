// Reads the catalog that is compiled in, once, and finds models in it.
#include "catalog/Catalog.h"

#include "catalog/ModelsJson.h"
#include "runtime/io/Json.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>

namespace ftc::catalog {

using rt::JsonObject;

static rt::Result<Family> readFamily(const std::string &modelType, const JsonObject &object) {
  Family family;
  family.modelType = modelType;
  FTC_ASSIGN_OR_RETURN(family.counted, object.string("counted"));
  FTC_ASSIGN_OR_RETURN(family.tasks, object.strings("tasks"));
  FTC_ASSIGN_OR_RETURN(family.files, object.strings("files"));
  return family;
}

static rt::Result<Entry> readEntry(const JsonObject &object) {
  Entry entry;
  FTC_ASSIGN_OR_RETURN(entry.name, object.string("name"));
  FTC_ASSIGN_OR_RETURN(entry.repo, object.string("repo"));
  if (!isRepoId(entry.name) || entry.name.find('/') != std::string::npos)
    return object.mismatch("name", "a name without '/'");
  if (!isRepoId(entry.repo))
    return object.mismatch("repo", "OWNER/NAME");
  FTC_ASSIGN_OR_RETURN(entry.modelType, object.string("model_type"));
  FTC_ASSIGN_OR_RETURN(entry.parameters, object.integer("parameters", 1));
  FTC_ASSIGN_OR_RETURN(entry.license, object.stringOr("license", ""));
  FTC_ASSIGN_OR_RETURN(entry.languages, object.strings("languages"));
  FTC_ASSIGN_OR_RETURN(entry.context, object.integer("context", 1));
  FTC_ASSIGN_OR_RETURN(entry.gated, object.booleanOr("gated", false));
  if (object.has("packages")) {
    FTC_ASSIGN_OR_RETURN(entry.packages, object.strings("packages"));
  }
  FTC_ASSIGN_OR_RETURN(JsonObject config, object.child("config"));
  for (auto &[key, value] : config.value().items())
    if (value.is_number_integer())
      entry.sizes.emplace_back(key, value.get<std::int64_t>());
  return entry;
}

rt::Result<Contents> parseCatalog(std::string_view json, std::string_view source) {
  Contents contents;
  FTC_ASSIGN_OR_RETURN(rt::Json parsed, rt::parseJson(json, source));
  FTC_ASSIGN_OR_RETURN(JsonObject root, JsonObject::of(parsed, std::string(source)));
  FTC_ASSIGN_OR_RETURN(JsonObject families, root.child("families"));
  for (auto &[modelType, value] : families.value().items()) {
    FTC_ASSIGN_OR_RETURN(JsonObject object,
                         JsonObject::of(value, std::string(source) + ": " + modelType));
    FTC_ASSIGN_OR_RETURN(Family family, readFamily(modelType, object));
    contents.families.push_back(std::move(family));
  }
  FTC_ASSIGN_OR_RETURN(const rt::Json *models, root.array("models"));
  for (const rt::Json &value : *models) {
    std::string where =
        std::string(source) + ": model " + std::to_string(contents.entries.size() + 1);
    FTC_ASSIGN_OR_RETURN(JsonObject object, JsonObject::of(value, where));
    FTC_ASSIGN_OR_RETURN(Entry entry, readEntry(object));
    bool known =
        std::any_of(contents.families.begin(), contents.families.end(),
                    [&](const Family &family) { return family.modelType == entry.modelType; });
    if (!known)
      return object.mismatch("model_type", "one of the families");
    contents.entries.push_back(std::move(entry));
  }
  return contents;
}

/// The catalog that is compiled in. A test reads the same text: it cannot fail for a user.
static const Contents &compiledIn() {
  static const Contents contents = [] {
    rt::Result<Contents> parsed = parseCatalog(kModelsJson, "catalog/models.json");
    if (!parsed) {
      std::fprintf(stderr, "ftc: %s\n", parsed.status().message().c_str());
      std::abort();
    }
    return parsed.take();
  }();
  return contents;
}

const std::vector<Entry> &entries() { return compiledIn().entries; }
const std::vector<Family> &families() { return compiledIn().families; }

const Family &familyOf(const Entry &entry) {
  return *std::find_if(families().begin(), families().end(), [&](const Family &family) {
    return family.modelType == entry.modelType;
  });
}

static bool equalsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(),
      [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

const Entry *findEntry(std::string_view nameOrRepo) {
  for (const Entry &entry : entries())
    if (equalsIgnoringCase(entry.name, nameOrRepo) ||
        equalsIgnoringCase(entry.repo, nameOrRepo))
      return &entry;
  return nullptr;
}

bool isRepoId(std::string_view text) {
  if (text.empty() || text.size() > 96 || text.find("--") != text.npos ||
      text.find("..") != text.npos)
    return false;
  std::size_t slash = text.find('/');
  for (std::string_view part :
       {text.substr(0, slash),
        slash == text.npos ? std::string_view("x") : text.substr(slash + 1)}) {
    bool good = !part.empty() && std::all_of(part.begin(), part.end(), [](unsigned char c) {
      return (c < 0x80 && std::isalnum(c)) || c == '-' || c == '_' || c == '.';
    });
    if (!good || part.front() == '-' || part.front() == '.' || part.back() == '-' ||
        part.back() == '.')
      return false;
  }
  return true;
}

} // namespace ftc::catalog
