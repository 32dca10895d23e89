// Columns of tasks that write text, and conversations.
#include "FakeTokenizer.h"

#include "runtime/data/ParallelText.h"
#include "runtime/tasks/ChatMessages.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/GenerationColumns.h"

namespace ftc::rt {
namespace {

/// "source target" as names, "-" where there is none; the message when refused.
std::string shown(const DataTable &table, const Result<PairColumns> &columns) {
  if (!columns)
    return columns.status().message();
  auto name = [&](int column) { return column < 0 ? "-" : table.columns()[column]; };
  return name(columns->source) + " " + name(columns->target);
}

std::string summary(const char *header, const std::string &text = "",
                    const std::string &target = "", bool needTarget = true) {
  DataTable table = tableOf("d.csv", std::string(header) + "\nx,y,z,w\n");
  return shown(table, findSummaryColumns(table, text, target, needTarget));
}

TEST(GenerationColumns, Summary) {
  EXPECT_EQ(summary("text,summary,a,b"), "text summary");
  EXPECT_EQ(summary("summary,document,a,b"), "document summary");
  EXPECT_EQ(summary("id,highlights,article,b"), "article highlights");
  EXPECT_EQ(summary("dialogue,id,a,summary"), "dialogue summary");
  EXPECT_EQ(summary("body,title,text,summary", "body", "title"), "body title");
  EXPECT_EQ(summary("text,title,document,a", "document", "title"), "document title");
  EXPECT_EQ(summary("text,a,b,c", "", "", false), "text -");
  EXPECT_HAS(summary("text,a,b,c"),
             "expected a column 'summary' or 'highlights' (--summary_column "
             "names another), got the columns 'text', 'a', 'b', 'c'");
  EXPECT_HAS(summary("a,summary,b,c"), "d.csv: expected a column 'text', 'document'");
  EXPECT_HAS(summary("text,summary,document,c"),
             "expected one of the columns 'text' and 'document', got both; say which with "
             "--text_column");
  EXPECT_HAS(summary("text,summary,a,b", "body"), "a column 'body' (--text_column)");
}

std::string translation(const DataTable &table, const std::string &source,
                        const std::string &target, bool needTarget = true) {
  return shown(table, findTranslationColumns(table, source, target, needTarget));
}

TEST(GenerationColumns, Translation) {
  DataTable nested =
      tableOf("d.jsonl", "{\"id\": 1, \"translation\": {\"en\": \"a\", \"de\": \"b\"}}\n");
  EXPECT_EQ(translation(nested, "de", "en"), "translation.de translation.en");
  EXPECT_EQ(translation(nested, "en_XX", "de_DE"), "translation.en translation.de");
  EXPECT_EQ(translation(nested, "", ""), "translation.en translation.de");
  EXPECT_EQ(translation(nested, "en", "sv", false), "translation.en -");
  EXPECT_HAS(
      translation(nested, "en", "sv"),
      "expected a column 'translation.sv' or 'sv' (--target_lang), got the columns 'id', "
      "'translation.en', 'translation.de'");
  EXPECT_HAS(translation(nested, "fr", "de"), "'translation.fr' or 'fr' (--source_lang)");
  EXPECT_HAS(translation(nested, "en", ""), "--target_lang: expected beside --source_lang");
  EXPECT_HAS(translation(nested, "", "en"), "--source_lang: expected beside --target_lang");
  EXPECT_HAS(translation(nested, "en", "en_GB"), "another language than --source_lang");
  DataTable flat = tableOf("d.tsv", "de\ten\nb\ta\n");
  EXPECT_EQ(translation(flat, "", ""), "de en");
  EXPECT_EQ(translation(flat, "en", "de"), "en de");
  DataTable three = tableOf("d.tsv", "de\ten\tid\nb\ta\t1\n");
  EXPECT_EQ(translation(three, "en", "de"), "en de");
  EXPECT_EQ(translation(three, "", ""), "de en");
  EXPECT_EQ(translation(tableOf("d.csv", "id,en\na,b\n"), "", ""), "id en"); // Indonesian
  EXPECT_HAS(translation(tableOf("d.csv", "de,en,sv\na,b,c\n"), "", ""),
             "for each of two languages");
  // Any two columns are no languages; codes are, beside others.
  EXPECT_HAS(translation(tableOf("d.csv", "text,label\na,b\n"), "", ""),
             "for each of two languages (translation.en and translation.de, source and target, or "
             "two language codes; --source_lang and --target_lang name others), got the columns "
             "'text', 'label'");
  EXPECT_EQ(translation(tableOf("d.csv", "number,pt_BR,zh-Hans\n1,a,b\n"), "", ""),
            "pt_BR zh-Hans");
  EXPECT_EQ(translation(tableOf("d.csv", "number,target,source\n1,a,b\n"), "", ""),
            "source target");
  EXPECT_EQ(translation(tableOf("d.csv", "number,en\n1,a\n"), "", "", false), "en -");
  auto parallel = parseParallelText("a.txt", "a\n", "b.txt", "x\n");
  ASSERT_TRUE(parallel);
  EXPECT_EQ(translation(*parallel, "en", "de"), "source target");
  EXPECT_EQ(translation(*parallel, "", ""), "source target");
  auto free = parseParallelText("a.English", "a\n", "a.German", "x\n");
  ASSERT_TRUE(free);
  EXPECT_EQ(translation(*free, "", ""), "English German");
  auto named = parseParallelText("a.en", "a\n", "b.de", "x\n");
  ASSERT_TRUE(named);
  EXPECT_EQ(translation(*named, "de", "en"), "de en");
  EXPECT_HAS(translation(*named, "fr", "en"), "got the columns 'en', 'de'");
}

TEST(GenerationColumns, ErrorsNameTheColumnsFile) {
  // JSON alone has cells that are no strings; of parallel text every cell is one.
  DataTable table = tableOf("d.jsonl", "{\"translation\": {\"en\": \"a\", \"de\": \"b\"}}\n"
                                       "{\"translation\": {\"en\": \"a\", \"de\": 3}}\n");
  auto columns = findTranslationColumns(table, "en", "de", true);
  ASSERT_TRUE(columns);
  EXPECT_EQ(*readText(table, 0, columns->target), "b");
  EXPECT_EQ(
      readText(table, 1, columns->target).status().message(),
      "d.jsonl: line 2: expected a string in column 'translation.de', got a whole number");
}

/// "text prompt completion messages": 1 where that column was found.
std::string generation(std::string json, const std::string &flag = "", bool need = true) {
  DataTable table = tableOf("d.jsonl", "{" + json + "}\n");
  auto columns = findGenerationColumns(table, flag, need);
  if (!columns)
    return columns.status().message();
  std::string found;
  for (int column : {columns->text, columns->prompt, columns->completion, columns->messages})
    found += column < 0 ? "-" : table.columns()[column].substr(0, 1);
  return found;
}

TEST(GenerationColumns, Generation) {
  EXPECT_EQ(generation("\"text\": \"a\""), "t---");
  EXPECT_EQ(generation("\"prompt\": \"a\", \"completion\": \"b\""), "-pc-");
  EXPECT_EQ(generation("\"prompt\": \"a\", \"completion\": \"b\", \"text\": \"c\""), "-pc-");
  EXPECT_EQ(generation("\"prompt\": \"a\", \"text\": \"c\""), "t---");
  EXPECT_EQ(generation("\"prompt\": \"a\", \"messages\": []"), "---m");
  EXPECT_EQ(generation("\"story\": \"a\", \"messages\": []", "story"), "s---");
  EXPECT_EQ(generation("\"prompt\": \"a\"", "", false), "-p--");
  EXPECT_HAS(generation("\"prompt\": \"a\""), "'completion' beside 'prompt'");
  EXPECT_HAS(generation("\"story\": \"a\""),
             "'text', 'messages', or 'prompt' with 'completion'");
  EXPECT_HAS(generation("\"story\": \"a\"", "text"), "'text' (--text_column_name)");
}

std::string messagesError(const std::string &cell) {
  DataTable table = tableOf("d.jsonl", "{\"messages\": " + cell + "}\n");
  auto messages = readMessages(table, 0, *table.findColumn("messages"));
  return messages ? std::string() : messages.status().message();
}

TEST(ChatMessages, Reads) {
  DataTable table = tableOf(
      "d.jsonl",
      "{\"messages\": [{\"role\": \"system\", \"content\": \"\", \"n\": 1}, {\"content\": "
      "\"caf\\u00e9\\n\", \"tool_calls\": null, \"role\": \"user\"}]}\n");
  auto messages = readMessages(table, 0, 0);
  ASSERT_TRUE(messages) << messages.status().message();
  ASSERT_EQ(messages->size(), 2u);
  EXPECT_EQ((*messages)[0].role, "system");
  EXPECT_EQ((*messages)[0].content, "");
  EXPECT_EQ((*messages)[1].role, "user");
  EXPECT_EQ((*messages)[1].content, "café\n");
}

TEST(ChatMessages, Refuses) {
  EXPECT_EQ(messagesError("\"hi\""),
            "d.jsonl: line 1: expected a list of {\"role\", \"content\"} objects in column "
            "'messages', got a string");
  EXPECT_HAS(messagesError("[]"), "got an empty list");
  EXPECT_HAS(messagesError("[\"a\"]"), "got a list of strings");
  EXPECT_HAS(messagesError("null, \"b\": 1"), "got nothing");
  EXPECT_HAS(
      messagesError("[{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"user\"}]"),
      "d.jsonl: line 1: message 2 in column 'messages': expected a string as 'content', got "
      "none");
  EXPECT_HAS(messagesError("[{\"role\": \"user\", \"content\": null}]"),
             "message 1 in column 'messages': expected a string as 'content', got nothing");
  EXPECT_HAS(messagesError("[{\"role\": \"user\", \"content\": [{\"type\": \"text\"}]}]"),
             "got a nested or mixed value");
  EXPECT_HAS(messagesError("[{\"role\": 1, \"content\": \"a\"}]"),
             "expected a string as 'role', got a whole number");
  EXPECT_HAS(messagesError("[{\"role\": \"\", \"content\": \"a\"}]"),
             "expected a role, got an empty");
  EXPECT_HAS(
      messagesError("[{\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": []}]"),
      "got 'tool_calls'");
}

} // namespace
} // namespace ftc::rt
