// Reading comes first and whole; encoding streams. A split needs every row's class: where labels
// alone do not say it, it waits for the encoding of the whole training file, whose examples the
// parts then take.
#include "runtime/train/RunData.h"

#include "runtime/data/ParallelText.h"
#include "runtime/support/Sha256.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/Split.h"
#include "runtime/tasks/TaskFlags.h"
#include "runtime/train/Interrupt.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace ftc::rt {

namespace {

/// How often a wait for the encoding looks for signals, seconds.
constexpr double kSignalInterval = 0.1;

/// A CPU that computes waits for the encoding; beside a GPU the cores have nothing else to do.
unsigned encodingThreads(const Session &session) { return std::max(1u, session.hostThreads); }

/// Waits until all is encoded, or a signal comes.
Status waitForAll(ExampleStream &stream) {
  for (;;) {
    FTC_ASSIGN_OR_RETURN(bool encoded, stream.wait(kSignalInterval));
    if (encoded)
      return Status::ok();
    if (int signal = interruptSignal())
      return Status::interrupted(std::string("stopped by ") + interruptName(signal) +
                                 " before the first step; nothing was written");
  }
}

/// What the table's rows fall into, and all their examples where it takes those to know.
struct Strata {
  std::vector<std::int32_t> ofRows;
  std::vector<Example> examples; ///< in the rows' order
};

Result<Strata> stratify(const Session &session, const DataSet &train,
                        const EncodeSettings &settings) {
  Strata strata;
  std::int64_t rows = train.table->rows();
  strata.ofRows.reserve(rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    std::optional<std::int32_t> stratum =
        session.task->stratumOfRow(*train.table, row, train.columns, session.labels);
    if (!stratum)
      break;
    strata.ofRows.push_back(*stratum);
  }
  if (static_cast<std::int64_t>(strata.ofRows.size()) == rows)
    return strata;
  EncodeSource source = encodeSource(session, train, settings);
  source.settings.forOutputs = false;
  source.threads = encodingThreads(session);
  std::unique_ptr<ExampleStream> stream = ExampleStream::start(source, train.rows, {});
  FTC_RETURN_IF_ERROR(waitForAll(*stream));
  strata.examples = stream->take();
  strata.ofRows.assign(rows, 0);
  for (const Example &example : strata.examples)
    strata.ofRows[example.row] = std::max(
        strata.ofRows[example.row], session.task->stratumOfExample(example, session.labels));
  return strata;
}

/// Gives the parts what was encoded to know them, the larger one in place. Of windowed tasks the
/// training part alone: answers are found with more.
void handOut(std::vector<Example> examples, bool windowed, RunData &data) {
  std::vector<bool> validates(data.train->table->rows()), trains(validates.size());
  for (std::int64_t row : data.train->rows)
    trains[row] = true;
  for (std::int64_t row : data.validation->rows)
    validates[row] = true;
  std::size_t most = data.mostTrainingExamples < 0
                         ? examples.size()
                         : static_cast<std::size_t>(data.mostTrainingExamples);
  std::size_t kept = 0;
  std::vector<Example> validating;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    Example example = std::move(examples[i]);
    if (validates[example.row] && !windowed)
      validating.push_back(std::move(example));
    else if (trains[example.row] && kept < most)
      examples[kept++] = std::move(example);
  }
  examples.resize(kept);
  data.train->stream = ExampleStream::of(std::move(examples));
  if (!windowed)
    data.validation->stream = ExampleStream::of(std::move(validating));
}

Status splitTraining(const Session &session, const TrainSettings &settings, RunData &data) {
  DataSet &train = *data.train;
  FTC_ASSIGN_OR_RETURN(Strata strata, stratify(session, train, data.encode));
  Result<RowSplit> split =
      splitStratified(strata.ofRows, static_cast<int>(settings.validationSplitPercentage),
                      static_cast<std::uint64_t>(settings.seed));
  if (!split)
    return split.takeStatus();
  auto validation = std::make_unique<DataSet>();
  validation->path = train.path;
  validation->table = train.table;
  validation->columns = train.columns;
  validation->rows = std::move(split->validation);
  if (settings.maxEvalSamples >= 0 && validation->size() > settings.maxEvalSamples)
    validation->rows.resize(settings.maxEvalSamples);
  train.rows = std::move(split->train);
  std::string unit = session.task->windowed() ? " rows" : " examples";
  data.remarks.push_back("split: " + std::to_string(train.size()) + unit + " to train on, " +
                         std::to_string(validation->size()) + " to validate with");
  data.validation = std::move(validation);
  if (!strata.examples.empty())
    handOut(std::move(strata.examples), session.task->windowed(), data);
  return Status::ok();
}

} // namespace

