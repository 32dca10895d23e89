// DataFacts: what the data files say before any model reads them, and what a tokenizer makes of
// them.
#pragma once

#include "runtime/tasks/LengthSummary.h"
#include "runtime/tasks/Task.h"
#include "runtime/train/RunData.h"

#include <optional>
#include <string>

namespace ftc::assess {

struct LabelCount {
  std::string label;
  std::int64_t count = 0;
};

struct DataFacts {
  std::int64_t trainRows = 0, validationRows = 0, testRows = 0;
  bool split = false;             ///< the evaluation's rows are a part of the training file
  std::vector<LabelCount> labels; ///< of the training rows: classes, or tags other than "O"
  std::int64_t leastOfAClass = 0; ///< rows of the rarest class; 0: no classes
  std::int64_t duplicates = 0;    ///< training rows whose text stood before
  std::int64_t conflicts = 0;     ///< of them, with another label than the first
  std::int64_t leakedValidation = 0, leakedTest = 0; ///< rows whose text is a training row's
  std::int64_t emptyTexts = 0;
  rt::LengthSummary tokens; ///< of a row, not cut
  rt::CutSummary cut;       ///< of training rows (question answering: windowed)
  double unknownShare = 0;  ///< of the tokens of the training rows, unknown to the tokenizer
  double tokensPerWord = 0; ///< tokens for each run of letters between white space
};

/// Counts, labels, duplicates of the training set.
rt::Status countTraining(const rt::Task &task, const rt::DataSet &train, DataFacts &facts);

/// Rows of `set` whose inputs stand in `train` among `rows` of it.
rt::Result<std::vector<std::int64_t>> leakedRows(const rt::DataSet &train,
                                                 std::span<const std::int64_t> rows,
                                                 const rt::DataSet &set);

/// Lengths in tokens, and what the session's maximum cuts.
rt::Status measureLengths(const rt::Session &session, const rt::DataSet &train,
                          DataFacts &facts);

/// `rows` in an order whose beginnings of any length have nearly the classes' shares (of token
/// classification: rows with and without an entity): a seeded shuffle within each stratum, then
/// by rank over the stratum's size.
std::vector<std::int64_t> stratifiedOrder(const rt::Task &task, const rt::DataSet &set,
                                          std::vector<std::int64_t> rows, std::uint32_t seed);

} // namespace ftc::assess
