// SQuAD's nested JSON: one row a question, whatever the order of keys, and refusals.
#include "DataTest.h"

#include "runtime/data/ReadProblems.h"

namespace ftc::rt {
namespace {

using Cells = std::vector<std::string>;

const std::string kTwo = "{\"version\": \"v2.0\", \"data\": [\n"
                         "{\"title\": \"t\", \"paragraphs\": [\n"
                         "{\"qas\": [\n"
                         "{\"question\": \"Who?\", \"id\": \"q1\", \"is_impossible\": false,\n"
                         " \"answers\": [{\"text\": \"Jo\", \"answer_start\": 0, \"x\": {}},\n"
                         "  {\"answer_start\": 3, \"text\": \"Ke\"}]},\n"
                         "{\"id\": 7, \"question\": \"Why?\", \"answers\": [],\n"
                         " \"plausible_answers\": [{\"text\": \"a\", \"answer_start\": 1}]}\n"
                         "], \"context\": \"Jo Ke caf\\u00e9\"},\n"
                         "{\"context\": \"none\", \"qas\": []}]},\n"
                         "{\"paragraphs\": [{\"context\": \"b\", \"qas\": [{\"id\": \"q3\",\n"
                         " \"question\": \"?\", \"answers\": [{\"text\": \"b\", "
                         "\"answer_start\": 0}]}]}]}]}";

TEST(Squad, OneRowAQuestion) {
  auto table = parseData("a.json", kTwo);
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->columns(),
            (Cells{"id", "question", "context", "answers.text", "answers.answer_start"}));
  ASSERT_EQ(table->rows(), 3);
  EXPECT_EQ(rowCells(*table, 0), (Cells{"q1", "Who?", "Jo Ke café", "[Jo|Ke]", "[0|3]"}));
  EXPECT_EQ(rowCells(*table, 1), (Cells{"7", "Why?", "Jo Ke café", "[]", "[]"}));
  EXPECT_EQ(rowCells(*table, 2), (Cells{"q3", "?", "b", "[b]", "[0]"}));
  EXPECT_EQ(table->line(0), 4);
  EXPECT_EQ(table->line(1), 7);
  EXPECT_EQ(table->line(2), 11);
  // The paragraph's text is there once.
  EXPECT_EQ(table->text(0, 2).data(), table->text(1, 2).data());
}

TEST(Squad, KeepsAsManyQuestionsAsAsked) {
  for (std::int64_t rows : {0, 1, 2, 3, 9}) {
    auto table = parseData("a.json", kTwo, rows);
    ASSERT_TRUE(table) << table.status().message();
    EXPECT_EQ(table->rows(), std::min<std::int64_t>(rows, 3));
  }
}

TEST(Squad, WithoutAnswersThereAreNoAnswerColumns) {
  auto table =
      parseData("a.json", "{\"data\": [{\"paragraphs\": [{\"context\": \"c\", \"qas\": "
                          "[{\"id\": \"q\", \"question\": \"?\"}, {\"id\": \"r\", "
                          "\"question\": \"!\", \"answers\": null}]}]}]}");
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->columns(), (Cells{"id", "question", "context"}));
  EXPECT_EQ(table->rows(), 2);
}

TEST(Squad, TheFirstArticleTellsTheForm) {
  const std::string text =
      "{\"data\": [{\"paragraphs\": []}, {\"paragraphs\": [{\"context\": \"c\", "
      "\"qas\": [{\"id\": \"q\", \"question\": \"?\"}]}]}]}";
  for (std::int64_t most : {-1, 1}) {
    auto table = parseData("a.json", text, most);
    ASSERT_TRUE(table) << table.status().message();
    EXPECT_EQ(rowCells(*table, 0), (Cells{"q", "?", "c"}));
  }
  auto flat = parseData("a.json", "{\"data\": [{\"question\": \"?\", \"paragraphs\": [{}]}]}");
  ASSERT_TRUE(flat);
  EXPECT_EQ(flat->columns(), (Cells{"question", "paragraphs"}));
  for (const char *other : {"[{\"paragraphs\": [{}]}]", "{\"paragraphs\": [[{}]]}"}) {
    auto table = parseData("a.json", other);
    ASSERT_TRUE(table) << table.status().message();
    EXPECT_EQ(table->columns(), (Cells{"paragraphs"}));
  }
}

std::string errorOf(const std::string &qa) {
  return dataError("a.json", "{\"data\": [{\"paragraphs\": [{\"context\": \"c\", \"qas\": [\n" +
                                 qa + "]}]}]}");
}

