// Special and added tokens as transformers puts them together from the configuration files.
#include "runtime/tokenizers/TokenizerConfig.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizers/Pipeline.h"

namespace ftc::rt {
namespace {

Result<AddedToken> readToken(const Json &json, const std::string &what) {
  AddedToken token;
  if (json.is_string()) {
    token.content = *json.get_ptr<const std::string *>();
    return token;
  }
  JsonFields fields(json, what);
  FTC_ASSIGN_OR_RETURN(token.content, fields.requireText("content"));
  FTC_ASSIGN_OR_RETURN(token.special, fields.boolean("special", false));
  FTC_ASSIGN_OR_RETURN(token.normalized, fields.boolean("normalized", !token.special));
  FTC_ASSIGN_OR_RETURN(token.singleWord, fields.boolean("single_word", false));
  FTC_ASSIGN_OR_RETURN(token.lstrip, fields.boolean("lstrip", false));
  FTC_ASSIGN_OR_RETURN(token.rstrip, fields.boolean("rstrip", false));
  return token;
}

Result<Json> readObject(const TokenizerFiles &files, const char *name) {
  const std::string *content = findFile(files, name);
  if (!content)
    return Json(Json::object());
  FTC_ASSIGN_OR_RETURN(Json json, parseTokenizerFile(*content, name));
  if (!json.is_object())
    return Status::error(std::string(name) + ": expected an object, got " + json.type_name());
  return json;
}

Result<std::int64_t> decimal(const std::string &text, const char *file) {
  if (text.empty() || text.size() > 9 ||
      text.find_first_not_of("0123456789") != std::string::npos)
    return Status::error(std::string(file) + ": expected token ids as keys, got " +
                         quote(text, 32));
  return std::int64_t(std::stol(text));
}

} // namespace

Result<Configuration> readConfiguration(const TokenizerFiles &files) {
  Configuration out;
  FTC_ASSIGN_OR_RETURN(out.settings, readObject(files, "tokenizer_config.json"));
  auto decoder = out.settings.find("added_tokens_decoder");
  if (decoder != out.settings.end() && decoder->is_object()) {
    for (auto entry = decoder->begin(); entry != decoder->end(); ++entry) {
      FTC_ASSIGN_OR_RETURN(std::int64_t id, decimal(entry.key(), "tokenizer_config.json"));
      FTC_ASSIGN_OR_RETURN(out.added[id],
                           readToken(*entry, "tokenizer_config.json: 'added_tokens_decoder'"));
    }
    return out;
  }
  FTC_ASSIGN_OR_RETURN(Json specials, readObject(files, "special_tokens_map.json"));
  for (auto entry = specials.begin(); entry != specials.end(); ++entry)
    out.settings[entry.key()] = *entry;
  FTC_ASSIGN_OR_RETURN(Json added, readObject(files, "added_tokens.json"));
  for (auto entry = added.begin(); entry != added.end(); ++entry) {
    FTC_ASSIGN_OR_RETURN(std::int64_t id, integerOf(*entry, "added_tokens.json"));
    AddedToken token;
    token.content = entry.key();
    out.added[id] = token;
  }
  return out;
}

Result<std::vector<AddedToken>> SpecialTokens::additional(const Configuration &configuration,
                                                          bool &given) {
  std::vector<AddedToken> out;
  const Json *more = JsonFields(configuration.settings, "tokenizer_config.json")
                         .find("additional_special_tokens");
  given = more && more->is_array();
  if (given)
    for (const Json &value : *more) {
      FTC_ASSIGN_OR_RETURN(AddedToken token, readToken(value, "additional special token"));
      if (value.is_string())
        token.normalized = false;
      out.push_back(std::move(token));
    }
  return out;
}

Result<SpecialTokens> SpecialTokens::read(const Configuration &configuration,
                                          const std::vector<Role> &roles) {
  bool given;
  FTC_ASSIGN_OR_RETURN(std::vector<AddedToken> more, additional(configuration, given));
  return read(configuration, roles, more);
}

Result<SpecialTokens> SpecialTokens::read(const Configuration &configuration,
                                          const std::vector<Role> &roles,
                                          const std::vector<AddedToken> &additional) {
  SpecialTokens out;
  JsonFields settings(configuration.settings, "tokenizer_config.json");
  for (const Role &role : roles) {
    const Json *value = settings.find(role.key);
    if (!value && !role.usual)
      continue;
    AddedToken token;
    token.content = role.usual ? role.usual : "";
    if (value) {
      FTC_ASSIGN_OR_RETURN(token, readToken(*value, std::string("special token ") + role.key));
    }
    if (!value || value->is_string()) {
      token.normalized = role.normalized;
      token.lstrip = role.lstrip;
    }
    out.texts[role.key] = token.content;
    out.push(std::move(token));
  }
  for (const AddedToken &token : additional)
    out.push(token);
  return out;
}

std::vector<AddedToken> SpecialTokens::withAdded(const Configuration &configuration,
                                                 std::set<std::string> known) const {
  std::vector<AddedToken> all;
  for (const auto &[id, token] : configuration.added) {
    all.push_back(token);
    if (contents.count(token.content)) {
      all.back().special = true;
      if (!configuration.settings.contains("added_tokens_decoder"))
        all.back().normalized = false;
    }
    known.insert(token.content);
  }
  for (const AddedToken &token : list)
    if (!known.count(token.content))
      all.push_back(token);
  return all;
}

void SpecialTokens::push(AddedToken token) {
  token.special = true;
  if (!token.content.empty() && contents.insert(token.content).second)
    list.push_back(std::move(token));
}

} // namespace ftc::rt
