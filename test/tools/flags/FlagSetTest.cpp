// The flag layer: forms of flags and booleans, ranges, nearest names, configuration files.
#include "tools/flags/FlagSet.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace ftc::cli {
namespace {

struct Values {
  std::string artifact, device = "cpu", train;
  std::int64_t threads = 0;
  std::optional<std::int64_t> patience;
  double rate = 5e-5, dropout = 0;
  bool shuffle = true, overwrite = false;
  std::optional<bool> sample;
  std::vector<std::string> labels;
};

FlagSet makeFlags(Values &v) {
  FlagSet flags("ftrt run", "step.ftb --train_file F", "Fine-tunes.");
  flags.positional("ARTIFACT", v.artifact, "what ftc compile made");
  flags.group("Data");
  flags.text("train_file", v.train, "FILE", "training data");
  flags.require("train_file");
  flags.list("labels", v.labels, "A,B", "labels");
  flags.group("Training");
  flags.real("learning_rate", v.rate, {.least = 0}, "peak rate");
  flags.real("dropout", v.dropout, {.least = 0, .most = 1, .mostOpen = true}, "probability");
  flags.boolean("shuffle", v.shuffle, "false: file order");
  flags.boolean("overwrite_output_dir", v.overwrite, "replace what is there");
  flags.boolean("do_sample", v.sample, "draw");
  flags.integer("threads", v.threads, {.least = 0, .most = 1024}, "0: all cores");
  flags.integer("early_stopping_patience", v.patience, {.least = 1}, "evaluations");
  flags.choice("device", v.device, {"cpu"}, "where to run", {"tpu"});
  flags.alias('t', "threads");
  flags.ignore({"do_train"}, "accepted");
  flags.refuse({"num_beams"}, "generation is not yet supported");
  return flags;
}

rt::Status parse(Values &v, std::vector<std::string> arguments) {
  FlagSet flags = makeFlags(v);
  rt::Result<Outcome> outcome = flags.parse(arguments);
  return outcome ? rt::Status::ok() : outcome.takeStatus();
}

TEST(FlagSet, OnceIsOnceOnTheCommandLine) {
  std::string path = std::filesystem::temp_directory_path() / "flag-set-once.json";
  std::ofstream(path) << R"({"train_file": "b.csv"})";
  auto parse = [](Values &v, std::vector<std::string> arguments) {
    FlagSet flags = makeFlags(v);
    flags.once("train_file");
    rt::Result<Outcome> outcome = flags.parse(arguments);
    return outcome ? rt::Status::ok() : outcome.takeStatus();
  };
  Values twice, other, file;
  rt::Status refused = parse(twice, {"s.ftb", "--train-file=a.csv", "--train_file", "a.csv"});
  EXPECT_EQ(refused.message(), "--train_file: expected once, got it twice");
  EXPECT_EQ(refused.code(), rt::Code::Usage);
  EXPECT_TRUE(parse(other, {"s.ftb", "--train_file", "a", "--threads", "1", "--threads", "2"}));
  EXPECT_EQ(other.threads, 2);
  EXPECT_TRUE(parse(file, {"s.ftb", "--config", path, "--train_file", "a.csv"}));
  EXPECT_EQ(file.train, "a.csv");
  std::filesystem::remove(path);
}

TEST(FlagSet, ABooleanMayBeAbsent) {
  Values absent, alone, negated;
  ASSERT_TRUE(parse(absent, {"step.ftb", "--train_file", "a.csv"}));
  EXPECT_FALSE(absent.sample.has_value());
  ASSERT_TRUE(parse(alone, {"step.ftb", "--do_sample", "--train_file", "a.csv"}));
  EXPECT_EQ(alone.sample, true);
  ASSERT_TRUE(parse(negated, {"step.ftb", "--do_sample", "false", "--train_file", "a.csv"}));
  EXPECT_EQ(negated.sample, false);
}

TEST(FlagSet, TakesEveryForm) {
  Values v;
  rt::Status status =
      parse(v, {"step.ftb", "--train-file", "a.csv", "--learning_rate=1e-3", "--shuffle",
                "false", "--overwrite-output-dir", "-t", "3", "--early_stopping_patience", "2",
                "--labels", "x,y", "--do_train", "true"});
  ASSERT_TRUE(status) << status.message();
  EXPECT_EQ(v.artifact, "step.ftb");
  EXPECT_EQ(v.train, "a.csv");
  EXPECT_EQ(v.rate, 1e-3);
  EXPECT_FALSE(v.shuffle);
  EXPECT_TRUE(v.overwrite);
  EXPECT_EQ(v.threads, 3);
  EXPECT_EQ(v.patience, 2);
  EXPECT_EQ(v.labels, (std::vector<std::string>{"x", "y"}));
}

TEST(FlagSet, BooleanLeavesWhatIsNotTrueOrFalse) {
  Values v;
  ASSERT_TRUE(parse(v, {"--train_file", "f", "--overwrite_output_dir", "step.ftb"}));
  EXPECT_TRUE(v.overwrite);
  EXPECT_EQ(v.artifact, "step.ftb");
}

TEST(FlagSet, RefusesByName) {
  struct Case {
    std::vector<std::string> arguments;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {{"s", "--train_file", "f", "--threads", "-2"},
       "--threads: expected an integer from 0 to 1024, got '-2'"},
      {{"s", "--train_file", "f", "--threads", "2x"}, "got '2x'"},
      {{"s", "--train_file", "f", "--threads", "99999999999999999999"}, "--threads: expected"},
      {{"s", "--train_file", "f", "--device", "quantum"},
       "--device: expected one of cpu, got 'quantum'"},
      {{"s", "--train_file", "f", "--device", "tpu"}, "'tpu' is not yet supported"},
      {{"s", "--train_file", "f", "--lerning-rate", "1"},
       "--lerning_rate: unknown flag of 'ftrt run'; the nearest is --learning_rate"},
      {{"s", "--train_file", "f", "--learning_rate", "nan"}, "--learning_rate: expected"},
      {{"s", "--train_file", "f", "--learning_rate", "-1"}, "at least 0, got '-1'"},
      {{"s", "--train_file", "f", "--dropout", "1"}, "below 1, got '1'"},
      {{"s", "--train_file", "f", "--num-beams", "4"}, "--num_beams: generation is not yet"},
      {{"s", "--train_file"}, "--train_file: expected a value after it, got nothing"},
      {{"s", "--train_file", "--shuffle"}, "got '--shuffle'"},
      {{"s", "--train_file", ""}, "got an empty value"},
      {{"s", "--train_file", "f", "--shuffle=maybe"}, "true or false, got 'maybe'"},
      {{"s"}, "--train_file is missing"},
      {{"--train_file", "f"}, "ARTIFACT is missing"},
      {{"s", "--train_file", "f", "extra"}, "'extra': unexpected argument"},
      {{"s", "--train_file", "f", "--shuffle", "maybe"},
       "--shuffle: expected true or false, got 'maybe'"},
      {{"s", "--train_file", "f", "--shuffle", "--", "maybe"}, "'maybe': unexpected argument"},
      {{"s", "--train_file", "f", "--shuffle", "true", "maybe"}, "'maybe': unexpected argument"},
      {{"s", "--train_file", "f", "-x"}, "unknown flag"},
      {{"s", "--train_file", "f", "--labels", "a,,b"}, "--labels: expected a comma-separated"},
  };
  for (const Case &c : cases) {
    Values v;
    rt::Status status = parse(v, c.arguments);
    EXPECT_EQ(status.code(), rt::Code::Usage) << c.expected;
    EXPECT_NE(status.message().find(c.expected), std::string::npos)
        << "expected: " << c.expected << "\nfound:    " << status.message();
  }
}

struct ConfigTest : testing::Test {
  std::string write(const std::string &name, const std::string &content) {
    std::string path = (std::filesystem::path(testing::TempDir()) / name).string();
    std::ofstream(path) << content;
    return path;
  }
};

TEST_F(ConfigTest, YamlAndJsonGiveTheSameAndFlagsWin) {
  std::string yaml = write("c.yaml", "learning-rate: 1e-4\nthreads: 4\nshuffle: false\n"
                                     "labels: [x, y]\ndevice: null\n");
  std::string json = write("c.json", "{\"learning_rate\": 1e-4, \"threads\": 4, "
                                     "\"shuffle\": false, \"labels\": [\"x\", \"y\"]}");
  for (const std::string &path : {yaml, json}) {
    Values v;
    rt::Status status =
        parse(v, {"s", "--threads", "2", "--config", path, "--train_file", "f"});
    ASSERT_TRUE(status) << status.message();
    EXPECT_EQ(v.rate, 1e-4);
    EXPECT_EQ(v.threads, 2);
    EXPECT_FALSE(v.shuffle);
    EXPECT_EQ(v.labels, (std::vector<std::string>{"x", "y"}));
  }
}

TEST_F(ConfigTest, AListIsTwoFilesOrAList) {
  std::vector<std::string> files, labels;
  std::int64_t threads = 0;
  auto parsed = [&](const std::string &content) {
    files.clear();
    FlagSet flags("ftrt run", "--train_file F", "Fine-tunes.");
    flags.files("train_file", files, "data");
    flags.list("labels", labels, "A,B", "labels");
    flags.integer("threads", threads, {}, "threads");
    const std::vector<std::string> arguments{"--config", write("l.yaml", content)};
    auto outcome = flags.parse(arguments);
    return outcome ? std::string() : outcome.status().message();
  };
  EXPECT_EQ(parsed("train_file: [a.en, b.de]\nlabels: [x, y]\nthreads: [3]"), "");
  EXPECT_EQ(files, (std::vector<std::string>{"a.en", "b.de"}));
  EXPECT_EQ(labels, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(threads, 3);
  EXPECT_EQ(parsed("train_file: 'a,b'"), ""); // one path with a comma in it
  EXPECT_EQ(files, (std::vector<std::string>{"a,b"}));
  for (const char *content : {"train_file: [a, b, c]", "train_file: []", "train_file: [a, '']",
                              "threads: [1, 2]", "labels: []", "labels: [a, '']"})
    EXPECT_NE(parsed(content).find("expected "), std::string::npos) << content;
}

TEST(FlagSet, AnEmptyTextIsNotAnAbsentOne) {
  std::optional<std::string> prefix;
  auto parsed = [&](std::vector<std::string> arguments) {
    prefix.reset();
    FlagSet flags("ftrt run", "", "Fine-tunes.");
    flags.text("source_prefix", prefix, "TEXT", "before every source");
    return static_cast<bool>(flags.parse(arguments));
  };
  EXPECT_TRUE(parsed({}));
  EXPECT_EQ(prefix, std::nullopt);
  EXPECT_TRUE(parsed({"--source_prefix", ""}));
  EXPECT_EQ(prefix, "");
  EXPECT_TRUE(parsed({"--source_prefix="}));
  EXPECT_EQ(prefix, "");
  EXPECT_TRUE(parsed({"--source-prefix", "sum: "}));
  EXPECT_EQ(prefix, "sum: ");
  EXPECT_FALSE(parsed({"--source_prefix"}));
}

TEST(FlagSet, ForeignFlagsAreTakenForNothingOrRefused) {
  std::string strategy = "no";
  auto parsed = [&](std::vector<std::string> arguments) {
    FlagSet flags("ftrt run", "", "Fine-tunes.");
    flags.text("eval_strategy", strategy, "WHEN", "when");
    flags.synonym("evaluation_strategy", "eval_strategy");
    flags.ignoreHidden({"disable_tqdm"});
    flags.ignoreValue({"report_to"});
    flags.refuseTrue({"fp16"}, "fp32 alone");
    EXPECT_EQ(flags.help().find("report_to"), std::string::npos);
    EXPECT_EQ(flags.help().find("fp16"), std::string::npos);
    auto outcome = flags.parse(arguments);
    return outcome ? std::string() : outcome.status().message();
  };
  EXPECT_EQ(parsed({"--disable_tqdm", "--report-to", "none", "--fp16", "False",
                    "--evaluation_strategy", "steps"}),
            "");
  EXPECT_EQ(strategy, "steps");
  EXPECT_EQ(parsed({"--fp16"}), "--fp16: fp32 alone");
  EXPECT_EQ(parsed({"--fp16=true"}), "--fp16: fp32 alone");
  EXPECT_NE(parsed({"--fp16=2"}).find("--fp16: expected true or false"), std::string::npos);
  EXPECT_NE(parsed({"--report_to"}).find("--report_to: expected a value"), std::string::npos);
  EXPECT_EQ(parsed({"--fp"}).find("fp16"), std::string::npos); // never the nearest
}

TEST_F(ConfigTest, RefusesWhatItCannotRead) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"unknown.yaml", "lerning_rate: 1"},
      {"range.yaml", "threads: -2"},
      {"nested.yaml", "threads: {a: 1}"},
      {"broken.yaml", "threads: [1"},
      {"list.yaml", "- 1"},
      {"broken.json", "{\"threads\": "},
      {"list.json", "[1]"},
      {"nested.json", "{\"threads\": {\"a\": 1}}"},
  };
  for (const auto &[name, content] : cases) {
    Values v;
    rt::Status status = parse(v, {"s", "--train_file", "f", "--config", write(name, content)});
    EXPECT_EQ(status.code(), rt::Code::Usage) << name;
    EXPECT_NE(status.message().find("--config"), std::string::npos) << status.message();
  }
  Values v;
  EXPECT_EQ(parse(v, {"s", "--train_file", "f", "--config", "/nonexistent.yaml"}).code(),
            rt::Code::Failed);
}

