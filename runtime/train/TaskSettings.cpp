// A small object of strings, written with the model.
#include "runtime/train/TaskSettings.h"

#include "runtime/io/Json.h"
#include "runtime/support/FileSystem.h"

namespace ftc::rt {

std::string taskSettingsText(const Session &session) {
  OrderedJson json;
  json["source_prefix"] = session.encode.target.sourcePrefix;
  json["source_lang"] = session.sourceLang;
  json["target_lang"] = session.targetLang;
  return dumpJson(json, 2) + "\n";
}

Status readTaskSettings(const std::string &directory, ColumnFlags &columns,
                        std::optional<std::string> &sourcePrefix) {
  std::string path = joinPath(directory, kTaskSettings);
  if (!isFile(path))
    return Status::ok();
  FTC_ASSIGN_OR_RETURN(Json json, readJsonFile(path));
  FTC_ASSIGN_OR_RETURN(JsonObject object, JsonObject::of(json, path));
  FTC_ASSIGN_OR_RETURN(std::string source, object.stringOr("source_lang", ""));
  FTC_ASSIGN_OR_RETURN(std::string target, object.stringOr("target_lang", ""));
  if (!sourcePrefix && object.has("source_prefix")) {
    FTC_ASSIGN_OR_RETURN(sourcePrefix, object.string("source_prefix"));
  }
  if (columns.sourceLang.empty() && columns.targetLang.empty()) {
    columns.sourceLang = source;
    columns.targetLang = target;
  }
  return Status::ok();
}

} // namespace ftc::rt
