// The catalog: public models that the frontends support, with what is published about each. The
// file catalog/models.json is compiled in, so that `ftc` needs nothing beside itself.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ftc::catalog {

/// What models of one model_type have in common.
struct Family {
  std::string modelType;
  std::string counted;            ///< transformers' class whose parameters are counted
  std::vector<std::string> tasks; ///< that the frontends have a head for
  std::vector<std::string> files; ///< that a checkpoint usually has
};

/// One model. What its card does not state is empty.
struct Entry {
  std::string name;                   ///< short: "all-MiniLM-L6-v2"
  std::string repo;                   ///< on the hub: "sentence-transformers/all-MiniLM-L6-v2"
  std::string modelType;              ///< config.json's
  std::int64_t parameters = 0;        ///< of Family::counted, tied ones once
  std::string license;                ///< the hub's identifier: "apache-2.0"
  std::vector<std::string> languages; ///< ISO 639-1 codes, or "multilingual"
  std::int64_t context = 0;           ///< longest input in tokens that it was made for
  bool gated = false; ///< the hub asks for a token of an account that agreed to its terms
  std::vector<std::string> packages; ///< where PyPI packages keep it, from site-packages
  /// The sizes in config.json, under its names, by name.
  std::vector<std::pair<std::string, std::int64_t>> sizes;
};

/// All models, in the file's order.
const std::vector<Entry> &entries();
/// All families, in the file's order.
const std::vector<Family> &families();
const Family &familyOf(const Entry &entry);

/// The entry of that name or repo id, upper and lower case alike; nullptr: there is none.
const Entry *findEntry(std::string_view nameOrRepo);

/// Whether the text may be a repo id on a hub: NAME or OWNER/NAME of letters, digits, '-', '_'
/// and
/// '.', at most 96 characters, without "--" or "..", no '-' or '.' at either end of a part.
bool isRepoId(std::string_view text);

/// Entries and families of a catalog file's text; `source` names it in errors.
struct Contents {
  std::vector<Family> families;
  std::vector<Entry> entries;
};
rt::Result<Contents> parseCatalog(std::string_view json, std::string_view source);

} // namespace ftc::catalog
