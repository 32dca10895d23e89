// Where generation's settings come from, and how long a text may get.
#include "runtime/generation/GenerationPlan.h"
#include "test/support/PlanBuilder.h"

#include <gtest/gtest.h>

#include <optional>

namespace ftc::rt {
namespace {

/// An artifact for prompts of 20 tokens, 10 new ones, 25 together and 4 beams. `start`: an
/// encoder-decoder for targets of 10 tokens whose family has this decoder_start_token_id.
Result<GenerationPlan> plan(const std::string &config, const std::string &generation,
                            const GenerationFlags &flags = {},
                            std::optional<std::int32_t> start = {}) {
  test::ArtifactBuilder builder;
  if (start) {
    builder.artifact.task->max_target_length = 10;
    builder.artifact.task->decoder_start_token_id = *start;
  }
  builder.artifact.config_json = config;
  builder.artifact.generation = std::make_unique<abi::GenerationT>();
  builder.artifact.generation->config_json = generation;
  builder.artifact.generation->max_source_length = 20;
  builder.artifact.generation->max_target_length = 10;
  builder.artifact.generation->longest = start ? 10 : 25;
  builder.artifact.generation->max_beams = 4;
  auto reader = ArtifactReader::fromBytes("a.ftb", builder.container());
  EXPECT_TRUE(reader) << reader.status().message();
  return GenerationPlan::make(**reader, flags);
}

GenerationSettings settings(const std::string &config, const std::string &generation,
                            std::int64_t prompt, const GenerationFlags &flags = {}) {
  auto made = plan(config, generation, flags);
  EXPECT_TRUE(made) << made.status().message();
  return made ? made->settingsFor(prompt) : GenerationSettings();
}

std::string message(const std::string &generation, const GenerationFlags &flags = {}) {
  auto made = plan("{}", generation, flags);
  return made ? "" : made.status().message();
}

TEST(GenerationPlan, CapacitiesLimitATextWithoutSettings) {
  EXPECT_EQ(settings("{}", "", 3).maxLength, 13);
  EXPECT_EQ(settings("{}", "", 20).maxLength, 25);
  EXPECT_EQ(settings("{}", "", 3).minLength, 0);
}

TEST(GenerationPlan, NewTokensGoBeforeTheWholeLength) {
  EXPECT_EQ(settings("{}", R"({"max_length": 12})", 5).maxLength, 12);
  EXPECT_EQ(settings("{}", R"({"max_length": 100})", 5).maxLength, 15);
  EXPECT_EQ(settings("{}", R"({"max_length": 12, "max_new_tokens": 2})", 5).maxLength, 7);
  EXPECT_EQ(settings("{}", R"({"max_new_tokens": 500})", 5).maxLength, 15);
  GenerationFlags flags;
  flags.maxLength = 9;
  EXPECT_EQ(settings("{}", R"({"max_new_tokens": 2})", 5, flags).maxLength, 9);
  flags.maxNewTokens = 3;
  EXPECT_EQ(settings("{}", R"({"max_new_tokens": 2})", 5, flags).maxLength, 8);
}

TEST(GenerationPlan, LeastLengths) {
  std::string config = R"({"min_length": 7, "min_new_tokens": 4})";
  EXPECT_EQ(settings("{}", R"({"min_length": 7})", 5).minLength, 7);
  EXPECT_EQ(settings("{}", config, 5).minLength, 9);
  EXPECT_EQ(settings("{}", config, 1).minLength, 5); // as transformers: new tokens win
  GenerationFlags flags;
  flags.minLength = 6;
  EXPECT_EQ(settings("{}", config, 5, flags).minLength, 6);
}

TEST(GenerationPlan, TheModelsConfigCountsWhereThereIsNoOther) {
  std::string model = R"({"num_beams": 3, "eos_token_id": 8})";
  EXPECT_EQ(settings(model, "", 1).numBeams, 3);
  EXPECT_EQ(settings(model, R"({"num_beams": 2, "eos_token_id": [1, 2]})", 1).numBeams, 2);
  EXPECT_TRUE(settings(model, R"({"eos_token_id": [1, 2]})", 1).isEnd(2));
  EXPECT_FALSE(settings(model, R"({"eos_token_id": [1, 2]})", 1).isEnd(8));
  // The model learnt to end with its own end of text, if nothing else is said.
  GenerationSettings without = settings(model, R"({"length_penalty": 2.0})", 1);
  EXPECT_TRUE(without.isEnd(8));
  EXPECT_EQ(without.numBeams, 1);
}

TEST(GenerationPlan, AnEncoderDecodersLimitIsItsTarget) {
  auto longest = [](const std::string &generation, const GenerationFlags &flags = {}) {
    auto made = plan("{}", generation, flags, 0);
    EXPECT_TRUE(made) << made.status().message();
    return made ? made->settingsFor(1).maxLength : 0;
  };
  EXPECT_EQ(longest(""), 10);
  EXPECT_EQ(longest(R"({"max_length": 200})"), 10);
  EXPECT_EQ(longest(R"({"max_length": 5})"), 10); // as the scripts, which pass max_target_length
  EXPECT_EQ(longest(R"({"max_new_tokens": 5})"), 6);
  GenerationFlags length, tokens;
  length.maxLength = 7;
  tokens.maxNewTokens = 10;
  EXPECT_EQ(longest(R"({"max_new_tokens": 2})", length), 7);
  auto refused = plan("{}", "", tokens, 0);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.status().message().find("--max_new_tokens: expected at most 9"),
            std::string::npos);
}

TEST(GenerationPlan, WhatAnEncoderDecoderBeginsWith) {
  std::string model = R"({"eos_token_id": 2, "decoder_start_token_id": 5})";
  std::string own = R"({"eos_token_id": 2, "decoder_start_token_id": 6})";
  EXPECT_FALSE(plan("{}", "")->hasSource());
  EXPECT_EQ(plan(model, own, {}, 4)->decoderStart(), 6);
  EXPECT_EQ(plan(model, R"({"eos_token_id": 2})", {}, 4)->decoderStart(), 5);
  EXPECT_EQ(plan("{}", "", {}, 4)->decoderStart(), 4);
  // mBART: behind the end token, what is written begins with the target's language.
  auto rotating = plan(R"({"eos_token_id": 2})", "", {}, -1);
  EXPECT_EQ(rotating->decoderStart(), std::nullopt);
  rotating->beginAsTargets(std::vector<std::int32_t>{2, 9}, 2);
  EXPECT_EQ(rotating->decoderStart(), 9);
  EXPECT_EQ(rotating->settingsFor(1).forcedBegin, std::nullopt);
  // mBART-50: the language stands first and the model's end token last, whatever ends a text.
  auto forced = plan("{}", R"({"eos_token_id": [6, 7]})", {}, -1);
  forced->beginAsTargets(std::vector<std::int32_t>{9, 2}, 2);
  EXPECT_EQ(forced->decoderStart(), 2);
  EXPECT_EQ(forced->settingsFor(1).forcedBegin, 9);
  auto said = plan(model, R"({"eos_token_id": 2, "forced_bos_token_id": 8})", {}, -1);
  said->beginAsTargets(std::vector<std::int32_t>{9, 2}, 2);
  EXPECT_EQ(said->decoderStart(), 5);
  EXPECT_EQ(said->settingsFor(1).forcedBegin, 8);
}

TEST(GenerationPlan, FlagsWin) {
  GenerationFlags flags;
  flags.numBeams = 2;
  flags.lengthPenalty = 0.5;
  flags.noRepeatNgramSize = 3;
  GenerationSettings own =
      settings("{}", R"({"num_beams": 4, "length_penalty": 2, "top_k": 7})", 1, flags);
  EXPECT_EQ(own.numBeams, 2);
  EXPECT_EQ(own.lengthPenalty, 0.5);
  EXPECT_EQ(own.noRepeatNgramSize, 3);
  EXPECT_EQ(own.topK, 7);
}

TEST(GenerationPlan, WhatTheArtifactCannotDoIsSaid) {
  GenerationFlags beams, tokens, length, both;
  beams.numBeams = 5;
  tokens.maxNewTokens = 11;
  length.maxLength = 26;
  both.numBeams = 2, both.doSample = true;
  EXPECT_NE(message("", beams).find("--num_beams: expected at most 4"), std::string::npos);
  EXPECT_NE(message("", tokens).find("--max_new_tokens: expected at most 10"),
            std::string::npos);
  EXPECT_NE(message("", length).find("--max_length: expected at most 25"), std::string::npos);
  EXPECT_NE(message("", both).find("--do_sample"), std::string::npos);
  EXPECT_NE(message(R"({"num_beams": 5})").find("generation_config.json: 'num_beams'"),
            std::string::npos);
  EXPECT_NE(message(R"({"num_beams": 2, "encoder_repetition_penalty": 1.2})")
                .find("'encoder_repetition_penalty' with num_beams 2"),
            std::string::npos);
  EXPECT_EQ(message(R"({"encoder_repetition_penalty": 1.2})"), "");
  for (std::string key :
       {R"("diversity_penalty": 0.5)", R"("guidance_scale": 1.5)", R"("max_time": 1.5)",
        R"("stop_strings": ["a"])", R"("num_return_sequences": 2)", R"("token_healing": true)",
        R"("watermarking_config": {"bias": 2})", R"("dola_layers": "high")",
        R"("decoder_start_token_id": -1)"})
    EXPECT_NE(message("{" + key + "}").find(key.substr(1, key.find('"', 1) - 1)),
              std::string::npos)
        << key;
  EXPECT_NE(message("[1]").find("generation_config.json"), std::string::npos);
}

} // namespace
} // namespace ftc::rt
