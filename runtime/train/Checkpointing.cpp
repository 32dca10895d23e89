// The files of a checkpoint: model.safetensors (or an adapter's two files),
// optimizer.safetensors (moments), ftrt_state.json (identity and TrainState, exact) and
// trainer_state.json for people; of tasks with target texts task_settings.json.
#include "runtime/train/Checkpointing.h"

#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/Adapter.h"
#include "runtime/train/Export.h"
#include "runtime/train/Sampler.h"
#include "runtime/train/TaskSettings.h"
#include "runtime/train/Weights.h"

namespace ftc::rt {

namespace {

constexpr const char *kStateFile = "ftrt_state.json";
constexpr const char *kMomentsFile = "optimizer.safetensors";

std::optional<std::int64_t> bestOf(const TrainState &state) {
  if (!state.bestMetric)
    return std::nullopt;
  return state.bestStep;
}

} // namespace

OrderedJson RunIdentity::toJson() const {
  OrderedJson json;
  json["artifact"] = artifact;
  json["train_examples"] = trainExamples;
  json["train_data"] = trainData;
  json["label_all_tokens"] = labelAllTokens;
  json["per_device_train_batch_size"] = batchSize;
  json["gradient_accumulation_steps"] = accumulation;
  json["seed"] = seed;
  json["shuffle"] = shuffle;
  json["validation_split_percentage"] = splitPercentage;
  if (docStride)
    json["doc_stride"] = *docStride;
  if (languages)
    json["languages"] = *languages;
  if (sourcePrefix)
    json["source_prefix"] = *sourcePrefix;
  json["permutation_version"] = kPermutationVersion;
  for (const auto &[name, value] : loss.items())
    json[name] = value;
  return json;
}

Status RunIdentity::compare(const Json &json, std::string_view source) const {
  Json mine = Json::parse(toJson().dump(), nullptr, false);
  for (const auto &[name, value] : mine.items()) {
    auto found = json.find(name);
    if (found != json.end() && *found == value)
      continue;
    std::string theirs = found == json.end() ? "not recorded" : describeJson(*found);
    std::string what = "--" + name;
    if (name == "artifact")
      what = "the artifact (SHA-256)";
    else if (name == "train_examples")
      what = "the number of training examples (--train_file)";
    else if (name == "train_data")
      what = "what is used of --train_file (SHA-256 of its rows)";
    else if (name == "languages")
      what = "--source_lang and --target_lang";
    else if (name == "permutation_version")
      what = "the order of shuffling";
    return Status::error(std::string(source) + ": expected a run with the same settings, but " +
                         what + " was " + theirs + " and is now " + describeJson(value));
  }
  return Status::ok();
}

std::vector<std::string> RunIdentity::changes(const Json &json) const {
  std::vector<std::string> lines;
  Json mine = Json::parse(schedule.dump(), nullptr, false);
  for (const auto &[name, value] : mine.items())
    if (auto found = json.find(name); found != json.end() && *found != value)
      lines.push_back("--" + name + ": " + describeJson(value) + ", was " +
                      describeJson(*found));
  return lines;
}

std::string CheckpointStore::path(std::int64_t step) const {
  return checkpointPath(directory, step);
}

bool CheckpointStore::has(std::int64_t step) const { return isDirectory(path(step)); }

Status CheckpointStore::save(Session &session, const TrainState &state,
                             const TrainerFacts &facts,
                             const std::function<Status()> &beforeCommit) const {
  if (has(state.step))
    return Status::ok();
  FTC_ASSIGN_OR_RETURN(CheckpointWriter writer,
                       CheckpointWriter::begin(directory, state.step, identity.artifact));
  if (hasAdapter(*session.artifact)) {
    FTC_RETURN_IF_ERROR(writer.addTensors(kAdapterWeights, adapterTensors(session)));
    FTC_RETURN_IF_ERROR(
        writer.addFile(kAdapterConfig, text((*session.artifact)->adapter()->config_json())));
  } else {
    FTC_RETURN_IF_ERROR(writer.addTensors("model.safetensors",
                                          parameterTensors(session, ParameterSlot::Params)));
  }
  FTC_RETURN_IF_ERROR(writer.addTensors(kMomentsFile, momentTensors(session)));
  FTC_RETURN_IF_ERROR(writer.addFile("config.json", text((*session.artifact)->config_json())));
  if (session.task->hasTargetText())
    FTC_RETURN_IF_ERROR(writer.addFile(kTaskSettings, taskSettingsText(session)));
  FTC_RETURN_IF_ERROR(
      writer.addFile("trainer_state.json", dumpJson(trainerStateJson(state, facts), 2) + "\n"));
  OrderedJson json;
  json["identity"] = identity.toJson();
  json["schedule"] = identity.schedule;
  json["state"] = state.toJson();
  FTC_RETURN_IF_ERROR(writer.addFile(kStateFile, dumpJson(json, 1) + "\n"));
  FTC_RETURN_IF_ERROR(beforeCommit());
  FTC_RETURN_IF_ERROR(writer.commit());
  if (!limit)
    return Status::ok();
  return rotateCheckpoints(directory, *limit, bestOf(state), /*finished=*/false);
}

Result<std::optional<std::string>>
CheckpointStore::newest(std::vector<std::string> &warnings) const {
  FTC_ASSIGN_OR_RETURN(NewestCheckpoint found, findNewestCheckpoint(directory));
  warnings = found.warnings;
  for (std::int64_t step : found.damagedSteps)
    FTC_RETURN_IF_ERROR(setAsideCheckpoint(directory, step));
  if (!found.step)
    return std::optional<std::string>();
  return std::optional<std::string>(found.path);
}

Result<TrainState> CheckpointStore::load(Session &session, const std::string &from,
                                         std::vector<std::string> &changes) const {
  Result<Manifest> manifest = verifyCheckpoint(from);
  if (!manifest)
    return manifest.takeStatus().withContext("--resume_from_checkpoint");
  std::string stateFile = joinPath(from, kStateFile);
  FTC_ASSIGN_OR_RETURN(Json json, readJsonFile(stateFile));
  FTC_ASSIGN_OR_RETURN(JsonObject object, JsonObject::of(json, stateFile));
  FTC_ASSIGN_OR_RETURN(JsonObject saved, object.child("identity"));
  FTC_RETURN_IF_ERROR(identity.compare(saved.value(), stateFile));
  FTC_ASSIGN_OR_RETURN(JsonObject schedule, object.child("schedule"));
  changes = identity.changes(schedule.value());
  FTC_ASSIGN_OR_RETURN(JsonObject child, object.child("state"));
  FTC_ASSIGN_OR_RETURN(TrainState state,
                       TrainState::fromJson(child.value(), stateFile + ": state"));
  FTC_RETURN_IF_ERROR(loadModelWeights(session, from));
  FTC_RETURN_IF_ERROR(loadMoments(session, joinPath(from, kMomentsFile)));
  return state;
}

Status CheckpointStore::loadWeights(Session &session, std::int64_t step) const {
  return loadModelWeights(session, path(step));
}

Status CheckpointStore::prune(const TrainState &state) const {
  if (!limit)
    return Status::ok();
  return rotateCheckpoints(directory, *limit, bestOf(state), /*finished=*/true);
}

} // namespace ftc::rt
