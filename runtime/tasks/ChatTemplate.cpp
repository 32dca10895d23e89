// Recognition of published templates, each compared whole, and their rendering. transformers
// renders with trim_blocks and lstrip_blocks; the texts below are what it makes of each
// template.
#include "runtime/tasks/ChatTemplate.h"

#include "runtime/io/Json.h"
#include "runtime/metrics/PythonSpace.h"
#include "runtime/support/Sha256.h"
#include "runtime/support/Text.h"

namespace ftc::rt {

namespace {

/// Qwen2.5's, without line ends behind it: system message or default, then tools.
constexpr std::string_view kQwen25Sha256 =
    "55b2f4a26ac9ee719330a61a0c39d9e538b0e9322212f048326318cff4f8674a";
constexpr std::string_view kQwen25System =
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

// One-line templates; \n stands for either spelling of a line end within Jinja's strings.
constexpr std::string_view kChatMlFirst =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\n";
constexpr std::string_view kChatMlSecond = "<|im_end|>\n' }}{% endif %}";
constexpr std::string_view kFor = "{% for message in messages %}";
constexpr std::string_view kChatMlRest =
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
constexpr std::string_view kLlama3 =
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "
    "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | "
    "trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
    "{% endif %}{{ content }}{% endfor %}";
constexpr std::string_view kLlama3Prompt =
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}";
constexpr std::string_view kIfPrompt = "{% if add_generation_prompt %}";
constexpr std::string_view kEndIf = "{% endif %}";
constexpr std::string_view kAlternate =
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception("
    "'Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}";
constexpr std::string_view kMistralFirst =
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token";
constexpr std::string_view kMistralRest =
    "}}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}"
    "{% endif %}{% endfor %}";
constexpr std::string_view kLlama2First =
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set "
    "system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}";
constexpr std::string_view kLlama2Rest =
    "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\n' + "
    "system_message + '\n<</SYS>>\n\n' + message['content'] %}{% else %}{% set content = "
    "message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] "
    "' "
    "+ content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + "
    "content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}";
constexpr std::string_view kZephyr =
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + "
    "message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n{{ "
    "'<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == "
    "'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n"
    "{% endfor %}";

template <typename... Parts> std::string joined(const Parts &...parts) {
  std::string text;
  (text.append(parts), ...);
  return text;
}

std::string replaceAll(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// Python's str.strip().
std::string strip(std::string_view text) {
  std::size_t first = 0;
  while (std::size_t length = pythonSpaceLength(text, first))
    first += length;
  return std::string(stripEnd(text.substr(first)));
}

/// A special token's text: a string, or an added token's object.
std::string tokenText(const Json &config, const char *key) {
  if (!config.is_object() || !config.contains(key))
    return {};
  const Json &token = config[key];
  const Json &content =
      token.is_object() && token.contains("content") ? token["content"] : token;
  return content.is_string() ? content.get<std::string>() : std::string();
}

/// tokenizer_config.json's template: a string, or the one of several that is named "default".
std::optional<std::string> configuredTemplate(const Json &config) {
  if (!config.is_object() || !config.contains("chat_template"))
    return {};
  const Json &value = config["chat_template"];
  if (value.is_string())
    return value.get<std::string>();
  if (value.is_array())
    for (const Json &entry : value)
      if (entry.is_object() && entry.value("name", Json()) == "default" &&
          entry.value("template", Json()).is_string())
        return entry["template"].get<std::string>();
  return {};
}

Result<Json> jsonFile(const TokenizerFiles &files, std::string_view name) {
  for (const auto &[file, bytes] : files)
    if (file == name)
      return parseJson(bytes, name);
  return Json(Json::object());
}

} // namespace

Result<std::unique_ptr<ChatTemplate>> ChatTemplate::read(const TokenizerFiles &files) {
  FTC_ASSIGN_OR_RETURN(Json config, jsonFile(files, "tokenizer_config.json"));
  FTC_ASSIGN_OR_RETURN(Json specials, jsonFile(files, "special_tokens_map.json"));
  std::optional<std::string> text = configuredTemplate(config);
  for (const auto &[name, bytes] : files)
    if (name == "chat_template.jinja")
      text = bytes;
  if (!text)
    return std::unique_ptr<ChatTemplate>();
  auto chat = std::make_unique<ChatTemplate>();
  for (auto [key, field] : {std::pair("bos_token", &chat->begin), {"eos_token", &chat->end}}) {
    *field = tokenText(config, key);
    if (field->empty())
      *field = tokenText(specials, key);
  }
  chat->recognise(std::move(*text));
  return chat;
}

bool ChatTemplate::recogniseChatMl(const std::string &text) {
  if (text == joined(kFor, kChatMlRest)) {
    form = Form::ChatMl;
    return true;
  }
  std::string rest = joined(kChatMlSecond, kChatMlRest);
  if (!text.starts_with(kChatMlFirst) || !text.ends_with(rest) ||
      text.size() < kChatMlFirst.size() + rest.size())
    return false;
  std::string given =
      text.substr(kChatMlFirst.size(), text.size() - kChatMlFirst.size() - rest.size());
  if (given.find_first_of("'\\") != std::string::npos)
    return false; // more than a plain string of Jinja
  form = Form::ChatMl;
  system = given;
  return true;
}

void ChatTemplate::recognise(std::string text) {
  while (text.ends_with('\n'))
    text.pop_back();
  Result<std::string> hash = sha256Hex(text);
  if (hash && *hash == kQwen25Sha256) {
    form = Form::ChatMl;
    system = kQwen25System;
    knownRolesAlone = true;
    return;
  }
  if (text == kZephyr) {
    form = Form::Zephyr;
    return;
  }
  // In the others every line end stands within a string, where \n means one.
  text = replaceAll(std::move(text), "\\n", "\n");
  if (recogniseChatMl(text))
    return;
  if (text == joined(kLlama3, kIfPrompt, kLlama3Prompt, kEndIf) ||
      text == joined(kLlama3, kLlama3Prompt)) {
    form = Form::Llama3;
    alwaysPrompts = !text.ends_with(kEndIf);
    return;
  }
  for (std::string_view space : {" + ' ' ", ""})
    if (text ==
        joined("{{ bos_token }}", kFor, kAlternate, kMistralFirst, space, kMistralRest)) {
      form = Form::Mistral;
      spaceAfterEnd = !space.empty();
      return;
    }
  if (text == joined(kLlama2First, kAlternate, kLlama2Rest))
    form = Form::Llama2;
}

Status ChatTemplate::checkTurns(std::span<const ChatMessage> messages) const {
  if (form == Form::Unknown)
    return Status::error("the model's chat template is none of those that are known (ChatML, "
                         "Qwen2.5, Llama 2, Llama 3, Mistral 0.1 and 0.2, Zephyr): apply it "
                         "yourself and give the columns prompt and completion");
  bool alternates = form == Form::Mistral || form == Form::Llama2;
  std::size_t first =
      form == Form::Llama2 && !messages.empty() && messages[0].role == "system" ? 1 : 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string where = "message " + std::to_string(i + 1);
    std::string_view role = messages[i].role;
    bool plain = role == "user" || role == "assistant";
    if (alternates && i >= first && (role == "user") != ((i - first) % 2 == 0))
      return Status::error(where +
                           ": expected user and assistant in turn, as the model's chat "
                           "template does, got " +
                           quote(role, 40));
    if (form == Form::Mistral && !plain)
      return Status::error(where + ": expected the role user or assistant, got " +
                           quote(role, 40));
    if (((knownRolesAlone || form == Form::Zephyr) && !plain && role != "system") ||
        (form == Form::Llama2 && i >= first && !plain))
      return Status::error(where + ": expected the role system, user or assistant, got " +
                           quote(role, 40) +
                           ", which the model's chat template passes over or "
                           "writes in a way of its own");
  }
  return {};
}

void ChatTemplate::renderChatMl(std::span<const ChatMessage> messages,
                                std::vector<ChatPiece> &out) const {
  if (system && (messages.empty() || messages[0].role != "system"))
    out.push_back({joined("<|im_start|>system\n", *system, "<|im_end|>\n")});
  for (const ChatMessage &message : messages) {
    out.push_back({joined("<|im_start|>", message.role, "\n")});
    out.push_back({joined(message.content, "<|im_end|>"), message.role == "assistant"});
    out.push_back({"\n"});
  }
}

void ChatTemplate::renderLlama2(std::span<const ChatMessage> messages,
                                std::vector<ChatPiece> &out) const {
  std::string before;
  if (!messages.empty() && messages[0].role == "system") {
    before = joined("<<SYS>>\n", messages[0].content, "\n<</SYS>>\n\n");
    messages = messages.subspan(1);
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    std::string content = strip(joined(i == 0 ? before : std::string(), messages[i].content));
    if (messages[i].role == "user")
      out.push_back({joined(begin, "[INST] ", content, " [/INST]")});
    else
      out.push_back({joined(" ", content, " ", end), true});
  }
}

Result<std::vector<ChatPiece>> ChatTemplate::render(std::span<const ChatMessage> messages,
                                                    bool prompt) const {
  FTC_RETURN_IF_ERROR(checkTurns(messages));
  std::vector<ChatPiece> out;
  if (form == Form::ChatMl) {
    renderChatMl(messages, out);
    if (prompt)
      out.push_back({"<|im_start|>assistant\n"});
  } else if (form == Form::Llama2) {
    renderLlama2(messages, out);
  } else if (form == Form::Llama3) {
    for (std::size_t i = 0; i < messages.size(); ++i) {
      out.push_back({joined(i == 0 ? begin : std::string(), "<|start_header_id|>",
                            messages[i].role, "<|end_header_id|>\n\n")});
      out.push_back(
          {joined(strip(messages[i].content), "<|eot_id|>"), messages[i].role == "assistant"});
    }
    if (prompt || alwaysPrompts)
      out.push_back({"<|start_header_id|>assistant<|end_header_id|>\n\n"});
  } else if (form == Form::Mistral) {
    out.push_back({begin});
    for (const ChatMessage &message : messages) {
      bool user = message.role == "user";
      out.push_back(
          {user ? joined("[INST] ", message.content, " [/INST]") : joined(message.content, end),
           !user});
      if (!user && spaceAfterEnd)
        out.push_back({" "});
    }
  } else {
    for (const ChatMessage &message : messages) {
      out.push_back({joined("<|", message.role, "|>\n")});
      out.push_back({joined(message.content, end), message.role == "assistant"});
      out.push_back({"\n"});
    }
    if (prompt && !messages.empty())
      out.push_back({"<|assistant|>\n"});
  }
  return out;
}

} // namespace ftc::rt
