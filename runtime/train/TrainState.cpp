// Reading is strict: a state that lost a field would silently train on differently.
#include "runtime/train/TrainState.h"

namespace ftc::rt {

OrderedJson TrainState::toJson() const {
  OrderedJson json;
  json["step"] = step;
  json["updates"] = updates;
  json["skipped"] = skipped;
  json["non_finite"] = nonFinite;
  json["non_finite_in_a_row"] = nonFiniteInARow;
  json["last_logged"] = lastLogged;
  json["last_evaluated"] = lastEvaluated;
  json["loss_since_log"] = lossSinceLog;
  json["loss_total"] = lossTotal;
  json["tokens"] = tokens;
  json["examples"] = examples;
  json["flops"] = flops;
  json["best_metric"] = bestMetric ? OrderedJson(*bestMetric) : OrderedJson();
  json["best_step"] = bestStep;
  json["evaluations_without_gain"] = evaluationsWithoutGain;
  json["stopped"] = stopped;
  json["log_history"] = logHistory;
  return json;
}

Result<TrainState> TrainState::fromJson(const Json &json, std::string_view source) {
  FTC_ASSIGN_OR_RETURN(JsonObject object, JsonObject::of(json, std::string(source)));
  TrainState state;
  struct Integer {
    const char *key;
    std::int64_t *out;
  };
  const Integer integers[] = {{"step", &state.step},
                              {"updates", &state.updates},
                              {"skipped", &state.skipped},
                              {"non_finite", &state.nonFinite},
                              {"non_finite_in_a_row", &state.nonFiniteInARow},
                              {"last_logged", &state.lastLogged},
                              {"last_evaluated", &state.lastEvaluated},
                              {"tokens", &state.tokens},
                              {"examples", &state.examples},
                              {"best_step", &state.bestStep},
                              {"evaluations_without_gain", &state.evaluationsWithoutGain}};
  for (const Integer &field : integers) {
    FTC_ASSIGN_OR_RETURN(*field.out, object.integer(field.key, 0));
  }
  FTC_ASSIGN_OR_RETURN(state.lossSinceLog, object.number("loss_since_log"));
  FTC_ASSIGN_OR_RETURN(state.lossTotal, object.number("loss_total"));
  FTC_ASSIGN_OR_RETURN(state.flops, object.number("flops"));
  FTC_ASSIGN_OR_RETURN(state.stopped, object.boolean("stopped"));
  if (object.has("best_metric")) {
    FTC_ASSIGN_OR_RETURN(double best, object.number("best_metric"));
    state.bestMetric = best;
  }
  FTC_ASSIGN_OR_RETURN(const Json *history, object.array("log_history"));
  for (const Json &entry : *history) {
    if (!entry.is_object())
      return object.mismatch("log_history", "a list of objects");
    state.logHistory.push_back(OrderedJson::parse(entry.dump(), nullptr, false));
  }
  return state;
}

OrderedJson trainerStateJson(const TrainState &state, const TrainerFacts &facts) {
  OrderedJson json;
  json["best_global_step"] = state.bestMetric ? OrderedJson(state.bestStep) : OrderedJson();
  json["best_metric"] = state.bestMetric ? OrderedJson(*state.bestMetric) : OrderedJson();
  json["best_model_checkpoint"] =
      facts.bestCheckpoint.empty() ? OrderedJson() : OrderedJson(facts.bestCheckpoint);
  json["epoch"] = facts.epoch;
  json["eval_steps"] = facts.evalSteps;
  json["global_step"] = state.step;
  json["is_hyper_param_search"] = false;
  json["is_local_process_zero"] = true;
  json["is_world_process_zero"] = true;
  json["log_history"] = state.logHistory;
  json["logging_steps"] = facts.loggingSteps;
  json["max_steps"] = facts.maxSteps;
  json["num_input_tokens_seen"] = state.tokens;
  json["num_train_epochs"] = facts.numTrainEpochs;
  json["save_steps"] = facts.saveSteps;
  json["stateful_callbacks"] = OrderedJson::object();
  json["total_flos"] = state.flops;
  json["train_batch_size"] = facts.trainBatchSize;
  json["trial_name"] = nullptr;
  json["trial_params"] = nullptr;
  return json;
}

} // namespace ftc::rt
