// A model's chat template: a conversation becomes the text that the model knows such by, with
// what an assistant says marked. Published templates are recognised by their text.
#pragma once

#include "runtime/tasks/ChatMessages.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <memory>
#include <optional>
#include <span>

namespace ftc::rt {

/// A stretch of a rendered conversation. `learnt`: an assistant's words and the token that ends
/// them, which generation has to produce; all else is given.
struct ChatPiece {
  std::string text;
  bool learnt = false;
};

class ChatTemplate {
public:
  /// The template of a model: chat_template.jinja, else tokenizer_config.json's chat_template
  /// ("default" of several). Null where there is none. One that is not known fails in render.
  static Result<std::unique_ptr<ChatTemplate>> read(const TokenizerFiles &files);

  /// What transformers' apply_chat_template(tokenize=False) gives, in pieces; `prompt`: with
  /// add_generation_prompt, for the assistant's next words. Fails on a template that is not
  /// known, saying what to do, and where the template itself would (roles out of turn).
  Result<std::vector<ChatPiece>> render(std::span<const ChatMessage> messages,
                                        bool prompt) const;

private:
  enum class Form { Unknown, ChatMl, Llama2, Llama3, Mistral, Zephyr };

  void recognise(std::string text);
  bool recogniseChatMl(const std::string &text);
  Status checkTurns(std::span<const ChatMessage> messages) const;
  void renderChatMl(std::span<const ChatMessage> messages, std::vector<ChatPiece> &out) const;
  void renderLlama2(std::span<const ChatMessage> messages, std::vector<ChatPiece> &out) const;

  Form form = Form::Unknown;
  std::optional<std::string> system; ///< ChatML: where the conversation has no system message
  bool knownRolesAlone = false;      ///< ChatML: Qwen2.5 writes tools' answers in its own way
  bool alwaysPrompts = false;        ///< Llama 3: its first template asks for an answer always
  bool spaceAfterEnd = false;        ///< Mistral: of version 0.1
  std::string begin, end;            ///< texts of bos_token and eos_token
};

} // namespace ftc::rt