Status checkFlags(const Session &session, const ColumnFlags &given, bool labelAllTokens) {
  FTC_RETURN_IF_ERROR(checkTaskFlags(*session.task, given, labelAllTokens));
  if (!given.labelDelimiter.empty() && session.task->problemType() != kMultiLabel)
    return Status::usage("--label_delimiter: this artifact was compiled for " +
                         std::string(session.task->problemType()) +
                         "; compile it with the flag (ftc compile --train_file F "
                         "--label_delimiter " +
                         quote(given.labelDelimiter, 10) + ")");
  if (!given.sentence2Key.empty() && !(*session.artifact)->task()->pair())
    return Status::usage("--sentence2_key: this artifact was compiled for single texts; compile "
                         "it for pairs (ftc compile --train_file F --sentence2_key " +
                         quote(given.sentence2Key, 40) + ")");
  return Status::ok();
}

Result<std::string> DataSet::fingerprint() const {
  Sha256 hash;
  auto add = [&](std::string_view bytes) {
    std::uint64_t size = bytes.size();
    hash.update(&size, sizeof size);
    hash.update(bytes);
  };
  add(columns.labelDelimiter);
  std::vector<std::string> items;
  std::vector<int> read{columns.text, columns.pair, columns.label, columns.start};
  read.insert(read.end(), columns.indicators.begin(), columns.indicators.end());
  for (int column : read) {
    hash.update(column < 0 ? "-" : "+");
    for (std::size_t i = 0; i < rows.size() && column >= 0; ++i) {
      CellKind kind = table->kind(rows[i], column);
      hash.update(&kind, sizeof kind);
      table->list(rows[i], column, items);
      add(table->text(rows[i], column));
      add(std::to_string(items.size()));
      for (const std::string &item : items)
        add(item);
      if (kind == CellKind::ObjectList)
        for (const Object &object : table->objects(rows[i], column))
          for (const ObjectMember &member : object) {
            add(member.key);
            add(member.text);
          }
    }
  }
  return hash.finishHex();
}

namespace {

void tellCuts(std::string_view kind, std::string_view what, std::int64_t cut,
              std::int64_t tokens, std::int64_t examples, std::int64_t limit, bool all,
              std::vector<std::string> &lines) {
  if (cut == 0)
    return;
  lines.push_back(std::to_string(cut) + " of " + (all ? "" : "the ") + std::to_string(examples) +
                  " " + std::string(kind) + " " + std::string(what) +
                  (all ? "" : " encoded so far") + " were longer than " + std::to_string(limit) +
                  " tokens and were cut; " + std::to_string(tokens) +
                  (tokens == 1 ? " token was lost" : " tokens were lost"));
}

} // namespace

std::vector<std::string> describeCuts(std::string_view kind, const Cuts &cuts,
                                      std::int64_t examples, const EncodeSettings &settings,
                                      bool all) {
  std::vector<std::string> lines;
  tellCuts(kind, "examples", cuts.examples, cuts.tokens, examples, settings.maxSeqLength, all,
           lines);
  tellCuts(kind, "targets", cuts.targets, cuts.targetTokens, examples, settings.target.maxLength,
           all, lines);
  return lines;
}

void addCuts(OrderedJson &metrics, const std::string &prefix, const Cuts &cuts) {
  for (const auto &[name, count] : {std::pair("_truncated_examples", cuts.examples),
                                    std::pair("_truncated_tokens", cuts.tokens),
                                    std::pair("_truncated_targets", cuts.targets),
                                    std::pair("_truncated_target_tokens", cuts.targetTokens)})
    if (count > 0)
      metrics[prefix + name] = count;
}

