// JSON and JSON lines: shapes, cell kinds, nested objects, and refusals with their line.
#include "DataTest.h"

namespace ftc::rt {
namespace {

using Cells = std::vector<std::string>;

TEST(JsonLines, KindsAndLines) {
  auto table = parseData("a.jsonl", "{\"text\": \"caf\\u00e9 \\ud83d\\ude00\", "
                                    "\"label\": 3}\r\n"
                                    "\n"
                                    "{\"label\": -7, \"text\": null, \"more\": [1, 2]}\n"
                                    "{\"more\": [\"a\", \"\"], \"label\": 1.50, \"b\": true}\n"
                                    "{\"more\": [], \"b\": [1, \"x\"], \"text\": [[1]]}");
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->columns(), (Cells{"text", "label", "more", "b"}));
  ASSERT_EQ(table->rows(), 4);
  EXPECT_EQ(rowCells(*table, 0), (Cells{"café 😀", "3", "<none>", "<none>"}));
  EXPECT_EQ(rowCells(*table, 1), (Cells{"<none>", "-7", "[1|2]", "<none>"}));
  EXPECT_EQ(rowCells(*table, 2), (Cells{"<none>", "1.50", "[a|]", "true"}));
  EXPECT_EQ(rowCells(*table, 3), (Cells{"<other>", "<none>", "[]", "<other>"}));
  EXPECT_EQ(table->line(1), 3);
  EXPECT_EQ(table->line(3), 5);
  EXPECT_EQ(table->kind(0, 1), CellKind::Integer);
  EXPECT_EQ(table->integer(1, 1), -7);
  EXPECT_EQ(table->kind(2, 1), CellKind::Real);
  EXPECT_EQ(table->kind(1, 2), CellKind::IntegerList);
  EXPECT_EQ(table->kind(2, 2), CellKind::TextList);
  EXPECT_EQ(table->kind(2, 3), CellKind::Boolean);
  EXPECT_EQ(table->kind(0, 2), CellKind::Missing);
  EXPECT_EQ(table->kind(0, -1), CellKind::Missing);
  EXPECT_FALSE(table->untyped());
}

TEST(JsonLines, NestedObjectsBecomeDottedColumns) {
  auto table = parseData("a.jsonl",
                         "{\"id\": \"1\", \"answers\": {\"text\": [\"x\"], \"answer_start\": "
                         "[4]}, \"q\": 1}\n"
                         "{\"translation\": {\"en\": \"a\", \"de\": \"b\"}}\n");
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->columns(), (Cells{"id", "answers.text", "answers.answer_start", "q",
                                     "translation.en", "translation.de"}));
  EXPECT_EQ(rowCells(*table, 0), (Cells{"1", "[x]", "[4]", "1", "<none>", "<none>"}));
  EXPECT_EQ(rowCells(*table, 1),
            (Cells{"<none>", "<none>", "<none>", "<none>", "a", "b"}));
}

TEST(JsonLines, ObjectsInLists) {
  auto table = parseData(
      "a.jsonl",
      "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, {}, {\"role\": null, "
      "\"n\": 3, \"r\": 0.5, \"b\": false, \"tool\": {\"a\": [1, {}]}, \"parts\": [[{\"c\": "
      "1}], 2], \"content\": \"\"}], \"id\": 1}\n"
      "{\"id\": 2, \"messages\": []}\n"
      "{\"messages\": [{\"role\": \"a\"}, \"b\"], \"id\": 3}\n"
      "{\"messages\": [\"b\", {\"role\": \"a\"}, [{}]], \"id\": 4}\n"
      "{\"messages\": [{\"role\": \"a\"}, [{\"role\": \"b\"}]], \"id\": 5}\n"
      "{\"outer\": {\"list\": [{\"k\": \"v\"}], \"after\": 7}, \"id\": 6}\n"
      "{\"messages\": [\"b\", {\"role\": \"a\"}], \"id\": 7}\n"
      "{\"messages\": [3, {}, 4], \"id\": 8}\n");
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->columns(), (Cells{"messages", "id", "outer.list", "outer.after"}));
  EXPECT_EQ(table->kind(0, 0), CellKind::ObjectList);
  EXPECT_EQ(rowCells(*table, 0)[0], "{role=user|content=hi}{}{role=<none>|n=3|r=0.5|b=false|"
                                    "tool=<other>|parts=<other>|content=}");
  EXPECT_EQ(table->objects(0, 0)[2][1].kind, CellKind::Integer);
  EXPECT_EQ(table->text(0, 0), "");
  EXPECT_TRUE(table->objects(0, 1).empty());
  EXPECT_EQ(rowCells(*table, 1), (Cells{"[]", "2", "<none>", "<none>"}));
  for (int row : {2, 3, 4, 6, 7})
    EXPECT_EQ(rowCells(*table, row),
              (Cells{"<other>", std::to_string(row + 1), "<none>", "<none>"}));
  EXPECT_EQ(rowCells(*table, 5), (Cells{"<none>", "6", "{k=v}", "7"}));
  EXPECT_HAS(dataError("d.jsonl", "{\"m\": [{\"a\": 1, \"a\": 2}]}\n"),
             "d.jsonl: line 1: expected each key once in an object, got 'a' twice");
}