/// Parallel text's second file, wherever the positional stands.
TEST(FlagSet, TakesOneFileOrTwo) {
  using Paths = std::vector<std::string>;
  auto parsed = [](std::vector<std::string> arguments, std::string &artifact) {
    Paths paths{"before"};
    FlagSet flags("ftrt run", "", "");
    bool shuffle = true;
    flags.positional("ARTIFACT", artifact, "");
    flags.files("train_file", paths, "");
    flags.boolean("shuffle", shuffle, "");
    auto outcome = flags.parse(arguments);
    return outcome ? paths : Paths{outcome.status().message()};
  };
  std::string artifact;
  EXPECT_EQ(parsed({"s.ftb", "--train_file", "a.en"}, artifact), (Paths{"a.en"}));
  EXPECT_EQ(parsed({"s.ftb", "--train_file", "a.en", "b.de", "--shuffle"}, artifact),
            (Paths{"a.en", "b.de"}));
  EXPECT_EQ(artifact, "s.ftb");
  EXPECT_EQ(parsed({"--train_file", "a.en", "t.ftb"}, artifact), (Paths{"a.en"}));
  EXPECT_EQ(artifact, "t.ftb");
  EXPECT_EQ(parsed({"--train_file", "a.en", "b.de", "u.ftb"}, artifact),
            (Paths{"a.en", "b.de"}));
  EXPECT_EQ(artifact, "u.ftb");
  EXPECT_EQ(parsed({"--train_file=a.en", "b.de", "v.ftb"}, artifact), (Paths{"a.en", "b.de"}));
  // A flag given again replaces both.
  EXPECT_EQ(parsed({"w", "--train_file", "a", "b", "--train_file", "c"}, artifact),
            (Paths{"c"}));
  EXPECT_NE(parsed({"w", "--train_file", "a", "b", "c"}, artifact)[0].find("'c': unexpected"),
            std::string::npos);
  EXPECT_NE(parsed({"w", "--train_file", "a", ""}, artifact)[0].find("an empty value"),
            std::string::npos);
}

