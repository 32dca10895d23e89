// What the compiler looks at in the training data: the label set and the lengths of examples.
#include "compiler/CompileData.h"

#include "runtime/data/ParallelText.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/LengthSummary.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace ftc {

/// config.json's id2label in id order; empty when absent or the generic LABEL_k.
static std::vector<std::string> checkpointLabels(const nlohmann::ordered_json &config) {
  std::vector<std::string> labels;
  if (!config.contains("id2label") || !config["id2label"].is_object())
    return labels;
  const auto &map = config["id2label"];
  for (std::size_t id = 0; id < map.size(); ++id) {
    auto entry = map.find(std::to_string(id));
    if (entry == map.end() || !entry->is_string())
      return {};
    labels.push_back(entry->get<std::string>());
  }
  for (std::size_t id = 0; id < labels.size(); ++id)
    if (labels[id] != "LABEL_" + std::to_string(id))
      return labels;
  return {};
}

/// The labels of config.json: at least two, none twice.
static rt::Status checkLabels(const std::vector<std::string> &labels) {
  if (labels.size() < 2)
    return rt::Status::error("config.json: id2label has " + std::to_string(labels.size()) +
                             " label, classification needs at least two");
  std::vector<std::string> sorted = labels;
  std::sort(sorted.begin(), sorted.end());
  auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end())
    return rt::Status::error("config.json: id2label has " + rt::quote(*twice, 40) + " twice");
  return {};
}

/// Every label of the file must be among `named`, those of --labels: the first other one is the
/// error, with its line.
static rt::Status checkAmong(const rt::DataTable &table, const rt::TaskColumns &columns,
                             const rt::Task &task, const rt::Tokenizer &tokenizer,
                             const rt::LabelSet &named, const rt::LabelSet &found) {
  bool known = llvm::all_of(found.names(), [&](const std::string &label) {
    return named.find(label) >= 0;
  });
  for (std::int64_t row = 0; !known && row < table.rows(); ++row) {
    rt::Result<rt::Example> example =
        task.encode(table, row, columns, named, tokenizer, {});
    if (!example)
      return example.takeStatus().withContext("--labels");
  }
  return {};
}

/// Without data to look at: what the checkpoint was trained for, unless --labels names classes.
static const rt::Task *taskOfCheckpoint(const rt::Task &named, const CompileOptions &options,
                                        const nlohmann::ordered_json &config) {
  std::string problem;
  if (config.contains("problem_type") && config["problem_type"].is_string())
    problem = config["problem_type"].get<std::string>();
  if (options.columns.regression)
    return named.forProblem(*options.columns.regression ? rt::kRegression : rt::kSingleLabel);
  return named.forProblem(problem == rt::kRegression && !options.labels.empty() ? "" : problem);
}

rt::Result<DataSummary> summarizeData(const CompileOptions &options, const rt::Task &named,
                                      const nlohmann::ordered_json &config,
                                      const rt::Tokenizer &tokenizer,
                                      const rt::EncodeSettings &settings) {
  DataSummary summary;
  rt::DataTable table;
  rt::TaskColumns columns;
  if (options.trainFile.empty()) {
    summary.task = taskOfCheckpoint(named, options, config);
  } else {
    FTC_ASSIGN_OR_RETURN(table, rt::readDataFiles(options.trainFile));
    FTC_ASSIGN_OR_RETURN(columns,
                         named.findColumns(table, options.columns, /*needLabels=*/true));
    FTC_ASSIGN_OR_RETURN(summary.task, named.forData(table, columns));
  }
  const rt::Task &task = *summary.task;
  std::vector<std::string> own = checkpointLabels(config);
  if (!task.hasLabelSet() && !options.labels.empty())
    return rt::Status::usage("--labels: " + options.task +
                             (task.problemType() == rt::kRegression
                                  ? " of real numbers (a regression) has no label set"
                                  : " has no label set"));
  if (options.trainFile.empty() && !task.hasLabelSet()) {
    summary.pair = task.labelPlacement() == rt::LabelPlacement::Sequence;
    return summary;
  }
  if (options.trainFile.empty()) {
    // Without data to look at, both are possible.
    summary.pair = task.labelPlacement() == rt::LabelPlacement::Sequence;
    if (options.labels.empty() && own.empty())
      return rt::Status::usage("--train_file or --labels is missing: the label set is not known "
                               "(config.json has no id2label of its own); give --train_file "
                               "FILE, or --labels A,B,…");
    if (options.labels.empty()) {
      FTC_RETURN_IF_ERROR(checkLabels(own));
      summary.labels = own;
      return summary;
    }
    FTC_ASSIGN_OR_RETURN(rt::LabelSet named, task.labelsFromNames(options.labels, own));
    summary.labels = named.names();
    return summary;
  }
  if (task.problemType() == rt::kRegression)
    FTC_RETURN_IF_ERROR(task.checkTable(table, columns, {}));
  FTC_ASSIGN_OR_RETURN(rt::LabelSet found, task.collectLabels(table, columns, own));
  summary.labels = found.names();
  if (!options.labels.empty()) {
    FTC_ASSIGN_OR_RETURN(rt::LabelSet named, task.labelsFromNames(options.labels, own));
    FTC_RETURN_IF_ERROR(checkAmong(table, columns, task, tokenizer, named, found));
    summary.labels = named.names();
  }
  summary.pair = columns.pair >= 0;
  summary.note = task.describeLabels(table, columns, found);
  FTC_ASSIGN_OR_RETURN(
      summary.sources,
      rt::measureTokens(task, table, columns, tokenizer, settings, &summary.targets));
  const std::vector<std::int64_t> &lengths = summary.sources.lengths;
  const std::vector<std::int64_t> &targetLengths = summary.targets.lengths;
  summary.examples = lengths.size();
  std::int64_t total = 0;
  for (std::int64_t length : lengths) {
    summary.longest = std::max(summary.longest, length);
    total += length;
  }
  if (!lengths.empty())
    summary.meanTokens = (total + lengths.size() - 1) / lengths.size();
  if (!targetLengths.empty())
    summary.meanTarget =
        (std::accumulate(targetLengths.begin(), targetLengths.end(), std::int64_t{0}) +
         targetLengths.size() - 1) /
        targetLengths.size();
  return summary;
}

std::vector<std::string> describeCuts(const DataSummary &data, std::int64_t maxSequence,
                                      std::int64_t maxTarget) {
  std::vector<std::string> lines;
  for (auto [what, lengths, limit] :
       {std::tuple("examples", &data.sources.lengths, maxSequence),
        std::tuple("targets", &data.targets.lengths, maxTarget)}) {
    rt::CutSummary cut = rt::cutBy(*lengths, limit);
    if (cut.rows == 0)
      continue;
    std::string line = std::to_string(cut.rows) + " of " + std::to_string(lengths->size()) +
                       " training " + what + " are longer than " + std::to_string(limit) +
                       " tokens and will ";
    lines.push_back(line + (data.task->windowed()
                                ? "become several windows"
                                : "be cut: " + std::to_string(cut.tokens) +
                                      (cut.tokens == 1 ? " token is lost" : " tokens are lost")));
  }
  return lines;
}

} // namespace ftc