TEST(Json, ObjectsInListsOfColumnsAndRows) {
  auto columns = parseData("a.json", "{\"messages\": [[{\"role\": \"a\"}], [], [{}, {}]]}");
  ASSERT_TRUE(columns) << columns.status().message();
  ASSERT_EQ(columns->rows(), 3);
  EXPECT_EQ(rowCells(*columns, 0), Cells{"{role=a}"});
  EXPECT_EQ(rowCells(*columns, 1), Cells{"[]"});
  EXPECT_EQ(rowCells(*columns, 2), Cells{"{}{}"});
  auto rows = parseData("a.json", "{\"data\": [{\"m\": [{\"k\": \"v\"}]},\n{\"m\": null}]}");
  ASSERT_TRUE(rows) << rows.status().message();
  ASSERT_EQ(rows->rows(), 2);
  EXPECT_EQ(rowCells(*rows, 0), Cells{"{k=v}"});
  EXPECT_EQ(rowCells(*rows, 1), Cells{"<none>"});
}

TEST(JsonLines, RefusesWithTheLine) {
  EXPECT_HAS(dataError("d.jsonl", "{\"a\": 1}\n{\"a\": }\n"),
             "d.jsonl: line 2: expected JSON, got (column 7: syntax error while parsing value - "
             "unexpected '}'; expected '[', '{', or a literal)");
  EXPECT_HAS(dataError("d.jsonl", "{\"a\": 1}\n[1]\n"), "line 2: expected an object");
  EXPECT_HAS(dataError("d.jsonl", "3\n"), "line 1: expected an object, got a whole number");
  EXPECT_HAS(dataError("d.jsonl", "{\"a\": 1, \"a\": 2}\n"), "each key once in a row, got 'a'");
  EXPECT_HAS(dataError("d.jsonl", "{\"a\": 1} {\"a\": 2}\n"), "line 1: expected JSON");
  EXPECT_HAS(dataError("d.jsonl", "{\"a\": NaN}\n"), "line 1: expected JSON");
  EXPECT_HAS(dataError("d.jsonl", "{\"a\": 1e999}\n"),
             "line 1: expected JSON, got (number overflow parsing");
  EXPECT_HAS(dataError("d.jsonl", "{\"a\": \"\\ud800\"}\n"), "line 1: expected JSON");
  EXPECT_HAS(dataError("d.jsonl", "{\"a\": \"x\n"), "line 1: expected JSON");
  EXPECT_HAS(dataError("d.jsonl", "  \n"), "empty file");
  EXPECT_HAS(dataError("d.jsonl", "{\"a\": \"\xff\"}\n"), "line 1: expected UTF-8");
}

TEST(Json, ListOfObjects) {
  auto table = parseData("a.json", "[\n {\"text\": \"a\",\n  \"label\": 1},\n"
                                   " {\"text\": \"b\", \"label\": 2}\n]\n");
  ASSERT_TRUE(table) << table.status().message();
  ASSERT_EQ(table->rows(), 2);
  EXPECT_EQ(rowCells(*table, 1), (Cells{"b", "2"}));
  EXPECT_EQ(table->line(0), 2);
  EXPECT_EQ(table->line(1), 4);
}

TEST(Json, DataKeyWithOtherKeysAround) {
  for (const char *text :
       {"{\"version\": \"1\", \"data\": [{\"text\": \"a\"}, {\"text\": \"b\"}]}",
        "{\"data\": [{\"text\": \"a\"}, {\"text\": \"b\"}], \"meta\": {\"data\": [1]}, "
        "\"more\": [1, [2], {}]}"}) {
    auto table = parseData("a.json", text);
    ASSERT_TRUE(table) << table.status().message();
    EXPECT_EQ(table->columns(), Cells{"text"});
    ASSERT_EQ(table->rows(), 2);
    EXPECT_EQ(rowCells(*table, 1), Cells{"b"});
  }
}

