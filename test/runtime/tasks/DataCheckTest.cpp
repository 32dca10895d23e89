// The data check on files with one of everything wrong: what is found, how often, and where.
#include "runtime/tasks/DataCheck.h"

#include "FakeTokenizer.h"
#include "runtime/io/Json.h"
#include "test/TemporaryDirectory.h"

#include <fstream>

namespace ftc::rt {
namespace {

class DataCheckTest : public ::testing::Test {
protected:
  std::string write(const std::string &name, const std::string &text) {
    std::string path = directory.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  DataCheck check(std::string_view task, const std::string &train,
                  const std::string &validation = {}) {
    options.task = *findTask(task);
    options.train.paths = {train};
    if (!validation.empty())
      options.validation.paths = {validation};
    if (!options.tokenizer)
      options.encode.modelKnown = false;
    Result<DataCheck> checked = checkData(options);
    EXPECT_TRUE(checked) << checked.status().message();
    return checked ? checked.take() : DataCheck();
  }

  static const Finding *find(const DataCheck &check, std::string_view kind) {
    for (const Finding &finding : check.findings)
      if (finding.kind == kind)
        return &finding;
    return nullptr;
  }

  /// "COUNT: line text | line text" of one kind; empty: it was not found.
  static std::string found(const DataCheck &check, std::string_view kind) {
    const Finding *finding = find(check, kind);
    if (!finding)
      return {};
    std::string text = std::to_string(finding->count) + ":";
    for (const FindingPlace &place : finding->places)
      text += " " + std::to_string(place.line);
    return text;
  }

  test::TemporaryDirectory directory;
  DataCheckOptions options;
};

TEST_F(DataCheckTest, GoodFileIsUsable) {
  DataCheck good = check("text-classification",
                         write("a.csv", "text,label\na b,x\nc,y\nd,x\ne,y\nf,x\ng,y\nh,x\n"
                                        "i,y\nj,x\nk,y\n"));
  EXPECT_TRUE(good.usable());
  EXPECT_TRUE(good.findings.empty()) << describeCheck(good);
  EXPECT_EQ(good.labels, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(good.train->labels.at("x"), 5);
  EXPECT_EQ(good.train->usable.size(), 10u);
  EXPECT_EQ(good.train->duplicates.distinct, 10);
  EXPECT_EQ(good.train->characters.most, 3);
}

TEST_F(DataCheckTest, EverythingAtOnceInJsonLines) {
  std::string path = write("t.jsonl", "{\"text\": \"one\", \"label\": \"x\"}\n" // 1
                                      "{\"text\": \"one\", \"label\": \"x\"}\n" // 2: repeats
                                      "{\"text\": \"one\", \"label\": \"y\"}\n" // 3: conflicts
                                      "{\"text\": \"broken\", \"label\": \n"    // 4
                                      "{\"text\": \"bad \xff\", \"label\": \"y\"}\n" // 5
                                      "{\"label\": \"y\"}\n"                   // 6: no text
                                      "{\"text\": \"six\", \"label\": \"\"}\n" // 7: empty label
                                      "{\"text\": \"  \", \"label\": \"y\"}\n" // 8: empty text
                                      "{\"text\": [1], \"label\": \"y\"}\n"    // 9: type
                                      "{\"text\": \"ten\"}\n"                  // 10: no label
                                      "{\"text\": \"e\", \"label\": \"X\"}\n"); // 11: near x
  DataCheck bad = check("text-classification", path);
  EXPECT_FALSE(bad.usable());
  EXPECT_EQ(found(bad, "unreadable-row"), "2: 4 5");
  EXPECT_EQ(found(bad, "missing-field"), "1: 6");
  EXPECT_EQ(found(bad, "missing-label"), "2: 7 10");
  EXPECT_EQ(found(bad, "wrong-type"), "1: 9");
  EXPECT_EQ(found(bad, "empty-input"), "1: 8");
  EXPECT_EQ(found(bad, "duplicate"), "1: 2");
  EXPECT_EQ(found(bad, "conflicting-duplicate"), "1: 3");
  EXPECT_EQ(found(bad, "similar-labels"), "1: 0");
  EXPECT_EQ(bad.train->duplicates.exact, 1);
  EXPECT_EQ(bad.train->duplicates.conflicting, 1);
  EXPECT_EQ(bad.train->refusedRows, 4);
  EXPECT_EQ(bad.train->problems.total(), 2);
  EXPECT_EQ(bad.findings.front().severity, Severity::Refused);
  std::string text = describeCheck(bad);
  EXPECT_NE(text.find("line 4: expected JSON"), std::string::npos) << text;
  Result<Json> json = parseJson(checkJson(bad), "check");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["usable"], false);
  EXPECT_EQ((*json)["files"][0]["refused_rows"], 4);
  EXPECT_EQ((*json)["files"][0]["labels"]["y"], 2);
}

TEST_F(DataCheckTest, PlacesAreBoundedAndAllAreCounted) {
  std::string text = "text,label\n";
  for (int i = 0; i < 2000; ++i)
    text += "a,b,c\n";
  text += "d,x\ne,y\n";
  DataCheck bad = check("text-classification", write("m.csv", text));
  EXPECT_EQ(found(bad, "unreadable-row"), "2000: 2 3 4 5 6");
  EXPECT_EQ(bad.train->usable.size(), 2u);
}

TEST_F(DataCheckTest, AnUnclosedQuoteEndsTheFile) {
  DataCheck bad =
      check("text-classification", write("q.csv", "text,label\na,x\nb,y\n\"c,x\nd,y\n"));
  EXPECT_EQ(found(bad, "unreadable-row"), "1: 4");
  EXPECT_EQ(found(bad, "read-in-part"), "1: 4");
  EXPECT_EQ(bad.train->usable.size(), 2u);
}

TEST_F(DataCheckTest, ABrokenDocumentKeepsItsFirstRows) {
  DataCheck bad = check("text-classification",
                        write("d.json", "[{\"text\": \"a\", \"label\": 1},\n"
                                        "{\"text\": \"b\", \"label\": 2},\n{\"text\": }]"));
  EXPECT_EQ(found(bad, "unreadable-row"), "1: 3");
  EXPECT_EQ(bad.train->usable.size(), 2u);
}

/// In each format: rows with a bad byte are told once and are no rows.
TEST_F(DataCheckTest, RowsThatAreNotUtf8AreNotUsable) {
  auto verdict = [&](std::string_view task, const std::string &name, const std::string &text) {
    DataCheck bad = check(task, write(name, text));
    std::string usable;
    for (std::int64_t row : bad.train->usable)
      usable += " " + std::to_string(bad.train->table.line(row));
    return found(bad, "unreadable-row") + " |" + usable;
  };
  const char *text = "text-classification";
  EXPECT_EQ(verdict(text, "a.csv",
                    "text,label\n\xff,x\nb,y\n\"c\n\xe9\n\xe9\n\",x\n\nd,\xff,z\n"
                    "e,x\n\xff\n"),
            "4: 2 5 9 11 | 3 10");
  EXPECT_EQ(verdict(text, "h.csv", "text,label,\xff\na,x,1\nb,y,2\n"), "1: 1 | 2 3");
  EXPECT_EQ(verdict(text, "m.tsv", "\xef\xbb\xbftext\tlabel\n\xff\tx\nb\ty\nc\tx\n"),
            "1: 2 | 3 4");
  EXPECT_EQ(verdict(text, "a.jsonl",
                    "{\"text\": \"\xff\", \"label\": \"x\"}\n\n"
                    "{\"text\": \"b\", \"label\": \"y\"}\n"
                    "{\"text\": \"\xff, \"label\": \"y\"}\n"
                    "{\"text\": \"c\", \"label\": \"x\"}\n"),
            "2: 1 4 | 3 5");
  // All in one line: only the row itself is left out.
  DataCheck line =
      check(text, write("l.json",
                        "{\"v\": 1, \"data\": [{\"text\": \"a\", \"label\": \"x\"}, {\"text\": "
                        "\"\xff\", \"label\": \"z\"}, {\"text\": \"c\", \"label\": \"y\"}]}"));
  EXPECT_EQ(found(line, "unreadable-row"), "1: 1");
  EXPECT_EQ(line.labels, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(verdict(text, "v.json",
                    "{\"v\": \"\xff\", \"data\": [\n{\"text\": \"a\", \"label\": "
                    "\"x\"},\n{\"text\": \"b\", \"label\": \"y\"}]}"),
            "1: 1 | 2 3");
  EXPECT_EQ(
      verdict(text, "c.json", "{\"text\": [\"a\", \"\xff\"],\n\"label\": [\"x\", \"y\"]}"),
      "1: 1 |");
  EXPECT_EQ(verdict("token-classification", "a.conll",
                    "a O\nb B-X\n\nc O\n\xff O\nd\n\ne O\nf B-X\n"),
            "2: 5 6 | 1 8");
  options.train.paths = {write("a.en", "one\nt\xff\nthree\nfour\n"),
                         write("a.de", "eins\nzwei\n\xe9\nvier\n")};
  options.task = *findTask("translation");
  Result<DataCheck> pairs = checkData(options);
  ASSERT_TRUE(pairs);
  EXPECT_EQ(found(*pairs, "unreadable-row"), "2: 2 3");
  EXPECT_EQ(pairs->train->usable.size(), 2u);
}

TEST_F(DataCheckTest, WhatIsBehindABreakKeepsItsLine) {
  DataCheck bad = check("text-classification",
                        write("b.json", "[{\"text\": \"a\", \"label\": \"x\"},\n{\"text\": },\n"
                                        "{\"text\": \"\xff\"}]"));
  EXPECT_EQ(found(bad, "unreadable-row"), "2: 2 3");
  EXPECT_EQ(found(bad, "read-in-part"), "1: 2");
}

TEST_F(DataCheckTest, ABadByteThatBreaksAFileIsToldOnce) {
  DataCheck bad = check("text-classification",
                        write("f.json", "[{\"text\": \"a\", \"label\": \"x\"},\n\xff\xff,\n"
                                        "{\"text\": \"b\", \"label\": \"y\"}]"));
  EXPECT_EQ(found(bad, "unreadable-row"), "1: 2");
  EXPECT_EQ(found(bad, "read-in-part"), "1: 2");
  bad =
      check("question-answering", write("q.json", "{\"data\": [{\"paragraphs\": []},\n\xff]}"));
  EXPECT_EQ(found(bad, "unreadable-row"), "1: 2");
  EXPECT_EQ(found(bad, "read-in-part"), "1: 2");
}

TEST_F(DataCheckTest, LeakageAndUnknownLabels) {
  std::string train = write("t.csv", "text,label\nHello  World,x\nb,y\nc,x\n");
  std::string validation = write("v.csv", "text,label\nhello world,x\nb,y\nnew,z\nother,x\n");
  DataCheck leaky = check("text-classification", train, validation);
  EXPECT_EQ(found(leaky, "leakage"), "2: 2 3");
  EXPECT_EQ(leaky.validation->leakage.exact, 1);
  EXPECT_EQ(leaky.validation->leakage.folded, 2);
  EXPECT_EQ(found(leaky, "unknown-label"), "1: 4");
  EXPECT_EQ(found(leaky, "rare-label"), "2: 0 0");
  EXPECT_FALSE(leaky.usable());
  EXPECT_EQ(leaky.validation->usable.size(), 3u);
}

TEST_F(DataCheckTest, MixedLabelsFallToTheMajority) {
  DataCheck mixed =
      check("text-classification", write("m.jsonl", "{\"text\": \"a\", \"label\": [\"x\"]}\n"
                                                    "{\"text\": \"b\", \"label\": [\"y\"]}\n"
                                                    "{\"text\": \"c\", \"label\": \"y\"}\n"
                                                    "{\"text\": \"d\", \"label\": []}\n"));
  EXPECT_EQ(mixed.task->problemType(), kMultiLabel);
  EXPECT_EQ(found(mixed, "mixed-labels"), "1: 0");
  EXPECT_EQ(found(mixed, "wrong-type"), "1: 3");
  EXPECT_EQ(mixed.train->rowsWithoutLabel, 1);
  DataCheck values =
      check("text-classification", write("r.csv", "text,label\na,1.5\nb,2\nc,z\n"));
  EXPECT_EQ(values.task->problemType(), kRegression);
  EXPECT_EQ(found(values, "wrong-type"), "1: 4");
}

TEST_F(DataCheckTest, Imbalance) {
  std::string text = "text,label\n";
  for (int i = 0; i < 100; ++i)
    text += "row " + std::to_string(i) + (i < 90 ? ",ham\n" : ",spam\n");
  DataCheck skewed = check("text-classification", write("i.csv", text));
  EXPECT_EQ(found(skewed, "imbalanced-labels"), "1: 0");
  EXPECT_NE(find(skewed, "imbalanced-labels")->places[0].text.find("90.0 %"),
            std::string::npos);
  EXPECT_TRUE(skewed.usable());
}

TEST_F(DataCheckTest, Tags) {
  DataCheck tags =
      check("token-classification",
            write("t.jsonl", "{\"tokens\": [\"a\", \"b\"], \"ner_tags\": [\"B-X\", "
                             "\"I-X\"]}\n"
                             "{\"tokens\": [\"c\", \"d\"], \"ner_tags\": [\"O\"]}\n"
                             "{\"tokens\": [\"e\", \"f\"], \"ner_tags\": [\"O\", "
                             "\"I-X\"]}\n"
                             "{\"tokens\": [], \"ner_tags\": []}\n"));
  EXPECT_EQ(found(tags, "mismatched-tags"), "1: 2");
  EXPECT_EQ(found(tags, "inside-without-begin"), "1: 3");
  EXPECT_EQ(found(tags, "empty-input"), "1: 4");
  EXPECT_EQ(tags.train->labels.at("I-X"), 2);
  DataCheck conll = check("token-classification",
                          write("c.conll", "a B-X\nb O\nc I-X\n\nd O\ne\nf O\n\ng O\n"));
  EXPECT_EQ(found(conll, "unreadable-row"), "1: 6");
  EXPECT_EQ(found(conll, "inside-without-begin"), "1: 3");
  EXPECT_EQ(conll.train->rows(), 2);
}

TEST_F(DataCheckTest, Answers) {
  std::string head = "{\"question\": \"q\", \"context\": \"a b c\", \"id\": ";
  DataCheck questions = check(
      "question-answering",
      write("q.jsonl",
            head + "\"1\", \"answers\": {\"text\": [\"b\"], \"answer_start\": [2]}}\n" + head +
                "\"1\", \"answers\": {\"text\": [\"c\"], \"answer_start\": [4]}}\n" + head +
                "\"2\", \"answers\": {\"text\": [\"c\"], \"answer_start\": [4]}}\n" + head +
                "\"3\", \"answers\": {\"text\": [\"b\"], \"answer_start\": [3]}}\n" + head +
                "\"4\", \"answers\": {\"text\": [], \"answer_start\": []}}\n" +
                "{\"question\": \"\", \"context\": \"\", \"id\": \"5\", \"answers\": "
                "{\"text\": [], \"answer_start\": []}}\n"));
  EXPECT_EQ(found(questions, "bad-answer"), "3: 4 5 6");
  EXPECT_EQ(found(questions, "duplicate-id"), "1: 2");
  EXPECT_EQ(found(questions, "conflicting-duplicate"), "1: 3") << "a refused row is none";
  EXPECT_EQ(questions.train->refusedRows, 4);
  EXPECT_EQ(questions.train->usable, (std::vector<std::int64_t>{0, 2}));
  options.encode.questions.version2WithNegative = true;
  questions = check("question-answering", options.train.paths[0]);
  EXPECT_EQ(found(questions, "bad-answer"), "1: 4");
  EXPECT_EQ(found(questions, "empty-context"), "1: 6");
  EXPECT_EQ(found(questions, "empty-input"), "1: 6");
  EXPECT_EQ(questions.train->rowsWithoutLabel, 2);
}

TEST_F(DataCheckTest, SourcesAndTargets) {
  std::string path = write("s.jsonl", "{\"en\": \"one\", \"de\": \"eins\"}\n"
                                      "{\"en\": \"same\", \"de\": \"same \"}\n"
                                      "{\"en\": \"two\", \"de\": \"\"}\n"
                                      "{\"en\": \"\", \"de\": \"drei\"}\n"
                                      "{\"en\": \"four\"}\n");
  DataCheck pairs = check("translation", path);
  EXPECT_EQ(found(pairs, "equal-target"), "1: 2");
  EXPECT_EQ(found(pairs, "empty-target"), "1: 3");
  EXPECT_EQ(found(pairs, "empty-input"), "1: 4");
  EXPECT_EQ(found(pairs, "missing-field"), "1: 5");
  EXPECT_EQ(pairs.train->targetCharacters.most, 5);
}

TEST_F(DataCheckTest, Messages) {
  DataCheck chat = check(
      "text-generation",
      write("m.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": "
                       "\"assistant\", \"content\": \"b\"}]}\n"
                       "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n"
                       "{\"messages\": [{\"role\": \"user\", \"content\": 3}]}\n"));
  EXPECT_EQ(found(chat, "bad-messages"), "2: 2 3");
  EXPECT_EQ(chat.train->usable.size(), 1u);
  EXPECT_EQ(chat.train->characters.most, 2);
}

TEST_F(DataCheckTest, LengthsAndCuts) {
  FakeTokenizer tokenizer; // three bytes a token, two special tokens
  options.tokenizer = &tokenizer;
  options.encode.maxSeqLength = 4;
  DataCheck lengths =
      check("text-classification", write("l.csv", "text,label\nabc,x\nabcdef,y\nabcdefghi,x\n"
                                                  "abcdefghijkl,y\n"));
  EXPECT_EQ(lengths.train->tokens.least, 3);
  EXPECT_EQ(lengths.train->tokens.median, 4);
  EXPECT_EQ(lengths.train->tokens.most, 6);
  EXPECT_EQ(lengths.train->cut.rows, 2);
  EXPECT_EQ(lengths.train->cut.tokens, 3);
  EXPECT_NE(
      describeCheck(lengths).find("2 of 4 examples are longer than 4 tokens; 3 tokens are "
                                  "cut"),
      std::string::npos);
}

TEST_F(DataCheckTest, QuestionsThatLeaveNoRoom) {
  FakeTokenizer tokenizer;
  options.tokenizer = &tokenizer;
  options.encode.maxSeqLength = 8;
  options.encode.questions.docStride = 2;
  auto row = [](const std::string &id, const std::string &question) {
    return R"({"context": "a b c", "answers": {"text": ["b"], "answer_start": [2]}, "id": ")" +
           id + R"(", "question": ")" + question + "\"}\n";
  };
  std::string text = row("1", "q");
  for (int id = 2; id < 9; ++id)
    text += row(std::to_string(id), std::string(30, 'q'));
  DataCheck check = this->check("question-answering", write("q.jsonl", text));
  EXPECT_EQ(found(check, "no-room"), "7: 2 3 4 5 6");
  EXPECT_EQ(found(check, "not-encoded"), "");
  EXPECT_EQ(found(check, "duplicate"), "") << "a refused row is no duplicate";
  EXPECT_EQ(check.train->refusedRows, 7);
  EXPECT_EQ(check.train->usable, std::vector<std::int64_t>{0});
  EXPECT_EQ(check.train->tokens.count, 1);
  EXPECT_EQ(check.train->characters.count, 1);
}

TEST_F(DataCheckTest, FilesThatAreNoData) {
  DataCheck none = check("text-classification", directory.path() + "/none.csv");
  EXPECT_EQ(found(none, "unreadable-file"), "1: 0");
  DataCheck columns = check("text-classification", write("c.csv", "a,b\n1,2\n"));
  EXPECT_EQ(found(columns, "missing-column"), "1: 0");
  DataCheck one = check("text-classification", write("o.csv", "text,label\na,x\nb,x\n"));
  EXPECT_EQ(found(one, "too-few-labels"), "1: 0");
  options.columns.textColumnName = "a";
  options.columns.sentence1Key = "b";
  EXPECT_EQ(checkData(options).status().code(), Code::Usage);
}

} // namespace
} // namespace ftc::rt