TEST(Squad, RefusesWithLineAndQuestion) {
  EXPECT_HAS(errorOf("{\"question\": \"?\", \"answers\": []}"),
             "a.json: line 2: expected a question with \"id\" and \"question\", got one "
             "without \"id\"");
  EXPECT_HAS(errorOf("{\"id\": \"q1\", \"answers\": []}"),
             "line 2: question 'q1': expected a question with \"id\" and \"question\", got one "
             "without \"question\"");
  EXPECT_HAS(errorOf("{\"id\": \"q1\" ]"),
             "line 2: expected JSON, got (column 13: syntax error while "
             "parsing object - unexpected ']'; expected '}')");
  EXPECT_HAS(errorOf("{\"id\": \"q1\", \"question\": 3}"),
             "question 'q1': expected a string as \"question\", got a whole number");
  EXPECT_HAS(errorOf("{\"id\": \"q1\", \"question\": \"?\", \"answers\": {}}"),
             "expected a list as \"answers\", got an object");
  EXPECT_HAS(errorOf("{\"id\": \"q1\", \"question\": \"?\", \"answers\": [3]}"),
             "question 'q1': expected an object, got a whole number");
  EXPECT_HAS(errorOf("{\"id\": \"q1\", \"question\": \"?\", \"answers\": [{\"text\": \"c\"}]}"),
             "expected an answer with \"text\" and \"answer_start\", got one without "
             "\"answer_start\"");
  EXPECT_HAS(errorOf("{\"id\": \"q1\", \"question\": \"?\", \"answers\": [{\"text\": \"c\", "
                     "\"answer_start\": \"0\"}]}"),
             "expected a whole number as \"answer_start\", got a string");
  EXPECT_HAS(errorOf("{\"id\": \"q1\", \"id\": \"q2\", \"question\": \"?\"}"),
             "expected \"id\" once, got it twice");
  EXPECT_HAS(dataError("a.json", "{\"data\": [{\"paragraphs\": [{\"qas\": [{\"id\": \"q\", "
                                 "\"question\": \"?\"}]}]}]}"),
             "line 1: expected a paragraph with \"context\", got one without");
  EXPECT_HAS(dataError("a.json", "{\"data\": [{\"paragraphs\": [{\"context\": \"c\"}]}]}"),
             "a.json: expected paragraphs with questions (\"qas\"), got none");
  EXPECT_HAS(dataError("a.json", kTwo.substr(0, kTwo.size() - 1)), "expected JSON");
}

/// "LINE what | LINE what" of each question that a check leaves out.
std::string problemsOf(const std::string &text, std::int64_t rows) {
  ReadProblems problems;
  Result<DataTable> table = parseData("a.json", text, -1, &problems);
  EXPECT_TRUE(table) << table.status().message();
  EXPECT_EQ(table ? table->rows() : -1, rows);
  std::string all;
  for (const ReadProblem &problem : problems.kept()) {
    std::string where = "a.json: line " + std::to_string(problem.line) + ": ";
    EXPECT_TRUE(problem.message.starts_with(where)) << problem.message;
    all += (all.empty() ? "" : " | ") + std::to_string(problem.line) + " " +
           problem.message.substr(std::min(where.size(), problem.message.size()));
  }
  return all + (problems.readInPart() ? " ..." : "");
}

std::string document(const std::string &paragraphs) {
  return "{\"data\": [{\"paragraphs\": [\n" + paragraphs + "]}]}";
}

const std::string kGood = "{\"id\": \"g\", \"question\": \"?\", \"answers\": []}\n";

TEST(Squad, ACheckTellsEachBadQuestionAndGoesOn) {
  std::string answers =
      "{\"id\": \"a\", \"question\": \"?\", \"answers\": [{\"text\": \"c\"}, 3]},\n"
      "{\"id\": \"b\", \"question\": 3},\n"
      "{\"id\": \"c\", \"question\": \"?\", \"answers\": {\"text\": [1], \"x\": {}}},\n"
      "{\"question\": \"?\"}, 7, [1, [2]],\n" +
      kGood + ", {\"id\": \"d\", \"question\": \"?\", \"answers\": [], \"answers\": []}\n";
  EXPECT_EQ(problemsOf(document("{\"context\": \"c\", \"qas\": [\n" + answers + "]}"), 1),
            "3 question 'a': expected an answer with \"text\" and \"answer_start\", got one "
            "without \"answer_start\" | "
            "4 question 'b': expected a string as \"question\", got a whole number | "
            "5 question 'c': expected a list as \"answers\", got an object | "
            "6 expected a question with \"id\" and \"question\", got one without \"id\" | "
            "6 expected an object, got a whole number | 6 expected an object, got a list | "
            "8 question 'd': expected \"answers\" once, got it twice");
}

TEST(Squad, ACheckTellsBadParagraphs) {
  std::string whole = "{\"context\": \"c\", \"qas\": [" + kGood + "]}\n";
  EXPECT_EQ(problemsOf(document("{\"qas\": [" + kGood + "]},\n{\"context\": 1, \"qas\": [" +
                                kGood + "]},\n{\"context\": \"c\", \"qas\": 1},\n" + whole),
                       1),
            "2 question 'g': expected a paragraph with \"context\", got one without | "
            "4 question 'g': expected a string as \"context\", got a whole number | "
            "6 expected a list as \"qas\", got a whole number");
  EXPECT_HAS(problemsOf("{\"data\": [{\"paragraphs\": [" + whole +
                            "]}, {\"paragraphs\": 3},\n"
                            "{\"paragraphs\": [" +
                            whole + "]}]}",
                        2),
             "expected a list as \"paragraphs\", got a whole number");
  // What is broken ends the file; whole paragraphs before it stay.
  EXPECT_HAS(problemsOf(document(whole + "," + whole + ", {\"context\": }"), 2), " ...");
}

TEST(Squad, ACheckLeavesOutWhatIsNotUtf8) {
  std::string bad = kGood, context = "{\"context\": \"\xff\", \"qas\": [" + kGood + "]},\n";
  bad.replace(bad.find("?"), 1, "\xc3");
  EXPECT_EQ(problemsOf(document(context + "{\"context\": \"c\", \"qas\": [" + kGood + "," +
                                bad + "]}, {\"qas\": [" + kGood + "], \"context\": \"\xff\"}"),
                       1),
            "2 expected UTF-8, got an invalid byte \\xff; convert the file to UTF-8 | "
            "2 question 'g': expected a paragraph of UTF-8, got one with an invalid byte | "
            "5 expected UTF-8, got an invalid byte \\xc3; convert the file to UTF-8 | "
            "7 expected UTF-8, got an invalid byte \\xff; convert the file to UTF-8 | "
            "6 question 'g': expected a paragraph of UTF-8, got one with an invalid byte");
}

} // namespace
} // namespace ftc::rt
