// manifest.json: what a checkpoint holds, under a checksum of its own.
#include "runtime/checkpoint/CheckpointWriter.h"

#include "runtime/io/Json.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <limits>
#include <set>

namespace ftc::rt {

static constexpr std::int64_t manifestVersion = 1;
static constexpr std::size_t maxFiles = 1000;

Result<std::string> writeManifest(const Manifest &manifest) {
  Json body = {{"format", "ftc-checkpoint"},
               {"version", manifestVersion},
               {"step", manifest.step},
               {"artifact_sha256", manifest.artifact},
               {"files", Json::array()}};
  for (const ManifestFile &file : manifest.files)
    body["files"].push_back(
        {{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  FTC_ASSIGN_OR_RETURN(std::string hash, sha256Hex(dumpJson(body)));
  return dumpJson(Json{{"manifest", std::move(body)}, {"sha256", hash}}, 1) + "\n";
}

static Result<std::string> hashOf(const JsonObject &object, std::string_view key) {
  FTC_ASSIGN_OR_RETURN(std::string hash, object.string(key));
  if (!isSha256Hex(hash))
    return object.mismatch(key, "64 hexadecimal digits");
  return hash;
}

Result<Manifest> parseManifest(std::string_view text, std::string_view source) {
  JsonOptions options;
  options.maxBytes = 1 << 20;
  options.maxDepth = 8;
  FTC_ASSIGN_OR_RETURN(Json root, parseJson(text, source, options));
  FTC_ASSIGN_OR_RETURN(JsonObject outer, JsonObject::of(root, std::string(source)));
  FTC_ASSIGN_OR_RETURN(JsonObject body, outer.child("manifest"));
  FTC_ASSIGN_OR_RETURN(std::string expected, hashOf(outer, "sha256"));
  FTC_ASSIGN_OR_RETURN(std::string found, sha256Hex(dumpJson(body.value())));
  if (found != expected)
    return Status::error(outer.source() + ": its content has SHA-256 " + found.substr(0, 16) +
                         "..., expected " + expected.substr(0, 16) + "...; it was altered");
  FTC_ASSIGN_OR_RETURN(std::string format, body.choice("format", {"ftc-checkpoint"}));
  FTC_ASSIGN_OR_RETURN(std::int64_t version,
                       body.integer("version", manifestVersion, manifestVersion));
  (void)version;
  Manifest manifest;
  FTC_ASSIGN_OR_RETURN(manifest.step, body.integer("step", 0));
  FTC_ASSIGN_OR_RETURN(manifest.artifact, hashOf(body, "artifact_sha256"));
  FTC_ASSIGN_OR_RETURN(const Json *files, body.array("files"));
  if (files->size() > maxFiles)
    return body.mismatch("files", "at most " + std::to_string(maxFiles) + " files");
  std::set<std::string> names;
  for (const Json &entry : *files) {
    FTC_ASSIGN_OR_RETURN(JsonObject item, JsonObject::of(entry, body.source() + ": files"));
    ManifestFile file;
    FTC_ASSIGN_OR_RETURN(file.name, item.string("name"));
    if (!isBareFileName(file.name) || file.name == manifestName ||
        !names.insert(file.name).second)
      return item.mismatch("name", "a bare file name that no other entry has");
    FTC_ASSIGN_OR_RETURN(std::int64_t bytes, item.integer("bytes", 0));
    file.bytes = static_cast<std::uint64_t>(bytes);
    FTC_ASSIGN_OR_RETURN(file.sha256, hashOf(item, "sha256"));
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

} // namespace ftc::rt
