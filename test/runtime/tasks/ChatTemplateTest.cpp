// Chat templates against Jinja's own rendering (test/oracle/record_chat.py), and what of a
// conversation is learnt.
#include "runtime/tasks/ChatTemplate.h"
#include "runtime/io/Json.h"

#include <gtest/gtest.h>

namespace ftc::rt {
namespace {

const Json &recorded() {
  static const Json file = [] {
    auto read = readJsonFile(std::string(FTC_TEST_DIR) + "/chat_cases.json");
    EXPECT_TRUE(read) << (read ? "" : read.status().message());
    return read ? read.take() : Json();
  }();
  return file;
}

std::unique_ptr<ChatTemplate> templateOf(const Json &text) {
  Json config = {
      {"chat_template", text}, {"bos_token", "<s>"}, {"eos_token", {{"content", "</s>"}}}};
  auto chat = ChatTemplate::read({{"tokenizer_config.json", config.dump()}});
  EXPECT_TRUE(chat) << chat.status().message();
  return chat ? chat.take() : nullptr;
}

std::vector<ChatMessage> messagesOf(const Json &conversation) {
  std::vector<ChatMessage> messages;
  for (const Json &message : conversation)
    messages.push_back({message["role"].get_ref<const std::string &>(),
                        message["content"].get_ref<const std::string &>()});
  return messages;
}

std::string textOf(const std::vector<ChatPiece> &pieces) {
  std::string text;
  for (const ChatPiece &piece : pieces)
    text += piece.text;
  return text;
}

TEST(ChatTemplate, RendersAsJinjaDoes) {
  int refused = 0, rendered = 0;
  for (const Json &entry : recorded()["cases"])
    for (const Json &spelling : recorded()["templates"][entry["template"].get<std::string>()]) {
      SCOPED_TRACE(entry["template"].dump() + " " + entry["shape"].dump());
      std::string shape = entry["shape"];
      auto chat = templateOf(spelling);
      ASSERT_TRUE(chat);
      auto pieces =
          chat->render(messagesOf(recorded()["conversations"][shape]), entry["prompt"]);
      if (!pieces) {
        // What Jinja refuses; roles that a template passes over or treats in its own way.
        bool odd = shape.find('t') != std::string::npos || shape == "usa" || shape == "uas";
        EXPECT_TRUE(entry["text"].is_null() || odd) << pieces.status().message();
        EXPECT_NE(pieces.status().message().find("message "), std::string::npos);
        ++refused;
        continue;
      }
      ++rendered;
      ASSERT_FALSE(entry["text"].is_null());
      EXPECT_EQ(textOf(*pieces), entry["text"].get<std::string>());
    }
  EXPECT_GT(rendered, 300);
  EXPECT_GT(refused, 50);
}

TEST(ChatTemplate, TheAssistantsWordsAndTheirEndAreLearnt) {
  for (auto [name, wanted] : {std::pair("smollm2", "a0 b<|im_end|>"),
                              {"llama3", "a0 b<|eot_id|>"},
                              {"mistral-0.1", "a0 b</s>"},
                              {"llama2", " a0 b </s>"},
                              {"zephyr", "a0 b</s>"},
                              {"qwen2.5", "a0 b<|im_end|>"}}) {
    auto chat = templateOf(recorded()["templates"][name][0]);
    auto pieces = chat->render(
        std::vector<ChatMessage>{{"user", "x"}, {"assistant", "a0 b"}, {"user", "y"}}, false);
    ASSERT_TRUE(pieces) << name;
    std::string learnt;
    for (const ChatPiece &piece : *pieces)
      learnt += piece.learnt ? piece.text : "";
    EXPECT_EQ(learnt, wanted) << name;
  }
}

TEST(ChatTemplate, OthersAreRefusedWithWhatToDo) {
  for (const Json &text : recorded()["unknown"]) {
    auto pieces = templateOf(text)->render(std::vector<ChatMessage>{{"user", "x"}}, false);
    ASSERT_FALSE(pieces);
    EXPECT_NE(pieces.status().message().find("prompt and completion"), std::string::npos);
  }
  auto none = ChatTemplate::read({{"tokenizer_config.json", "{}"}});
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  EXPECT_FALSE(ChatTemplate::read({{"tokenizer_config.json", "{"}}));
}

TEST(ChatTemplate, SeveralByNameAndAFileOfItsOwn) {
  Json smollm = recorded()["templates"]["smollm"][0],
       llama = recorded()["templates"]["llama3"][0];
  Json several = Json::array(
      {{{"name", "tool_use"}, {"template", "x"}}, {{"name", "default"}, {"template", smollm}}});
  std::vector<ChatMessage> hello{{"user", "x"}};
  EXPECT_EQ(textOf(*templateOf(several)->render(hello, false)),
            "<|im_start|>user\nx<|im_end|>\n");
  Json config = {{"chat_template", smollm}, {"bos_token", "<s>"}};
  auto own = ChatTemplate::read({{"tokenizer_config.json", config.dump()},
                                 {"chat_template.jinja", llama.get<std::string>() + "\n"}});
  ASSERT_TRUE(own);
  EXPECT_EQ(textOf(*(*own)->render(hello, false)),
            "<s><|start_header_id|>user<|end_header_id|>\n\nx<|eot_id|>");
}

} // namespace
} // namespace ftc::rt
