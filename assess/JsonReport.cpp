// The assessment for programs: every figure under a name of its own, points where it is a
// metric.
#include "assess/Assess.h"

#include "runtime/io/Json.h"

namespace ftc::assess {

namespace {

using Json = rt::OrderedJson;

Json scoreJson(const Score &score) {
  return {
      {"value", score.value}, {"standard_error", score.error}, {"examples", score.examples}};
}

Json predictionJson(const Prediction &p, const PowerLaw &law) {
  return {{"value", p.value},
          {"low", p.low},
          {"high", p.high},
          {"confidence", 0.9},
          {"standard_error", p.error},
          {"one_run_on_new_rows", {{"low", p.newLow}, {"high", p.newHigh}}},
          {"law", {{"top", law.top}, {"drop", law.drop}, {"rate", law.rate}}}};
}

Json curveJson(std::span<const CurvePoint> points) {
  Json out = Json::array();
  for (const CurvePoint &point : points)
    out.push_back(
        {{"rows", point.rows}, {"value", point.value}, {"standard_error", point.error}});
  return out;
}

Json dataJson(const Assessment &a) {
  const DataFacts &d = a.data;
  Json out = {{"train_rows", d.trainRows},
              {"validation_rows", d.validationRows},
              {"test_rows", d.testRows},
              {"evaluation_rows", a.evaluationRows},
              {"evaluation_size", a.evaluationSize},
              {"evaluation_source", a.evaluationSource},
              {"duplicates", d.duplicates},
              {"conflicting_duplicates", d.conflicts},
              {"leaked_validation_rows", d.leakedValidation},
              {"leaked_test_rows", d.leakedTest},
              {"leaked_rows_left_out", a.leakedLeftOut},
              {"empty_texts", d.emptyTexts},
              {"median_tokens", d.tokens.median},
              {"p95_tokens", d.tokens.p95},
              {"longest_tokens", d.tokens.most},
              {"max_tokens", d.cut.limit},
              {"cut_rows", d.cut.rows},
              {"cut_tokens", d.cut.tokens},
              {"tokens", d.tokens.total}};
  Json &labels = out["labels"] = Json::object();
  for (const LabelCount &label : d.labels)
    labels[label.label] = label.count;
  return out;
}

/// What was not measured is absent.
Json noiseJson(const NoiseFacts &noise) {
  Json out = {{"rows", noise.rows}};
  if (noise.subsetCount)
    out["training_rows"] = {{"deviation", noise.subsets}, {"families", noise.subsetCount}};
  if (noise.seedCount)
    out["seeds"] = {{"deviation", noise.seeds},
                    {"degrees_of_freedom", noise.seedFreedom},
                    {"runs", noise.seedCount}};
  return out;
}

Json modelJson(const ModelFacts &m) {
  Json out = {{"model", m.model},
              {"unknown_token_share", m.unknownShare},
              {"tokens_per_word", m.tokensPerWord}};
  if (m.logMe)
    out["logme"] = *m.logMe;
  if (m.zeroShot)
    out["zero_shot"] = scoreJson(*m.zeroShot);
  else if (!m.zeroShotNote.empty())
    out["zero_shot_note"] = m.zeroShotNote;
  if (m.linearProbe) {
    out["linear_probe"] = scoreJson(*m.linearProbe);
    out["linear_probe"]["rows"] = m.probeRows;
    out["linear_probe"]["penalty"] = m.probePenalty;
  }
  if (m.neighbours) {
    out["nearest_neighbours"] = scoreJson(*m.neighbours);
    out["nearest_neighbours"]["k"] = m.neighbourCount;
  }
  out["probe_curve"] = curveJson(m.probeCurve);
  out["tuned_curve"] = curveJson(m.tunedCurve);
  if (m.gain)
    out["gain_over_probe"] = scoreJson(*m.gain);
  out["tuned_from_probe"] = m.tunedFromProbe;
  if (m.shortSteps)
    out["short_run"] = {{"steps", m.shortSteps}, {"too_short", m.tooShort}};
  if (m.probeAtAll)
    out["probe_at_all_rows"] = predictionJson(*m.probeAtAll, m.probeLaw);
  if (m.tunedAtAll)
    out["tuned_at_all_rows"] = predictionJson(*m.tunedAtAll, m.tunedLaw);
  out["noise"] = noiseJson(m.noise);
  Json &costs = out["costs"] = Json::array();
  for (const MethodCost &cost : m.costs) {
    Json one = {{"method", cost.method},
                {"peak_bytes", cost.peakBytes},
                {"process_bytes", cost.processBytes},
                {"trainable_parameters", cost.trainable},
                {"parameters", cost.parameters}};
    if (cost.seconds)
      one["seconds"] = *cost.seconds;
    if (cost.estimated)
      one["seconds_estimated"] = true;
    costs.push_back(std::move(one));
  }
  return out;
}

} // namespace

std::string renderJson(const Assessment &a) {
  Json out = {{"verdict", verdictName(a.verdict)},
              {"exit_code", verdictExitCode(a.verdict)},
              {"reason", a.reason},
              {"next", a.next},
              {"task", a.task},
              {"metric", a.metric.name},
              {"points_per_unit", a.metric.scale}};
  out["target"] = a.target ? Json(*a.target) : Json();
  if (a.rowsNeeded)
    out["rows_needed"] = a.rowsNeeded;
  if (!a.betterModel.empty())
    out["better_model"] = a.betterModel;
  out["run"] = {{"method", a.method},
                {"num_train_epochs", a.recipe.epochs},
                {"per_device_train_batch_size", a.recipe.batchSize},
                {"learning_rate", a.recipe.learningRate},
                {"seed", a.recipe.seed},
                {"seconds", a.fullRunSeconds}};
  out["data"] = dataJson(a);
  Json &baselines = out["baselines"] = Json::object();
  for (const NamedScore &baseline : a.baselines)
    baselines[baseline.name] = scoreJson(baseline.score);
  Json &models = out["models"] = Json::array();
  for (const ModelFacts &model : a.models)
    models.push_back(modelJson(model));
  out["detectable_difference"] = a.detectable;
  if (a.detectableTest > 0)
    out["detectable_difference_test"] = a.detectableTest;
  out["notes"] = a.notes;
  out["left_out"] = a.leftOut;
  out["seconds"] = a.seconds;
  return rt::dumpJson(out, 2) + "\n";
}

} // namespace ftc::assess
