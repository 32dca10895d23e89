// 10^4 seeded mutants of each format: every one is read or refused with one short line.
#include "DataTest.h"

#include "runtime/data/ParallelText.h"

#include <algorithm>
#include <random>

namespace ftc::rt {
namespace {

struct Seed {
  const char *name;
  std::string bytes;
};

std::vector<Seed> seeds() {
  std::string csv = "text,label\r\n\"a, \"\"b\"\"\",x\ncaf\xc3\xa9,y\n\n\"two\nlines\",z\n";
  std::string tsv = "label\ttext\nham\tgo \"on\"\nspam\t\"win\tnow\"\n";
  std::string lines = "{\"tokens\": [\"a\", \"\\u00e9\"], \"ner_tags\": [0, 1]}\n\n"
                      "{\"text\": \"x\\n\", \"label\": -1.5e3, "
                      "\"o\": {\"p\": null, \"q\": [[]]}}\n";
  std::string json = "{\"version\": [1, {}],\n \"data\": [{\"text\": \"a\", \"label\": true},\n"
                     " {\"text\": \"b\", \"label\": [\"x\", 2]}]}";
  std::string columns =
      "{\"text\": [\"a\", null, {\"b\": [1]}], \"label\": [[1], [\"x\"], []]}";
  std::string chat = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": "
                     "\"assistant\", \"content\": null, \"n\": [1, {\"x\": []}]}, {}]}\n"
                     "{\"messages\": [], \"answers\": {\"text\": [\"b\"], \"answer_start\": "
                     "[3]}}\n";
  std::string squad = "{\"data\": [{\"paragraphs\": [{\"qas\": [{\"id\": \"q\", \"question\": "
                      "\"w?\", \"answers\": [{\"text\": \"b\", \"answer_start\": 2}]},\n"
                      "{\"question\": \"x\", \"id\": 2, \"answers\": [], \"no\": {\"a\": [1]}}"
                      "], \"context\": \"a b\"}]}], \"version\": 1.1}";
  std::string conll = "-DOCSTART- O\n\nEU B-ORG\nrejects O\n\t\ncall\tO\n";
  return {{"m.csv", csv},     {"m.tsv", tsv},     {"m.jsonl", lines},
          {"m.json", json},   {"n.json", columns}, {"m.conll", conll},
          {"c.jsonl", chat},  {"q.json", squad},
          {"m.csv.gz", gzipped(csv)}, {"m.jsonl.gz", gzipped(lines)}};
}

std::string mutate(std::string bytes, std::mt19937_64 &random) {
  static const std::string kTokens = "\"\",\t\n\r{}[]:\\ \xff\xc3\0-DOCSTART-nulltrue0e";
  int edits = 1 + static_cast<int>(random() % 4);
  for (int edit = 0; edit < edits && !bytes.empty(); ++edit) {
    std::size_t at = random() % bytes.size();
    char token = kTokens[random() % kTokens.size()];
    switch (random() % 6) {
    case 0:
      bytes[at] = static_cast<char>(random());
      break;
    case 1:
      bytes[at] = token;
      break;
    case 2:
      bytes.insert(at, 1 + random() % 3, token);
      break;
    case 3:
      bytes.erase(at, 1 + random() % 8);
      break;
    case 4:
      bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 16));
      break;
    default:
      bytes.resize(at);
    }
  }
  return bytes;
}

TEST(Mutation, EveryMutantIsReadOrRefused) {
  std::mt19937_64 random(20);
  for (const Seed &seed : seeds()) {
    ASSERT_TRUE(parseData(seed.name, seed.bytes)) << dataError(seed.name, seed.bytes);
    int refused = 0;
    for (int i = 0; i < 10000; ++i) {
      std::string mutant = mutate(seed.bytes, random);
      Result<DataTable> table = parseData(seed.name, mutant);
      if (table) {
        ASSERT_GT(table->rows(), 0);
        for (std::int64_t row = 0; row < table->rows(); ++row) {
          rowCells(*table, row);
          ASSERT_GE(table->line(row), 1);
        }
        continue;
      }
      ++refused;
      const std::string &message = table.status().message();
      ASSERT_LE(message.size(), 500u) << message;
      ASSERT_EQ(message.find_first_of("\n\r\t"), std::string::npos) << message;
      ASSERT_NE(message.find(seed.name), std::string::npos) << message;
    }
    // Both verdicts must occur, or the mutants test nothing.
    EXPECT_GT(refused, 1000) << seed.name;
    EXPECT_LT(refused, 10000) << seed.name;
  }
}

/// Mutants of either side of parallel text: read with as many rows as both have lines, or refused.
TEST(Mutation, ParallelText) {
  std::mt19937_64 random(21);
  const std::string source = "one\r\ntwo\n\nfour\n", target = "eins\nzwei\n\xc3\xa4\nvier";
  int refused = 0;
  for (int i = 0; i < 10000; ++i) {
    std::string texts[] = {source, target};
    texts[i % 2] = mutate(texts[i % 2], random);
    auto lines = [](const std::string &text) {
      return std::count(text.begin(), text.end(), '\n') +
             (!text.empty() && text.back() != '\n');
    };
    Result<DataTable> table = parseParallelText("m.en", texts[0], "m.de.txt", texts[1]);
    bool same = lines(texts[0]) == lines(texts[1]);
    if (table) {
      ASSERT_TRUE(same);
      ASSERT_EQ(table->rows(), lines(texts[0]));
      for (std::int64_t row = 0; row < table->rows(); ++row)
        rowCells(*table, row);
      continue;
    }
    ++refused;
    const std::string &message = table.status().message();
    ASSERT_LE(message.size(), 500u) << message;
    ASSERT_EQ(message.find_first_of("\n\r\t"), std::string::npos) << message;
    ASSERT_NE(message.find("m."), std::string::npos) << message;
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 9000);
}

} // namespace
} // namespace ftc::rt