TEST(Json, Columns) {
  auto table = parseData("a.json", "{\n\"tokens\": [[\"a\", \"b\"],\n[\"c\"], []],\n"
                                   "\"ner_tags\": [[0, 1], [2], null],\n"
                                   "\"id\": [1, {}, \"x\"]}");
  ASSERT_TRUE(table) << table.status().message();
  ASSERT_EQ(table->rows(), 3);
  EXPECT_EQ(rowCells(*table, 0), (Cells{"[a|b]", "[0|1]", "1"}));
  EXPECT_EQ(rowCells(*table, 1), (Cells{"[c]", "[2]", "<other>"}));
  EXPECT_EQ(rowCells(*table, 2), (Cells{"[]", "<none>", "x"}));
  EXPECT_EQ(table->line(0), 2);
  EXPECT_EQ(table->line(1), 3);
  EXPECT_HAS(dataError("d.json", "{\"a\": [1, 2], \"b\": [1]}"), "columns of equal length");
  EXPECT_HAS(dataError("d.json", "{\"a\": [1, 2], \"a\": [1]}"), "each column once");
}

TEST(Json, LinesInAJsonFile) {
  auto table = parseData("a.json", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n");
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->rows(), 2);
  auto one = parseData("a.json", "{\"tokens\": [\"a\"], \"id\": 3}\n");
  ASSERT_TRUE(one) << one.status().message();
  ASSERT_EQ(one->rows(), 1);
  EXPECT_EQ(rowCells(*one, 0), (Cells{"[a]", "3"}));
}

TEST(Json, KeepsTheFirstRows) {
  for (const char *text :
       {"[{\"a\": 1}, {\"a\": 2}, {\"a\": 3}]",
        "{\"data\": [{\"a\": 1}, {\"a\": 2}, {\"a\": 3}]}",
        "{\"a\": [1, 2, 3]}", "{\"a\": 1}\n{\"a\": 2}\n{\"a\": 3}\n"}) {
    auto table = parseData("a.json", text, 2);
    ASSERT_TRUE(table) << table.status().message();
    ASSERT_EQ(table->rows(), 2);
    EXPECT_EQ(rowCells(*table, 1), Cells{"2"});
  }
}

TEST(Json, Refuses) {
  EXPECT_HAS(dataError("d.json", "[{\"a\": 1},\n3]"), "line 2: expected a list of objects");
  EXPECT_HAS(dataError("d.json", "[[1]]"), "expected a list of objects, got a list of lists");
  EXPECT_HAS(dataError("d.json", "\"x\""), "expected a list of objects or an object");
  EXPECT_HAS(dataError("d.json", "[]"), "expected objects with data, got none");
  EXPECT_HAS(dataError("d.json", "{\"data\": []}"), "got none");
  EXPECT_HAS(dataError("d.json", "{\n\"a\": 1}"), "got one object");
  EXPECT_HAS(dataError("d.json", "[{\"a\": 1},\n{\"a\": 2}"), "line 2: expected JSON");
  EXPECT_HAS(dataError("d.json", "[{}]]"), "expected JSON");
}

TEST(Json, DeepNestingIsNoRecursion) {
  std::string deep(200000, '[');
  EXPECT_HAS(dataError("d.jsonl", "{\"a\": " + deep + "\n"), "line 1: expected JSON");
  std::string objects;
  for (int i = 0; i < 100000; ++i)
    objects += "{\"k\":";
  EXPECT_HAS(dataError("d.jsonl", objects + "\n"), "line 1: expected JSON");
  auto table = parseData("d.jsonl", "{\"a\": " + deep + std::string(200000, ']') + "}\n");
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(rowCells(*table, 0), Cells{"<other>"});
}

TEST(Json, ManyKeysStayLinear) {
  std::string text;
  for (int i = 0; i < 5000; ++i)
    text += "{\"k" + std::to_string(i) + "\": 1}\n";
  EXPECT_HAS(dataError("d.jsonl", text), "at most 4096 columns");
}

TEST(Json, LongItemsKeepTheirLength) {
  std::string longest(70000, 'x'), middle(200, 'y');
  auto table =
      parseData("a.jsonl", "{\"t\": [\"" + middle + "\", \"" + longest + "\", \"z\"]}\n");
  ASSERT_TRUE(table);
  EXPECT_EQ(rowCells(*table, 0), Cells{"[" + middle + "|" + longest + "|z]"});
}

} // namespace
} // namespace ftc::rt
