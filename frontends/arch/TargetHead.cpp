// The head of encoder-decoders: transformers' XForConditionalGeneration.
#include "frontends/arch/TargetHead.h"

namespace ftc {

void readTargetFacts(ConfigReader &config, TargetFacts &facts, std::int64_t decoderStart,
                     bool rotates) {
  facts.tied = config.boolean("tie_word_embeddings", facts.tied);
  if (!config.boolean("is_encoder_decoder", true))
    config.fail("'is_encoder_decoder' is false, expected true: only the whole encoder-decoder "
                "is supported");
  config.refuseTrue("tie_encoder_decoder");
  if (!rotates)
    facts.decoderStart =
        config.integer("decoder_start_token_id", 0, facts.vocabulary - 1, decoderStart);
  if (config.status().isOk() && facts.decoderStart >= facts.vocabulary)
    config.fail("'decoder_start_token_id' is missing, and the family's own " +
                std::to_string(decoderStart) + " is not below 'vocab_size' " +
                std::to_string(facts.vocabulary));
}

rt::Result<ImportedModel> finishTargets(GraphBuilder &graph, const TargetFacts &facts,
                                        mlir::Value hidden, mlir::Value table,
                                        mlir::Value bias) {
  FTC_RETURN_IF_ERROR(rt::Status(graph.status()));
  graph.finishTargets(hidden, table, bias);
  for (const char *prefix : {"classification_head.", "qa_outputs.", "classifier."})
    graph.ignoreTensors(prefix);
  ImportedModel model;
  FTC_RETURN_IF_ERROR(graph.checkAllTensorsUsed(model.notes));
  model.module = graph.takeModule();
  model.modelType = facts.modelType;
  model.architecture = facts.architecture;
  model.maxPositions = facts.positions;
  model.positionOffset = facts.positionOffset;
  model.vocabulary = facts.vocabulary;
  model.decoderStart = facts.decoderStart;
  return model;
}

} // namespace ftc
