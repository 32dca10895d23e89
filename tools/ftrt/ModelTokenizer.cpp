// The tokenizer of whatever a user names as a model.
#include "tools/ftrt/Commands.h"

#include "runtime/io/Gguf.h"
#include "runtime/io/Json.h"
#include "runtime/support/FileSystem.h"
#include "runtime/train/Session.h"

namespace ftc::cli {

using rt::Result;

Result<ModelTokenizer> readModelTokenizer(const std::string &path) {
  ModelTokenizer model;
  FTC_ASSIGN_OR_RETURN(std::optional<std::string> gguf, rt::findGguf(path));
  FTC_ASSIGN_OR_RETURN(model.files, rt::readTokenizerFiles(path));
  std::string config = rt::joinPath(path, "config.json");
  if (!gguf && rt::isFile(config)) {
    FTC_ASSIGN_OR_RETURN(rt::Json json, rt::readJsonFile(config));
    FTC_ASSIGN_OR_RETURN(rt::JsonObject object, rt::JsonObject::of(json, config));
    FTC_ASSIGN_OR_RETURN(model.modelType, object.stringOr("model_type", ""));
    FTC_ASSIGN_OR_RETURN(model.encoderDecoder, object.booleanOr("is_encoder_decoder", false));
    const rt::Json *end = object.find("eos_token_id");
    if (end && end->is_array() && !end->empty())
      end = &end->front();
    if (end && end->is_number_integer())
      model.endOfText = end->get<std::int32_t>();
  }
  return model;
}

Result<std::unique_ptr<rt::Tokenizer>> openTokenizer(const std::string &path) {
  FTC_ASSIGN_OR_RETURN(std::optional<std::string> gguf, rt::findGguf(path));
  if (!gguf && !rt::isDirectory(path)) {
    FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                         rt::Session::openWithoutDevice(path));
    return std::move(session->tokenizer);
  }
  FTC_ASSIGN_OR_RETURN(ModelTokenizer model, readModelTokenizer(path));
  rt::TokenizerOptions options;
  options.modelType = model.modelType;
  Result<std::unique_ptr<rt::Tokenizer>> made = rt::makeTokenizer(model.files, options);
  if (!made)
    return made.takeStatus().withContext(path);
  return made.take();
}

} // namespace ftc::cli
