// Reading comes first and whole; encoding streams. A split needs every example's class, so it
// alone waits for the encoding of the whole training file.
#include "runtime/train/RunData.h"

#include "runtime/support/Text.h"
#include "runtime/tasks/Split.h"

#include <numeric>

namespace ftc::rt {

namespace {

Status splitTraining(const Session &session, const TrainSettings &settings, RunData &data) {
  DataSet &train = *data.train;
  std::unique_ptr<ExampleStream> stream =
      ExampleStream::start(encodeSource(session, train, data.encode), train.rows, {});
  Result<bool> encoded = stream->wait(-1);
  if (!encoded)
    return encoded.takeStatus();
  std::vector<std::int32_t> strata;
  for (const Example &example : stream->all())
    strata.push_back(session.task->stratum(example, session.labels));
  Result<RowSplit> split =
      splitStratified(strata, static_cast<int>(settings.validationSplitPercentage),
                      static_cast<std::uint64_t>(settings.seed));
  if (!split)
    return split.takeStatus().withContext("--validation_split_percentage");
  auto validation = std::make_unique<DataSet>();
  validation->path = train.path;
  validation->table = train.table;
  validation->columns = train.columns;
  validation->rows = std::move(split->validation);
  if (settings.maxEvalSamples >= 0 && validation->size() > settings.maxEvalSamples)
    validation->rows.resize(settings.maxEvalSamples);
  train.rows = std::move(split->train);
  data.remarks.push_back("split: " + std::to_string(train.size()) + " examples to train on, " +
                         std::to_string(validation->size()) + " to validate with");
  data.validation = std::move(validation);
  return Status::ok();
}

} // namespace

EncodeSource encodeSource(const Session &session, const DataSet &set,
                          const EncodeSettings &settings) {
  return {session.task, &set.table, set.columns, &session.labels, session.tokenizer.get(),
          settings};
}

void RunData::startTraining(const Session &session, std::vector<std::int64_t> order) {
  train->stream = ExampleStream::start(encodeSource(session, *train, encode), train->rows,
                                       std::move(order));
}

Result<std::unique_ptr<DataSet>> readDataSet(const Session &session, const std::string &path,
                                             const ColumnFlags &columns, bool needLabels,
                                             std::int64_t maxRows) {
  auto set = std::make_unique<DataSet>();
  set->path = path;
  FTC_ASSIGN_OR_RETURN(set->table, readDataFile(path, maxRows));
  FTC_ASSIGN_OR_RETURN(set->columns, session.task->findColumns(
                                         set->table, session.columnFlags(columns), needLabels));
  if (set->table.rows() == 0)
    return Status::error(path + ": expected at least one example, found none");
  set->rows.resize(set->table.rows());
  std::iota(set->rows.begin(), set->rows.end(), 0);
  return set;
}

Result<std::unique_ptr<RunData>> readRunData(const Session &session,
                                             const TrainSettings &settings) {
  auto data = std::make_unique<RunData>();
  data->encode = session.encode;
  data->encode.labelAllTokens |= settings.labelAllTokens;
  FTC_ASSIGN_OR_RETURN(data->train, readDataSet(session, settings.trainFile, settings.columns,
                                                true, settings.maxTrainSamples));
  if (!settings.validationFile.empty()) {
    FTC_ASSIGN_OR_RETURN(data->validation,
                         readDataSet(session, settings.validationFile, settings.columns, true,
                                     settings.maxEvalSamples));
  }
  if (!settings.testFile.empty()) {
    FTC_ASSIGN_OR_RETURN(data->test,
                         readDataSet(session, settings.testFile, settings.columns, false, -1));
  }
  for (DataSet *set : {data->train.get(), data->validation.get(), data->test.get()})
    if (set)
      FTC_RETURN_IF_ERROR(checkRows(encodeSource(session, *set, data->encode)));
  std::string about =
      session.task->describeLabels(data->train->table, data->train->columns, session.labels);
  if (!about.empty())
    data->remarks.push_back(about);
  if (settings.validationSplitPercentage > 0)
    FTC_RETURN_IF_ERROR(splitTraining(session, settings, *data));
  for (DataSet *set : {data->validation.get(), data->test.get()})
    if (set)
      set->stream =
          ExampleStream::start(encodeSource(session, *set, data->encode), set->rows, {});
  return data;
}

} // namespace ftc::rt
