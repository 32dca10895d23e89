// Files and models opened, and the rows that are evaluated with.
#include "assess/Assessor.h"

#include "runtime/support/Text.h"
#include "runtime/train/TrunkCache.h"

#include <unordered_set>

namespace ftc::assess {

rt::Status Assessor::open(Opened &opened, const std::string &model, std::size_t index) {
  opened.compile = options.compile;
  opened.compile.model = model;
  std::string stem = "model" + std::to_string(index);
  FTC_ASSIGN_OR_RETURN(const rt::Task *named, rt::findTask(options.compile.task));
  std::vector<std::string> programs{rt::kTrunk, "evaluate"};
  say("compiling " + model);
  if (!named->hasTargetText()) {
    FTC_ASSIGN_OR_RETURN(opened.head,
                         compileMethod(opened.compile, "head", scratch->file(stem + ".ftb")));
    FTC_ASSIGN_OR_RETURN(opened.session, openSession(*opened.head, options.recipe, programs));
    opened.session->encode.questions = options.questions;
    return rt::Status::ok();
  }
  FTC_ASSIGN_OR_RETURN(opened.tuned,
                       compileMethod(opened.compile, options.method,
                                     scratch->file("tuned" + std::to_string(index) + ".ftb")));
  FTC_ASSIGN_OR_RETURN(opened.session, openSession(*opened.tuned, options.recipe, {"evaluate"},
                                                   {"prefill", "decode"}));
  return rt::Status::ok();
}

rt::Status Assessor::readData(Opened &first) {
  rt::Session &session = *first.session;
  task = session.task;
  const rt::ColumnFlags &columns = options.compile.columns;
  FTC_ASSIGN_OR_RETURN(trainSet,
                       rt::readDataSet(session, options.compile.trainFile, columns, true, -1));
  for (auto [files, set] : {std::pair(&options.validationFile, &validationSet),
                            std::pair(&options.testFile, &testSet)})
    if (!files->empty()) {
      FTC_ASSIGN_OR_RETURN(
          *set, rt::readDataSet(session, *files, columns, set == &validationSet, -1));
    }
  rt::EncodeSettings settings = session.encode;
  settings.questions = options.questions;
  for (rt::DataSet *set : {trainSet.get(), validationSet.get()})
    if (set)
      FTC_RETURN_IF_ERROR(rt::checkRows(rt::encodeSource(session, *set, settings)));
  FTC_ASSIGN_OR_RETURN(result.metric,
                       chooseMetric(*task, session.labels, options.questions, options.metric));
  FTC_RETURN_IF_ERROR(countTraining(*task, *trainSet, result.data));
  FTC_RETURN_IF_ERROR(measureLengths(session, *trainSet, result.data));
  result.data.validationRows = validationSet ? validationSet->size() : 0;
  result.data.testRows = testSet ? testSet->size() : 0;
  if (testSet) {
    FTC_ASSIGN_OR_RETURN(std::vector<std::int64_t> again,
                         leakedRows(*trainSet, trainSet->rows, *testSet));
    result.data.leakedTest = static_cast<std::int64_t>(again.size());
  }
  return placeEvaluation(session);
}

rt::Status Assessor::placeEvaluation(const rt::Session &session) {
  auto seed = static_cast<std::uint32_t>(options.recipe.seed);
  std::unordered_set<std::int64_t> leaked;
  if (validationSet) {
    FTC_ASSIGN_OR_RETURN(std::vector<std::int64_t> again,
                         leakedRows(*trainSet, trainSet->rows, *validationSet));
    leaked.insert(again.begin(), again.end());
    result.data.leakedValidation = static_cast<std::int64_t>(leaked.size());
    std::vector<std::int64_t> clean;
    for (std::int64_t row : validationSet->rows)
      if (!leaked.count(row))
        clean.push_back(row);
    bool enough = static_cast<std::int64_t>(clean.size()) >=
                  std::max<std::int64_t>(30, validationSet->size() / 10);
    if (enough || leaked.empty()) {
      result.leakedLeftOut = result.data.leakedValidation;
      evaluationSet = validationSet.get();
      result.evaluationSource = "the validation file";
      evaluationOrder = stratifiedOrder(*task, *validationSet, std::move(clean), seed + 1);
      trainOrder = stratifiedOrder(*task, *trainSet, trainSet->rows, seed);
      return rt::Status::ok();
    }
    result.notes.push_back(
        std::to_string(leaked.size()) + " of " + std::to_string(validationSet->size()) +
        " validation rows are training rows: it is not used, a part of the training file is");
  }
  // A part of the training file, without the texts that the rest has too.
  leaked.clear();
  std::vector<std::int64_t> order = stratifiedOrder(*task, *trainSet, trainSet->rows, seed);
  auto size = static_cast<std::int64_t>(order.size());
  std::int64_t held = std::max<std::int64_t>(1, size * options.validationSplitPercentage / 100);
  heldOut = std::make_unique<rt::DataSet>();
  heldOut->path = trainSet->path;
  heldOut->table = trainSet->table;
  heldOut->columns = trainSet->columns;
  heldOut->rows.assign(order.end() - held, order.end());
  trainOrder.assign(order.begin(), order.end() - held);
  FTC_ASSIGN_OR_RETURN(std::vector<std::int64_t> again,
                       leakedRows(*trainSet, trainOrder, *heldOut));
  leaked.insert(again.begin(), again.end());
  result.leakedLeftOut = 0;
  std::vector<std::int64_t> clean;
  for (std::int64_t row : heldOut->rows)
    if (!leaked.count(row))
      clean.push_back(row);
  result.leakedLeftOut = static_cast<std::int64_t>(heldOut->rows.size() - clean.size());
  result.data.split = true;
  result.evaluationSource =
      std::to_string(options.validationSplitPercentage) + " % of the training file";
  evaluationSet = heldOut.get();
  evaluationOrder = stratifiedOrder(*task, *heldOut, std::move(clean), seed + 1);
  if (evaluationOrder.empty())
    return rt::Status::error(trainSet->path +
                             ": expected rows to evaluate with that are not training rows too, "
                             "got none; give a --validation_file");
  return rt::Status::ok();
}

} // namespace ftc::assess