/// The same beside one or more positionals, and beside one that may be absent.
TEST(FlagSet, TakesTwoFilesBesideManyAndOptionalPositionals) {
  using Paths = std::vector<std::string>;
  auto parsed = [](bool many, std::vector<std::string> arguments, Paths &others) {
    Paths paths;
    FlagSet flags("ftc assess", "", "");
    std::string one;
    others.clear();
    if (many)
      flags.positionals("MODEL", others, "");
    else
      flags.positional("FILE", one, "", true);
    flags.files("train_file", paths, "");
    auto outcome = flags.parse(arguments);
    if (!many && !one.empty())
      others = {one};
    return outcome ? paths : Paths{outcome.status().message()};
  };
  Paths others;
  EXPECT_EQ(parsed(true, {"m", "--train_file", "a.en", "b.de"}, others),
            (Paths{"a.en", "b.de"}));
  EXPECT_EQ(others, (Paths{"m"}));
  EXPECT_EQ(parsed(true, {"m", "n", "--train_file", "a.en", "b.de"}, others),
            (Paths{"a.en", "b.de"}));
  EXPECT_EQ(others, (Paths{"m", "n"}));
  EXPECT_EQ(parsed(true, {"--train_file", "a.csv", "m"}, others), (Paths{"a.csv"}));
  EXPECT_EQ(others, (Paths{"m"}));
  EXPECT_EQ(parsed(false, {"--train_file", "a.en", "b.de"}, others), (Paths{"a.en", "b.de"}));
  EXPECT_EQ(others, Paths());
  EXPECT_EQ(parsed(false, {"f", "--train_file", "a.en"}, others), (Paths{"a.en"}));
  EXPECT_EQ(others, (Paths{"f"}));
}

TEST(FlagSet, HelpListsGroupsAndDefaults) {
  Values v;
  std::string help = makeFlags(v).help();
  for (const char *part : {"usage: ftrt run step.ftb", "Data:", "Training:",
                           "--learning_rate X", "default 5e-05", "default true", "(required)"})
    EXPECT_NE(help.find(part), std::string::npos) << part << "\n" << help;
  for (std::size_t at = 0; at < help.size();) {
    std::size_t end = help.find('\n', at);
    EXPECT_LE(end - at, 100u) << help.substr(at, end - at);
    at = end + 1;
  }
}

TEST(FlagSet, ExitCodesAndCut) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(exitCode("ftrt", rt::Status::ok()), 0);
  EXPECT_EQ(exitCode("ftrt", rt::Status::usage("x")), 2);
  EXPECT_EQ(exitCode("ftrt", rt::Status::error(std::string(900, 'y') + "\n")), 1);
  std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_EQ(printed.substr(0, 8), "ftrt: x\n");
  EXPECT_LE(printed.size(), 8u + 501u);
}

} // namespace
} // namespace ftc::cli
