// Greedy and beam search against transformers' own, token for token, over a model whose logits
// are a table (test/oracle/generation/record.py); rows in any order; sampling's distribution.
#include "runtime/generation/Search.h"
#include "runtime/generation/LogitsProcessors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace ftc::rt {
namespace {

struct Recorded {
  Json file;
  std::size_t vocabulary = 0;

  Recorded() {
    Result<Json> read = readJsonFile(std::string(FTC_TEST_DIR) + "/cases.json");
    EXPECT_TRUE(read) << (read ? "" : read.status().message());
    if (read)
      file = read.take();
    vocabulary = file["last"].size();
  }
  /// The table's logits after `tokens`; of `invalid`, a list of [last token, token, value],
  /// some are no numbers.
  std::vector<float> logits(const std::vector<std::int32_t> &tokens,
                            const Json &invalid = Json::array()) const {
    std::size_t last = tokens.back(),
                before = tokens[tokens.size() > 1 ? tokens.size() - 2 : 0];
    std::vector<float> row;
    for (std::size_t v = 0; v < vocabulary; ++v)
      row.push_back(static_cast<float>(file["last"][last][v].get<int>() +
                                       file["before"][before][v].get<int>() +
                                       file["place"][tokens.size() - 1][v].get<int>()) /
                    4096.0f);
    for (const Json &one : invalid)
      if (one[0].get<std::int32_t>() == tokens.back())
        row[one[1].get<std::size_t>()] = std::stof(one[2].get<std::string>());
    return row;
  }
};
const Recorded &recorded() {
  static const Recorded one;
  return one;
}

/// Runs a search to its end; rows are kept as a cache would keep them.
std::vector<std::int32_t> runSearch(const GenerationSettings &settings,
                                    const std::vector<std::int32_t> &prompt,
                                    std::uint32_t seed = 0, std::uint32_t sequence = 0,
                                    const Json &invalid = Json::array()) {
  auto made = makeSearch(settings, prompt, recorded().vocabulary, seed, sequence);
  EXPECT_TRUE(made) << (made ? "" : made.status().message());
  if (!made)
    return {};
  Search &search = **made;
  EXPECT_TRUE(search.running().empty());
  std::vector<std::vector<std::int32_t>> rows{prompt};
  for (int step = 0; !search.done() && step < 100; ++step) {
    std::vector<float> logits;
    for (const std::vector<std::int32_t> &row : rows)
      for (float value : recorded().logits(row, invalid))
        logits.push_back(value);
    Status status = search.advance(logits);
    EXPECT_TRUE(status) << status.message();
    std::vector<std::vector<std::int32_t>> next;
    for (const Beam &beam : search.running()) {
      next.push_back(rows.at(beam.parent));
      next.back().push_back(beam.token);
    }
    rows = std::move(next);
  }
  EXPECT_TRUE(search.done());
  return search.result();
}

TEST(Search, EqualsTransformersTokenForToken) {
  std::size_t count = 0;
  for (const Json &one : recorded().file["cases"]) {
    GenerationSettings settings;
    auto object = JsonObject::of(one["settings"], "settings");
    ASSERT_TRUE(object);
    Status status = readGenerationConfig(*object, settings);
    ASSERT_TRUE(status) << status.message();
    EXPECT_EQ(runSearch(settings, one["prompt"].get<std::vector<std::int32_t>>(), 0, 0,
                        one.value("invalid", Json::array())),
              one["tokens"].get<std::vector<std::int32_t>>())
        << one.dump();
    ++count;
  }
  EXPECT_GE(count, 570u);
}

TEST(Search, EqualsTransformersScoresBeforeADraw) {
  std::size_t count = 0;
  for (const Json &one : recorded().file["warped"]) {
    GenerationSettings settings;
    settings.sample = true;
    settings.maxLength = 16;
    settings.endIds = {1};
    auto object = JsonObject::of(one["settings"], "settings");
    ASSERT_TRUE(object);
    Status status = readGenerationConfig(*object, settings);
    ASSERT_TRUE(status) << status.message();
    auto tokens = one["tokens"].get<std::vector<std::int32_t>>();
    std::vector<float> scores;
    for (const Json &score : one["scores"])
      scores.push_back(static_cast<float>(score.get<int>()) / 4096.0f);
    std::span<const std::int32_t> prompt(tokens.data(), tokens.size() - 1);
    processScores(settings, {prompt, tokens, prompt.size()}, scores);
    warpScores(settings, scores);
    for (std::size_t id = 0; id < scores.size(); ++id) {
      const Json &wanted = one["out"][id];
      ASSERT_EQ(std::isinf(scores[id]), wanted.is_null()) << id << " of " << one.dump();
      if (wanted.is_null())
        continue;
      // Equal bits, but for the log of a sum, whose f32 roundings differ by the order of terms.
      double tolerance = settings.renormalize ? 4e-7 * (1 + std::abs(wanted.get<double>())) : 0;
      ASSERT_NEAR(scores[id], wanted.get<double>(), tolerance) << id << " of " << one.dump();
    }
    ++count;
  }
  EXPECT_GE(count, 150u);
}

TEST(Search, InvalidLogitsAreTakenWhereTheyAreRemoved) {
  GenerationSettings settings;
  settings.maxLength = 3;
  std::vector<float> row{-1, NAN, -2, -3};
  for (std::int64_t beams : {1, 2}) {
    settings.numBeams = beams;
    settings.removeInvalid = false;
    auto refused = makeSearch(settings, {1}, 4, 0, 0);
    ASSERT_TRUE(refused);
    EXPECT_FALSE((*refused)->advance(row));
    settings.removeInvalid = true;
    auto taken = makeSearch(settings, {1}, 4, 0, 0);
    ASSERT_TRUE(taken);
    Status status = (*taken)->advance(row);
    EXPECT_TRUE(status) << status.message();
    ASSERT_FALSE((*taken)->running().empty());
    // Greedily NaN counts as 0; a beam's log probabilities are all NaN, so all count as 0.
    EXPECT_EQ((*taken)->running()[0].token, beams == 1 ? 1 : 0);
  }
}

GenerationSettings sampling() {
  GenerationSettings settings;
  settings.sample = true;
  settings.maxLength = 2;
  settings.topK = 0;
  return settings;
}

TEST(Search, SamplesFollowTheDistribution) {
  GenerationSettings settings = sampling();
  std::vector<float> row = recorded().logits({5});
  double total = 0;
  for (float value : row)
    total += std::exp(value);
  const int draws = 20000;
  std::map<std::int32_t, int> seen;
  for (int i = 0; i < draws; ++i)
    ++seen[runSearch(settings, {5}, 42, i).at(0)];
  for (std::size_t v = 0; v < row.size(); ++v) {
    double p = std::exp(row[v]) / total;
    // Five standard deviations of a binomial share, and room for one count.
    EXPECT_NEAR(seen[v] / double(draws), p, 5 * std::sqrt(p * (1 - p) / draws) + 1.0 / draws)
        << v;
  }
}

TEST(Search, ASampleDependsOnSeedAndSequenceAlone) {
  GenerationSettings settings = sampling();
  settings.maxLength = 12;
  std::vector<std::int32_t> one = runSearch(settings, {5}, 1, 3);
  EXPECT_EQ(one, runSearch(settings, {5}, 1, 3));
  EXPECT_NE(one, runSearch(settings, {5}, 2, 3));
  EXPECT_NE(one, runSearch(settings, {5}, 1, 4));
}

TEST(Warpers, TopKAndTopPKeepTheBest) {
  constexpr float never = -std::numeric_limits<float>::infinity();
  GenerationSettings settings = sampling();
  settings.topK = 2;
  std::vector<float> scores{0, 3, 1, 2};
  warpScores(settings, scores);
  EXPECT_EQ(scores, (std::vector<float>{never, 3, never, 2}));

  settings.topK = 0;
  settings.topP = 0.6; // probabilities 0.5, 0.25, 0.125, 0.125
  scores = {std::log(0.5f), std::log(0.25f), std::log(0.125f), std::log(0.125f)};
  warpScores(settings, scores);
  EXPECT_EQ(scores[2], never);
  EXPECT_EQ(scores[3], never);
  EXPECT_NE(scores[0], never);
  EXPECT_NE(scores[1], never);

  settings.topP = 1e-9; // the best one always stays
  scores = {1, 5, 2};
  warpScores(settings, scores);
  EXPECT_EQ(scores, (std::vector<float>{never, 5, never}));

  settings.topP = 1;
  settings.temperature = 2;
  scores = {1, 4};
  warpScores(settings, scores);
  EXPECT_EQ(scores, (std::vector<float>{0.5f, 2}));
}

TEST(Search, RefusesWhatCannotRun) {
  GenerationSettings settings;
  settings.maxLength = 3;
  auto message = [&](std::vector<std::int32_t> prompt) {
    auto made = makeSearch(settings, std::move(prompt), 5, 0, 0);
    return made ? std::string() : made.status().message();
  };
  EXPECT_NE(message({}).find("at least one token"), std::string::npos);
  EXPECT_NE(message({1, 2, 3}).find("max_length is 3"), std::string::npos);
  settings.numBeams = 2;
  settings.sample = true;
  EXPECT_NE(message({1}).find("num_beams 2"), std::string::npos);
  settings.sample = false;
  settings.encoderRepetitionPenalty = 1.2;
  EXPECT_NE(message({1}).find("encoder_repetition_penalty with num_beams 2"),
            std::string::npos);
  settings.encoderRepetitionPenalty = 1;
  auto search = makeSearch(settings, {1}, 5, 0, 0);
  ASSERT_TRUE(search);
  std::vector<float> bad{0, 1, NAN, 0, 0}, wrong(4);
  EXPECT_NE((*search)->advance(bad).message().find("token 2 is not finite"), std::string::npos);
  EXPECT_NE((*search)->advance(wrong).message().find("expected 1 rows"), std::string::npos);
}

TEST(Processors, TheFirstTokenIsBehindAForcedOne) {
  constexpr float never = -std::numeric_limits<float>::infinity();
  GenerationSettings settings;
  settings.maxLength = 9;
  settings.suppressedFirst = {2};
  auto second = [&](std::vector<std::int32_t> tokens, std::size_t prompt) {
    std::vector<float> scores{0, 1, 2};
    processScores(settings, {tokens, tokens, prompt}, scores);
    return scores[2] == never;
  };
  EXPECT_TRUE(second({0}, 1));
  EXPECT_FALSE(second({0, 1}, 1));
  settings.forcedBegin = 1;
  EXPECT_TRUE(second({0, 1}, 1));
  EXPECT_FALSE(second({0, 1, 1}, 1));
  EXPECT_TRUE(second({0, 1}, 2));
}

TEST(Processors, ABannedEndStaysBanned) {
  GenerationSettings settings;
  settings.maxLength = settings.minLength = 9;
  settings.endIds = {1};
  settings.lengthDecay = {0, 2};
  std::vector<std::int32_t> tokens{0, 0, 0};
  std::vector<float> scores{0, 5};
  processScores(settings, {tokens, tokens, 1}, scores);
  EXPECT_EQ(scores[1], -std::numeric_limits<float>::infinity());
}

TEST(GenerationConfig, RefusesByName) {
  auto message = [](const char *text) {
    Result<Json> json = parseJson(text, "generation_config.json");
    GenerationSettings settings;
    return readGenerationConfig(*JsonObject::of(*json, "generation_config.json"), settings)
        .message();
  };
  EXPECT_NE(message(R"({"num_beams": 0})").find("'num_beams'"), std::string::npos);
  EXPECT_NE(message(R"({"penalty_alpha": 0.6})").find("'penalty_alpha'"), std::string::npos);
  EXPECT_NE(message(R"({"early_stopping": "often"})").find("'early_stopping'"),
            std::string::npos);
  EXPECT_NE(message(R"({"bad_words_ids": [[1], []]})").find("'bad_words_ids'"),
            std::string::npos);
  for (std::string decay : {"[3]", "[-1, 2]", "[1.5, 2]", "[1, 0]", "[1, \"2\"]", "2"})
    EXPECT_NE(message(("{\"exponential_decay_length_penalty\": " + decay + "}").c_str())
                  .find("'exponential_decay_length_penalty'"),
              std::string::npos)
        << decay;
  EXPECT_NE(message(R"({"eos_token_id": -4})").find("'eos_token_id'"), std::string::npos);
  for (std::string bias : {"[[[1, 2]]]", "[[[], 2.5]]", "[[[-1], 2.5]]", "[[3, 2.5]]",
                           "[[[1], \"2\"]]", "{\"1\": 2.5}"})
    EXPECT_NE(message(("{\"sequence_bias\": " + bias + "}").c_str()).find("'sequence_bias'"),
              std::string::npos)
        << bias;
  for (std::string key : {"min_p", "typical_p", "epsilon_cutoff", "eta_cutoff"})
    for (std::string value : {"1.5", "-0.1", "\"half\""})
      EXPECT_NE(message(("{\"" + key + "\": " + value + "}").c_str()).find("'" + key + "'"),
                std::string::npos)
          << key << " " << value;
  EXPECT_NE(
      message(R"({"encoder_repetition_penalty": 0})").find("'encoder_repetition_penalty'"),
      std::string::npos);
  EXPECT_EQ(message(R"({"min_p": null, "typical_p": 1.0, "eos_token_id": [1, 2]})"), "");
  EXPECT_EQ(message(R"({"min_p": 0.1, "typical_p": 0.5, "sequence_bias": [[[1, 2], -3]]})"),
            "");
}

} // namespace
} // namespace ftc::rt
