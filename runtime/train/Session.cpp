// Opening a session: each part reports its own errors; here they only get the file's name.
#include "runtime/train/Session.h"

#include "runtime/devices/CpuDevice.h"
#include "runtime/devices/CpuFeatures.h"
#include "runtime/devices/FmaPeak.h"
#include "runtime/io/Json.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/GenerationColumns.h"

#include <algorithm>

namespace ftc::rt {

namespace {

/// Capacity of a symbol of the batch; 0 when the artifact has none.
std::int64_t capacityOf(const ArtifactReader &artifact, std::string_view name) {
  int index = artifact.symbolIndex(name);
  return index < 0 ? 0 : artifact->symbols()->Get(index)->capacity();
}

Result<std::unique_ptr<Tokenizer>> openTokenizer(const ArtifactReader &artifact,
                                                 const Task &task, TokenizerFiles &files) {
  for (std::uint32_t i = 0; i < count(artifact->tokenizer_files()); ++i) {
    const abi::File &file = *artifact->tokenizer_files()->Get(i);
    files.emplace_back(text(file.name()),
                       std::string(reinterpret_cast<const char *>(file.bytes()->data()),
                                   file.bytes()->size()));
  }
  TokenizerOptions options;
  options.modelType = text(artifact->model_type());
  options.addPrefixSpace = artifact->task()->add_prefix_space() || task.needsPrefixSpace();
  return makeTokenizer(files, options);
}

/// A token of config.json, the first one of several: eos_token_id ends a text; -1: none.
std::int32_t configToken(const Json &config, const char *key) {
  const Json *id = config.is_object() && config.contains(key) ? &config[key] : nullptr;
  if (id && id->is_array() && !id->empty())
    id = &id->front();
  bool given = id && id->is_number_integer() && *id >= 0 && *id <= (1 << 30);
  return given ? id->get<std::int32_t>() : -1;
}

} // namespace

std::int64_t plannedBytes(const Session &session) {
  return session.executor->memory().peak() - session.executor->unusedBytes() -
         session.demanded.absentBytes();
}

double multiplyAddPeak(const Session &session, int attempts) {
  const DeviceProperties &device = session.device->properties();
  if (device.target != "cpu")
    return 0;
  return measureFmaPeak(productsOf(text(session.executor->variant().isa())), device.threads,
                        attempts);
}

bool hasProgram(const ArtifactReader &artifact, std::string_view name) {
  for (std::uint32_t v = 0; v < count(artifact->variants()); ++v) {
    const abi::Variant &variant = *artifact->variants()->Get(v);
    for (std::uint32_t p = 0; p < count(variant.programs()); ++p)
      if (text(variant.programs()->Get(p)->name()) == name)
        return true;
  }
  return false;
}

Result<std::unique_ptr<Session>> Session::openWithoutDevice(const std::string &artifactPath) {
  auto session = std::make_unique<Session>();
  FTC_ASSIGN_OR_RETURN(session->artifact, ArtifactReader::open(artifactPath));
  const ArtifactReader &artifact = *session->artifact;
  const abi::Task &task = *artifact->task();
  FTC_ASSIGN_OR_RETURN(Json config,
                       parseJson(text(artifact->config_json()), artifact.name() + ": config"));
  FTC_ASSIGN_OR_RETURN(const Task *named, findTask(text(task.name())));
  bool typed = config.is_object() && config.contains("problem_type") &&
               config["problem_type"].is_string();
  session->task = named->forProblem(typed ? config["problem_type"].get<std::string>() : "");
  if (artifact.symbolIndex("target") < 0) // of a second stream of tokens
    session->task = session->task->forDecoder();
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < count(task.labels()); ++i)
    names.emplace_back(text(task.labels()->Get(i)));
  session->labels = LabelSet(std::move(names));
  session->classWeights.assign(session->labels.size(), 1.0f);
  Result<std::unique_ptr<Tokenizer>> tokenizer =
      openTokenizer(artifact, *session->task, session->tokenizerFiles);
  if (!tokenizer)
    return tokenizer.takeStatus().withContext(artifact.name());
  session->tokenizer = tokenizer.take();
  session->layout.placement = session->task->labelPlacement();
  session->layout.positionOffset = static_cast<std::int32_t>(task.position_offset());
  session->layout.padToken = task.pad_token_id();
  session->layout.targetWidth = session->task->targetWidth(session->labels);
  session->encode.maxSeqLength =
      static_cast<std::int32_t>(std::min<std::uint32_t>(task.max_seq_length(), 1u << 30));
  session->encode.labelAllTokens = task.label_all_tokens();
  session->encode.target.maxLength =
      static_cast<std::int32_t>(std::min<std::uint32_t>(task.max_target_length(), 1u << 30));
  session->encode.target.decoderStart = task.decoder_start_token_id();
  session->encode.endOfText = configToken(config, "eos_token_id");
  session->padding = configToken(config, "pad_token_id");
  if (session->padding < 0)
    session->padding = session->encode.endOfText;
  FTC_ASSIGN_OR_RETURN(session->chat, ChatTemplate::read(session->tokenizerFiles));
  session->encode.chat = session->chat.get();
  if (const abi::Generation *generation = artifact->generation()) {
    session->encode.maxPromptLength =
        static_cast<std::int32_t>(generation->max_source_length());
    // A decoder's prompt and target are limited by what it generates from and to.
    if (session->task->hasTargetText() && session->layout.placement == LabelPlacement::Token) {
      session->encode.maxSeqLength = session->encode.maxPromptLength;
      session->encode.target.maxLength =
          static_cast<std::int32_t>(generation->max_target_length());
    }
  }
  return session;
}

