// Parsing of untrusted JSON: nlohmann's event parser feeds a builder that holds the bounds.
#include "runtime/io/JsonEvents.h"

#include "runtime/support/File.h"
#include "runtime/support/Text.h"

namespace ftc::rt {

Status jsonErrorAt(std::string_view text, std::string_view source, std::size_t byte,
                   std::string_view what) {
  byte = std::min(byte, text.size());
  std::size_t line = 1, start = 0;
  for (std::size_t i = 0; i < byte; ++i)
    if (text[i] == '\n') {
      ++line;
      start = i + 1;
    }
  return Status::error(escape(source, 200) + ": line " + std::to_string(line) + ", column " +
                       std::to_string(byte - start + 1) + " (byte " + std::to_string(byte) +
                       "): " + std::string(what));
}

/// nlohmann's message without its prefix: "parse error at line 1, column 2: reason", of
/// "[json.exception.parse_error.101] parse error at line 1, column 2: reason".
static std::string_view withoutType(std::string_view message) {
  if (std::size_t at = message.find("] "); message.starts_with("[json.") && at != message.npos)
    message.remove_prefix(at + 2);
  return message;
}

static std::string onOneLine(std::string_view reason, std::size_t maxBytes) {
  std::string out = escape(reason, maxBytes);
  // The library quotes with apostrophes itself; they are harmless here.
  for (std::size_t at = 0; (at = out.find("\\'", at)) != std::string::npos;)
    out.erase(at, 1);
  return out;
}

std::string jsonReason(const char *message) {
  std::string_view text = withoutType(message);
  if (text.starts_with("parse error"))
    if (std::size_t at = text.find(": "); at != text.npos)
      text.remove_prefix(at + 2);
  return onOneLine(text, 160);
}

std::string jsonReasonInLine(const char *message) {
  std::string_view text = withoutType(message);
  if (text.starts_with("parse error"))
    if (std::size_t at = text.find("column "); at != text.npos)
      text.remove_prefix(at);
  return onOneLine(text, 200);
}

Status checkJsonText(std::string_view text, std::string_view source, std::uint64_t maxBytes) {
  if (text.size() > maxBytes)
    return Status::error(escape(source, 200) + ": " + describeBytes(text.size()) +
                         " of JSON, expected at most " + describeBytes(maxBytes));
  if (text.starts_with("\xEF\xBB\xBF"))
    return jsonErrorAt(text, source, 0,
                       "a UTF-8 byte order mark, expected JSON; save the file without it");
  if (std::size_t nul = text.find('\0'); nul != text.npos)
    return jsonErrorAt(text, source, nul, "a NUL byte, expected JSON text");
  return Status::ok();
}

namespace {

/// Builds the document; stops at the first breach of a bound.
class Builder final : public nlohmann::json_sax<Json> {
public:
  Builder(std::string_view text, std::string_view source, const JsonOptions &options)
      : text(text), source(source), options(options) {}

  Status status = Status::ok();
  Json root;

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t &number) override {
    return put(options.readFloat ? options.readFloat(number) : value);
  }
  bool string(string_t &value) override { return put(std::move(value)); }
  bool binary(binary_t &) override { return fail("binary data, expected JSON text"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t &name) override {
    Json &object = *stack.back();
    auto [at, inserted] =
        object.get_ref<Json::object_t &>().try_emplace(std::move(name), nullptr);
    if (!inserted && options.refuseDuplicateKeys)
      return fail("key " + quote(at->first) + " appears twice in one object, expected once");
    slot = &at->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string &,
                   const Json::exception &exception) override {
    // The position counts the bytes read, the offending one included.
    status =
        jsonErrorAt(text, source, position ? position - 1 : 0, jsonReason(exception.what()));
    return false;
  }

private:
  Json *place(Json &&value) {
    if (stack.empty())
      return &(root = std::move(value));
    if (stack.back()->is_array()) {
      stack.back()->push_back(std::move(value));
      return &stack.back()->back();
    }
    return &(*slot = std::move(value));
  }
  bool put(Json &&value) {
    place(std::move(value));
    return true;
  }
  bool open(Json &&value) {
    if (stack.size() >= static_cast<std::size_t>(options.maxDepth))
      return fail("nested more than " + std::to_string(options.maxDepth) + " levels deep");
    stack.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    stack.pop_back();
    return true;
  }
  bool fail(const std::string &what) {
    status = Status::error(escape(source, 200) + ": " + what);
    return false;
  }

  std::string_view text, source;
  const JsonOptions &options;
  std::vector<Json *> stack;
  Json *slot = nullptr;
};

} // namespace

Result<Json> parseJson(std::string_view text, std::string_view source,
                       const JsonOptions &options) {
  FTC_RETURN_IF_ERROR(checkJsonText(text, source, options.maxBytes));
  Builder builder(text, source, options);
  bool good = Json::sax_parse(text.begin(), text.end(), &builder);
  if (!builder.status)
    return builder.status;
  if (!good)
    return jsonErrorAt(text, source, 0, "not JSON");
  return std::move(builder.root);
}

Result<Json> readJsonFile(const std::string &path, const JsonOptions &options) {
  FTC_ASSIGN_OR_RETURN(std::string text, readFile(path, options.maxBytes));
  return parseJson(text, path, options);
}

std::string dumpJson(const Json &value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}
std::string dumpJson(const OrderedJson &value, int indent) {
  return value.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

} // namespace ftc::rt
