// The small configuration files beside a vocabulary, and the special tokens they name.
#pragma once

#include "runtime/tokenizers/AddedTokens.h"
#include "runtime/tokenizers/JsonFields.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace ftc::rt {

/// One special token's role with its usual text, in the order transformers adds them. The flags
/// are those of a token that is given as a bare string.
struct Role {
  const char *key;
  const char *usual; ///< null: none unless the configuration names one
  bool normalized = false;
  bool lstrip = false;
};

struct Configuration {
  Json settings = Json::object(); ///< tokenizer_config.json over special_tokens_map.json
  std::map<std::int64_t, AddedToken> added; ///< added_tokens_decoder or added_tokens.json
};

/// Reads what there is of tokenizer_config.json, special_tokens_map.json, added_tokens.json.
Result<Configuration> readConfiguration(const TokenizerFiles &files);

/// The special tokens by role, then the additional ones; all added behind
/// `configuration.added`.
class SpecialTokens {
public:
  static Result<SpecialTokens> read(const Configuration &configuration,
                                    const std::vector<Role> &roles);
  /// The same with these additional special tokens instead of the configuration's.
  static Result<SpecialTokens> read(const Configuration &configuration,
                                    const std::vector<Role> &roles,
                                    const std::vector<AddedToken> &additional);
  /// The configuration's additional special tokens; `given` says whether there is such a list.
  static Result<std::vector<AddedToken>> additional(const Configuration &configuration,
                                                    bool &given);

  /// What is added to a tokenizer that has the tokens `known` already.
  std::vector<AddedToken> withAdded(const Configuration &configuration,
                                    std::set<std::string> known = {}) const;

  std::map<std::string, std::string> texts; ///< by role

private:
  void push(AddedToken token);
  std::vector<AddedToken> list;
  std::set<std::string> contents;
};

} // namespace ftc::rt
