// Runs: what an assessment tries in process: compiling a step, training it on some rows, and
// measuring what that gives.
#pragma once

#include "assess/Probe.h"
#include "assess/Scores.h"
#include "compiler/Compile.h"
#include "runtime/train/RunData.h"

#include <optional>

namespace ftc::assess {

/// The run that is asked about: `ftrt run`'s flags of the same names.
struct Recipe {
  double epochs = 3;
  std::int64_t batchSize = 8;
  double learningRate = 5e-5;
  std::int64_t seed = 42;
  unsigned threads = 0;
};

/// A compiled step of one method.
struct CompiledMethod {
  std::string method, artifact;
  /// What the plan holds at once, as ftc inspect --memory says: where each step has one
  /// micro-batch, and where it has several.
  std::int64_t peakBytes = 0, severalPeakBytes = 0;
  std::int64_t trainable = 0, parameters = 0;
  double compileSeconds = 0;
};

/// Compiles `options` with another method into `path`, without a word on stderr.
rt::Result<CompiledMethod> compileMethod(CompileOptions options, const std::string &method,
                                         const std::string &path);

/// Opens it with the programs that it has of `programs`, and loads its initial weights.
rt::Result<std::unique_ptr<rt::Session>> openSession(const CompiledMethod &compiled,
                                                     const Recipe &recipe,
                                                     std::vector<std::string> programs,
                                                     std::vector<std::string> scoring = {});

/// Rows of one table, encoded in an order of their own.
struct EncodedRows {
  const rt::DataSet *set = nullptr;
  std::vector<std::int64_t> rows; ///< of the table, in the order of the examples
  std::unique_ptr<rt::ExampleStream> stream;
  std::vector<std::int64_t> ends; ///< [rows + 1]: examples before row i

  std::span<const rt::Example> all() const { return stream->all(); }
  /// The examples of the first `count` rows.
  std::span<const rt::Example> first(std::int64_t count) const { return between(0, count); }
  /// Those of the rows [begin, end).
  std::span<const rt::Example> between(std::int64_t begin, std::int64_t end) const {
    return stream->all().subspan(ends[begin], ends[end] - ends[begin]);
  }
};
rt::Result<EncodedRows> encodeRows(const rt::Session &session, const rt::DataSet &set,
                                   const rt::QuestionSettings &questions,
                                   std::vector<std::int64_t> rows);

/// One training run in process.
struct Trained {
  std::int64_t examples = 0, steps = 0, tokens = 0; ///< seen
  std::int64_t updates = 0; ///< steps that changed the weights: a label counted, all was finite
  double seconds = 0;                               ///< of its steps
  std::vector<double> secondsPerToken; ///< of each step but the first, which touches all memory
  bool finite = true;
  /// Seconds that a token takes: the median step's, which a machine that stood still for some
  /// leaves as it is; of fewer than four steps the mean of all.
  double perToken() const;
  /// Adds what another run, or a later part of this one, did.
  void add(const Trained &later);
};

/// How a training run goes, beside its recipe.
struct Course {
  const char *schedule = "linear"; ///< of the rate; one of rt::Schedule's names
  std::int64_t mostSteps = 0;      ///< > 0: stops early
  /// Steps that the session has had, and updates among them: dropout's masks go on from the
  /// first, bias corrections from the second.
  std::int64_t steps = 0, updates = 0;
  std::string keepIn = {};         ///< directory for what a frozen trunk gives, between epochs
};

/// Trains `session` on `examples` as `ftrt run` does with the recipe: batches in the order of
/// the seed, and a session freshly opened and the linear schedule to 0 over all steps, unless
/// `course` says otherwise.
rt::Result<Trained> trainRows(rt::Session &session, std::span<const rt::Example> examples,
                              const Recipe &recipe, const rt::StopRequest &stopped,
                              const Course &course = {});

/// Whether the head that `headSession`'s artifact trains is one linear layer of the probe's
/// shape.
bool isLinearHead(const rt::Session &headSession, const LinearProbe &probe);

/// The weights of a probe as the model's head, where that is one linear layer; false where it
/// is not, and nothing was done.
rt::Result<bool> setHead(rt::Session &session, const rt::Session &headSession,
                         const LinearProbe &probe);

/// A head of several layers, fitted on frozen features by the steps of its own artifact: twenty
/// passes at a rate of 1e-3, what the trunk gives kept in `directory`. The session evaluates
/// too.
rt::Result<std::unique_ptr<rt::Session>>
fitHead(const CompiledMethod &head, std::span<const rt::Example> examples, const Recipe &recipe,
        const std::string &directory, const rt::StopRequest &stopped);
/// Every parameter that `fitted` trains, as it is there, into the session of another method.
rt::Status copyHead(rt::Session &session, const rt::Session &fitted);

/// Runs `evaluate` over `examples`, which are all of the rows' in `rows`.
struct Evaluated {
  Score score;
  double loss = 0, seconds = 0;
};
rt::Result<Evaluated>
evaluateRows(rt::Session &session, const rt::DataSet &set,
             std::span<const rt::Example> examples, std::span<const std::int64_t> rows,
             const MetricChoice &metric, const rt::QuestionSettings &questions,
             const rt::GenerationFlags &generation, const rt::StopRequest &stopped,
             std::span<const std::int32_t> permutation = {});

} // namespace ftc::assess