Result<std::unique_ptr<Session>> Session::open(const std::string &artifactPath,
                                               const SessionOptions &options) {
  FTC_ASSIGN_OR_RETURN(std::shared_ptr<Device> device, makeDevice(options.device, options.threads));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, openWithoutDevice(artifactPath));
  session->device = std::move(device);
  session->hostThreads = options.threads ? options.threads
                                         : static_cast<unsigned>(usableCpus().size());
  const ArtifactReader &artifact = *session->artifact;
  ExecutorOptions executorOptions;
  executorOptions.profile = options.profile;
  executorOptions.gradients = options.gradients;
  for (const std::vector<std::string> *programs : {&options.programs, &options.scoringPrograms})
    for (const std::string &program : *programs)
      if (hasProgram(artifact, program) &&
          (programs == &options.programs || session->task->hasTargetText()))
        executorOptions.programs.push_back(program);
  if (executorOptions.programs.empty())
    return Status::error(artifact.name() + ": expected a program '" + options.programs.front() +
                         "', got none; compile it with this version of ftc");
  Result<std::unique_ptr<Executor>> executor =
      Executor::create(session->artifact, session->device, executorOptions);
  if (!executor)
    return executor.takeStatus();
  session->executor = executor.take();
  session->demanded = DemandedRows(*session->executor);
  session->touched = TouchedRows(*session->executor, session->demanded);
  // Kernels shared with training take these counters as arguments even where nothing is random;
  // what a batch counts is nothing before there is one.
  for (std::uint32_t i = 0; i < count(artifact->symbols()); ++i)
    if (const abi::Symbol &symbol = *artifact->symbols()->Get(i); symbol.capacity() == 0)
      session->executor->set(session->executor->symbol(text(symbol.name())), 0);
  session->capacity = {capacityOf(artifact, "tokens"), capacityOf(artifact, "sequences"),
                       capacityOf(artifact, "labelled"), capacityOf(artifact, "target")};
  return session;
}

Status Session::prepareTargets(const ColumnFlags &columns,
                               const std::optional<std::string> &sourcePrefix) {
  if (!task->hasTargetText())
    return Status::ok();
  encode.target.sourcePrefix =
      sourcePrefix.value_or(std::string(text((*artifact)->task()->source_prefix())));
  ColumnFlags all = columnFlags(columns);
  sourceLang = all.sourceLang;
  targetLang = all.targetLang;
  TokenizerOptions options;
  options.modelType = text((*artifact)->model_type());
  if (layout.placement != LabelPlacement::Target ||
      !hasTargetTokenizer(tokenizerFiles, options.modelType))
    return Status::ok();
  options.sourceLanguage = sourceLang;
  options.targetLanguage = targetLang;
  for (bool target : {false, true}) {
    options.target = target;
    Result<std::unique_ptr<Tokenizer>> made = makeTokenizer(tokenizerFiles, options);
    if (!made)
      return made.takeStatus().withContext(artifact->name());
    (target ? targetTokenizer : tokenizer) = made.take();
  }
  encode.target.tokenizer = targetTokenizer.get();
  return Status::ok();
}

void Session::keepLanguages(const DataTable &table, const TaskColumns &columns) {
  if (task->name() != "translation" || !sourceLang.empty() || columns.label < 0)
    return;
  std::string_view source = languageOfColumn(table.columns()[columns.text]);
  std::string_view target = languageOfColumn(table.columns()[columns.label]);
  // What parallel files are called whose names say no language.
  if (source == "source" && target == "target")
    return;
  sourceLang = source;
  targetLang = target;
}

OutputSource Session::outputSource(std::span<const Example> examples, const DataTable &table,
                                   const TaskColumns &columns,
                                   const QuestionSettings &questions) const {
  bool starts = layout.placement == LabelPlacement::Target &&
                (encode.target.decoderStart < 0 || encode.target.decoderStart != padding);
  return {examples, labels, table, columns, questions, padding, starts ? 1 : 0};
}

ColumnFlags Session::columnFlags(const ColumnFlags &given) const {
  ColumnFlags flags = given;
  const abi::Task &compiled = *(*artifact)->task();
  bool pairGiven = !given.sentence1Key.empty() || !given.sentence2Key.empty();
  if (flags.textColumnName.empty() && !pairGiven)
    flags.textColumnName = text(compiled.text_column());
  if (flags.labelColumnName.empty())
    flags.labelColumnName = text(compiled.label_column());
  if (flags.sourceLang.empty() && flags.targetLang.empty()) {
    flags.sourceLang = text(compiled.source_lang());
    flags.targetLang = text(compiled.target_lang());
  }
  return flags;
}

} // namespace ftc::rt