EncodeSource encodeSource(const Session &session, const DataSet &set,
                          const EncodeSettings &settings) {
  return {session.task, set.table.get(), set.columns, &session.labels, session.tokenizer.get(),
          settings};
}

Result<std::int64_t> RunData::countTraining(const Session &session) {
  if (!session.task->windowed())
    return train->size();
  FTC_ASSIGN_OR_RETURN(std::span<const Example> examples, encodeTraining(session));
  return static_cast<std::int64_t>(examples.size());
}

Result<std::span<const Example>> RunData::encodeTraining(const Session &session) {
  if (!train->stream) {
    EncodeSource source = encodeSource(session, *train, encode);
    source.settings.forOutputs = false;
    source.threads = encodingThreads(session);
    source.mostExamples = mostTrainingExamples;
    train->stream = ExampleStream::start(source, train->rows, {});
  }
  FTC_RETURN_IF_ERROR(waitForAll(*train->stream));
  return train->stream->all();
}

void RunData::startTraining(const Session &session, std::vector<std::int64_t> order) {
  if (train->stream)
    return;
  train->stream = ExampleStream::start(encodeSource(session, *train, encode), train->rows,
                                       std::move(order));
}

Result<std::unique_ptr<DataSet>> readDataSet(const Session &session,
                                             std::span<const std::string> paths,
                                             const ColumnFlags &columns, bool needLabels,
                                             std::int64_t maxRows) {
  auto set = std::make_unique<DataSet>();
  set->path = paths.empty() ? std::string() : paths.front();
  FTC_ASSIGN_OR_RETURN(DataTable table, readDataFiles(paths, maxRows));
  set->table = std::make_shared<const DataTable>(std::move(table));
  FTC_ASSIGN_OR_RETURN(set->columns, session.task->findColumns(
                                         *set->table, session.columnFlags(columns), needLabels));
  if (!set->columns.indicators.empty() && session.task->problemType() != kMultiLabel)
    return Status::usage("--label_column_name: several columns are labels of their own, and this "
                         "artifact was compiled for " +
                         std::string(session.task->problemType()) +
                         "; compile it with the flag (ftc compile --train_file F "
                         "--label_column_name " +
                         quote(columns.labelColumnName, 40) + ")");
  if (set->table->rows() == 0)
    return Status::error(set->path + ": expected at least one example, got none");
  set->rows.resize(set->table->rows());
  std::iota(set->rows.begin(), set->rows.end(), 0);
  return set;
}

Result<std::unique_ptr<RunData>> readRunData(const Session &session,
                                             const TrainSettings &settings) {
  auto data = std::make_unique<RunData>();
  data->encode = session.encode;
  data->encode.labelAllTokens |= settings.labelAllTokens;
  data->encode.questions = settings.questions;
  data->mostTrainingExamples = settings.maxTrainSamples;
  FTC_ASSIGN_OR_RETURN(data->train, readDataSet(session, settings.trainFile, settings.columns,
                                                true, settings.maxTrainSamples));
  if (!settings.validationFile.empty()) {
    FTC_ASSIGN_OR_RETURN(data->validation,
                         readDataSet(session, settings.validationFile, settings.columns, true,
                                     settings.maxEvalSamples));
  }
  if (!settings.testFile.empty()) {
    FTC_ASSIGN_OR_RETURN(data->test,
                         readDataSet(session, settings.testFile, settings.columns, false,
                                                  settings.maxPredictSamples));
  }
  for (DataSet *set : {data->train.get(), data->validation.get(), data->test.get()})
    if (set)
      FTC_RETURN_IF_ERROR(checkRows(encodeSource(session, *set, data->encode)));
  std::string about =
      session.task->describeLabels(*data->train->table, data->train->columns, session.labels);
  if (!about.empty())
    data->remarks.push_back(about);
  if (settings.validationSplitPercentage > 0)
    FTC_RETURN_IF_ERROR(splitTraining(session, settings, *data));
  for (DataSet *set : {data->validation.get(), data->test.get()})
    if (set && !set->stream)
      set->stream =
          ExampleStream::start(encodeSource(session, *set, data->encode), set->rows, {});
  return data;
}

} // namespace ftc::rt
