// Looks for models by the names of folders; what it finds is whole, but not yet checked.
#include "catalog/LocalModels.h"

#include "catalog/HubCache.h"
#include "runtime/io/Gguf.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <unistd.h>

namespace ftc::catalog {

static std::vector<std::string> splitList(const std::string &text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    std::size_t end = std::min(text.find(':', begin), text.size());
    if (end > begin)
      parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

static void addDirectory(std::vector<std::string> &list, const std::string &path) {
  if (rt::isDirectory(path) && std::none_of(list.begin(), list.end(), [&](const auto &other) {
        return rt::isSameFile(other, path);
      }))
    list.push_back(path);
}

/// PREFIX/lib/python3*/{site,dist}-packages.
static void addPythons(std::vector<std::string> &list, const std::string &prefix) {
  std::string library = rt::joinPath(prefix, "lib");
  rt::Result<std::vector<std::string>> names = rt::listDirectory(library);
  if (prefix.empty() || !names)
    return;
  for (const std::string &name : *names)
    if (name.starts_with("python3"))
      for (const char *packages : {"/site-packages", "/dist-packages"})
        addDirectory(list, rt::joinPath(library, name) + packages);
}

static std::string realPath(const std::string &path) {
  char *resolved = ::realpath(path.c_str(), nullptr);
  std::string text = resolved ? resolved : "";
  std::free(resolved);
  return text;
}

static std::vector<std::string> sitePackages() {
  std::vector<std::string> list;
  for (const char *variable : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    addPythons(list, environment(variable));
  for (const std::string &path : splitList(environment("PYTHONPATH")))
    addDirectory(list, path);
  for (const std::string &directory : splitList(environment("PATH"))) {
    std::string python = rt::joinPath(directory, "python3");
    if (::access(python.c_str(), X_OK) != 0)
      continue;
    addPythons(list, rt::parentDirectory(directory)); // a virtual environment's own
    addPythons(list, rt::parentDirectory(rt::parentDirectory(realPath(python))));
  }
  std::string home = homeDirectory(), pyenv = environment("PYENV_ROOT");
  if (pyenv.empty() && !home.empty())
    pyenv = rt::joinPath(home, ".pyenv");
  std::string versions = rt::joinPath(pyenv, "versions");
  if (rt::Result<std::vector<std::string>> names = rt::listDirectory(versions); names)
    for (const std::string &name : *names)
      addPythons(list, rt::joinPath(versions, name));
  if (!home.empty())
    addPythons(list, rt::joinPath(home, ".local"));
  addPythons(list, "/usr/local");
  addPythons(list, "/usr");
  return list;
}

SearchPlaces defaultPlaces(const std::string &modelDir) {
  SearchPlaces places;
  if (!modelDir.empty())
    addDirectory(places.folders, modelDir);
  for (const std::string &folder : splitList(environment("FTC_MODELS")))
    addDirectory(places.folders, folder);
  addDirectory(places.folders, ".");
  places.cache = hubCacheDirectory();
  places.sitePackages = sitePackages();
  return places;
}

static void addCopy(std::vector<Found> &found, const Entry *entry, const std::string &name,
                    const std::string &path, const char *origin) {
  bool known = std::any_of(found.begin(), found.end(), [&](const Found &other) {
    return rt::isSameFile(other.path, path);
  });
  if (!known && isModelDirectory(path))
    found.push_back({name, entry, path, origin});
}

/// The copies of `repo`, which the catalog may call `name`.
static std::vector<Found> copiesOf(const Entry *entry, const std::string &name,
                                   const std::string &repo, const SearchPlaces &places) {
  std::vector<Found> found;
  std::string last = rt::baseName(repo);
  for (const std::string &folder : places.folders) {
    std::string own = rt::baseName(realPath(folder));
    if (own == name || own == last)
      addCopy(found, entry, name, folder, "folder");
    for (const std::string &inside : {name, last, repo})
      addCopy(found, entry, name, rt::joinPath(folder, inside), "folder");
  }
  if (std::string snapshot = cachedSnapshot(places.cache, repo); !snapshot.empty())
    addCopy(found, entry, name, snapshot, "cache");
  if (entry)
    for (const std::string &packages : places.sitePackages)
      for (const std::string &inside : entry->packages)
        addCopy(found, entry, name, rt::joinPath(packages, inside), "package");
  return found;
}

std::vector<Found> findCopies(const Entry &entry, const SearchPlaces &places) {
  return copiesOf(&entry, entry.name, entry.repo, places);
}

std::vector<Found> findCopies(const std::string &repo, const SearchPlaces &places) {
  if (const Entry *entry = findEntry(repo))
    return findCopies(*entry, places);
  return copiesOf(nullptr, repo, repo, places);
}

std::vector<Found> findAll(const SearchPlaces &places) {
  std::vector<Found> all;
  auto add = [&](Found copy) {
    if (std::none_of(all.begin(), all.end(),
                     [&](const Found &other) { return rt::isSameFile(other.path, copy.path); }))
      all.push_back(std::move(copy));
  };
  for (const Entry &entry : entries())
    for (Found &copy : findCopies(entry, places))
      add(std::move(copy));
  for (const std::string &folder : places.folders) {
    if (isModelDirectory(folder))
      add({rt::baseName(realPath(folder)), nullptr, folder, "folder"});
    rt::Result<std::vector<std::string>> names = rt::listDirectory(folder);
    if (!names)
      continue;
    for (const std::string &name : *names)
      if (std::string path = rt::joinPath(folder, name); isModelDirectory(path))
        add({name, nullptr, path, "folder"});
  }
  for (const std::string &repo : cachedRepos(places.cache))
    if (!findEntry(repo))
      add({repo, nullptr, cachedSnapshot(places.cache, repo), "cache"});
  return all;
}

static std::size_t commonPrefix(std::string_view a, std::string_view b) {
  std::size_t n = 0;
  while (n < std::min(a.size(), b.size()) && a[n] == b[n])
    ++n;
  return n;
}

/// The catalog's name that has most in common with `name`; empty: none has half of it.
static std::string nearestEntry(std::string_view name) {
  const Entry *best = nullptr;
  std::size_t most = name.size() / 2;
  for (const Entry &entry : entries())
    if (std::size_t common = commonPrefix(entry.name, name); common > most) {
      best = &entry;
      most = common;
    }
  return best ? best->name : "";
}

rt::Status unknownModel(const std::string &model) {
  std::string nearest = nearestEntry(model);
  return rt::Status::error(model +
                           ": no such directory, and the catalog has no model of that "
                           "name" +
                           (nearest.empty() ? "" : ", did you mean " + nearest + "?") +
                           " (ftc catalog list names all)");
}

rt::Result<std::string> resolve(const std::string &model, const SearchPlaces &places) {
  if (rt::pathKind(model) != rt::PathKind::Missing)
    return model;
  const Entry *entry = findEntry(model);
  if (!entry && !isRepoId(model))
    return rt::Status::error(model.substr(0, 300) + ": no such directory or file");
  std::vector<Found> copies = entry ? findCopies(*entry, places) : findCopies(model, places);
  if (!copies.empty())
    return copies.front().path;
  if (entry)
    return rt::Status::error(entry->name + ": not here: ftc catalog pull " + entry->name);
  if (model.find('/') != std::string::npos)
    return rt::Status::error(model +
                             ": no such directory, and no model of that name is here; "
                             "where it is a hub's repo id: ftc catalog pull " +
                             model);
  return unknownModel(model);
}

rt::Result<std::string> resolve(const std::string &model) {
  if (rt::pathKind(model) != rt::PathKind::Missing)
    return model;
  return resolve(model, defaultPlaces());
}

} // namespace ftc::catalog
