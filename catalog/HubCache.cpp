// Finds models in huggingface_hub's cache by its folders' names alone.
#include "catalog/HubCache.h"

#include "runtime/io/Gguf.h"
#include "runtime/io/SafeTensors.h"
#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"

#include <cstdlib>
#include <pwd.h>
#include <unistd.h>

namespace ftc::catalog {

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

std::string homeDirectory() {
  if (std::string home = environment("HOME"); !home.empty())
    return home;
  std::vector<char> buffer(16 << 10);
  passwd entry{}, *found = nullptr;
  int error = ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found);
  std::string home = error == 0 && found && found->pw_dir ? found->pw_dir : "";
  return home.starts_with('/') ? home : "";
}

std::string hubHomeDirectory() {
  if (std::string home = environment("HF_HOME"); !home.empty())
    return home;
  std::string base = environment("XDG_CACHE_HOME");
  std::string home = homeDirectory();
  if (base.empty() && home.empty())
    return "";
  if (base.empty())
    base = rt::joinPath(home, ".cache");
  return rt::joinPath(base, "huggingface");
}

std::string hubCacheDirectory() {
  for (const char *name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (std::string cache = environment(name); !cache.empty())
      return cache;
  std::string home = hubHomeDirectory();
  return home.empty() ? "" : rt::joinPath(home, "hub");
}

std::string repoFolder(std::string_view repo) {
  std::string folder = "models--" + std::string(repo);
  if (std::size_t slash = folder.find('/'); slash != std::string::npos)
    folder.replace(slash, 1, "--");
  return folder;
}

std::string repoOfFolder(std::string_view folder) {
  if (!folder.starts_with("models--") || folder.size() <= 8)
    return "";
  std::string repo(folder.substr(8));
  if (std::size_t dashes = repo.find("--"); dashes != std::string::npos)
    repo.replace(dashes, 2, "/");
  return repo;
}

/// Whether every shard that the index names is there.
static bool hasAllShards(const std::string &directory) {
  std::string path = rt::joinPath(directory, "model.safetensors.index.json");
  rt::Result<std::string> text = rt::readFile(path, std::uint64_t(64) << 20);
  if (!text)
    return false;
  auto map = rt::parseSafeTensorsIndex(*text, path);
  if (!map)
    return false;
  for (const auto &[tensor, shard] : *map)
    if (!rt::isFile(rt::joinPath(directory, shard)))
      return false;
  return true;
}

bool isModelDirectory(const std::string &path) {
  auto has = [&](const char *name) { return rt::isFile(rt::joinPath(path, name)); };
  if (!rt::isDirectory(path))
    return false;
  if (has("adapter_config.json") && has("adapter_model.safetensors"))
    return true;
  if (has("config.json") && has("model.safetensors"))
    return true;
  if (has("config.json") && has("model.safetensors.index.json"))
    return hasAllShards(path);
  rt::Result<std::optional<std::string>> gguf = rt::findGguf(path);
  return gguf && gguf->has_value();
}

std::string cachedSnapshot(const std::string &cache, std::string_view repo) {
  if (cache.empty())
    return "";
  std::string folder = rt::joinPath(cache, repoFolder(repo));
  std::string snapshots = rt::joinPath(folder, "snapshots");
  rt::Result<std::string> commit = rt::readFile(rt::joinPath(folder, "refs/main"), 4096);
  if (commit) {
    while (!commit->empty() && static_cast<unsigned char>(commit->back()) <= ' ')
      commit->pop_back();
    std::string snapshot = rt::joinPath(snapshots, *commit);
    if (rt::isBareFileName(*commit) && isModelDirectory(snapshot))
      return snapshot;
  }
  rt::Result<std::vector<std::string>> commits = rt::listDirectory(snapshots);
  if (commits)
    for (const std::string &name : *commits)
      if (isModelDirectory(rt::joinPath(snapshots, name)))
        return rt::joinPath(snapshots, name);
  return "";
}

std::vector<std::string> cachedRepos(const std::string &cache) {
  std::vector<std::string> repos;
  if (cache.empty())
    return repos;
  rt::Result<std::vector<std::string>> folders = rt::listDirectory(cache);
  if (!folders)
    return repos;
  for (const std::string &folder : *folders)
    if (std::string repo = repoOfFolder(folder);
        !repo.empty() && !cachedSnapshot(cache, repo).empty())
      repos.push_back(repo);
  return repos;
}

} // namespace ftc::catalog
