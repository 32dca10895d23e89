// Task: from the rows of a data file to examples and labels, and from a model's outputs to
// metrics and predictions. One file a task; TaskRegistry.cpp lists them.
#pragma once

#include "runtime/data/DataTable.h"
#include "runtime/support/StopRequest.h"
#include "runtime/tasks/Example.h"
#include "runtime/tasks/Findings.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <memory>
#include <optional>
#include <span>

namespace ftc::rt {

struct OutputRow;
class ChatTemplate;

/// Column names given on the command line; empty where none was given.
struct ColumnFlags {
  std::string textColumnName{};
  std::string labelColumnName{};
  std::string sentence1Key{};
  std::string sentence2Key{};
  /// What stands between the labels of a text that has several; empty: labels are not split.
  std::string labelDelimiter{};
  std::optional<bool> regression{}; ///< --do_regression; absent: the labels decide
  std::string textColumn{};    ///< summarization: the text
  std::string summaryColumn{}; ///< summarization: its summary
  std::string sourceLang{};    ///< translation's columns, and the languages of mBART's tokenizer
  std::string targetLang{};
};

/// The columns of one table that a task reads; -1 where there is none.
struct TaskColumns {
  int text = -1;  ///< the text, the first sentence, the list of tokens, or the question
  int pair = -1;  ///< the second sentence, or the question's context
  int label = -1; ///< the label, the list of tags, the answers' texts, or the target text
  int start = -1; ///< where the answers start in the context
  int id = -1;    ///< the question's id
  bool chat = false; ///< `text` holds conversations (ChatMessages.h)
  std::string labelDelimiter{}; ///< as ColumnFlags'
  std::optional<bool> regression{}; ///< as ColumnFlags'
  /// Columns of 0 and 1, one a label, which they are named after; `label` is the first of them.
  std::vector<int> indicators{};
};

/// Class ids 0 … n-1 and the text of each label as it stands in the data (id2label).
class LabelSet {
public:
  LabelSet() = default;
  /// `names` in class order, without repetitions.
  explicit LabelSet(std::vector<std::string> names) : labels(std::move(names)) { index(); }

  const std::vector<std::string> &names() const { return labels; }
  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
  /// Class id of a label, or -1.
  std::int32_t find(std::string_view label) const;
  /// The labels for an error message: quoted, comma-separated, the first few and a count.
  std::string listing() const;

private:
  void index();
  std::vector<std::string> labels;
  std::vector<std::int32_t> byText; ///< class ids sorted by text
};

/// The labels of one row: one, those that it has, or one a word.
struct RowLabels {
  std::vector<std::string> names;
  bool integers = false; ///< the file types them as whole numbers
};

/// Question answering's flags, with Hugging Face's defaults.
struct QuestionSettings {
  std::int64_t docStride = 128;      ///< tokens that neighbouring windows share
  std::int64_t nBestSize = 20;       ///< starts and ends looked at in each window
  std::int64_t maxAnswerLength = 30; ///< tokens
  bool version2WithNegative = false; ///< questions may have no answer
  double nullScoreDiffThreshold = 0; ///< no answer when its score is better by more
};

/// How examples of a source and a target text are made.
struct TargetSettings {
  const Tokenizer *tokenizer = nullptr; ///< of the target; null: as the source's
  std::int32_t maxLength = 0;           ///< of the target, special tokens counted; 0: never cut
  std::int32_t decoderStart = -1;       ///< an encoder-decoder's; -1: the target's last token
  std::string sourcePrefix{};           ///< put before every source ("summarize: ")
};

struct EncodeSettings {
  /// Special tokens counted; 0: never cut. With target texts it is --max_source_length.
  std::int32_t maxSeqLength = 0;
  bool labelAllTokens = false;   ///< token classification: later sub-words carry labels too
  std::int32_t endOfText = -1;   ///< the id that ends what a decoder writes; -1: none
  std::int32_t maxPromptLength = 0; ///< tokens that generation may begin with; 0: never cut
  const ChatTemplate *chat = nullptr; ///< the model's, for messages; null: it has none
  QuestionSettings questions{};
  TargetSettings target{};
  bool forOutputs = true; ///< false: for training alone, without what outputs are read with
  bool modelKnown = true; ///< false: data is checked by itself, so `chat` says nothing
};

/// A metric's name, without "eval_", and its value.
using Metrics = std::vector<std::pair<std::string, double>>;

/// What the rows alone score, without a model: metrics, and a line of them for people.
struct Baselines {
  Metrics metrics;
  std::string line;
  /// [rows, width of findings()'s metric]: the sums of each row, where the task has them.
  std::vector<double> sums;
};

/// What a collector of outputs is made for; the caller keeps all of it.
struct OutputSource {
  std::span<const Example> examples; ///< of encodeExamples or encodeForPrediction
  const LabelSet &labels;
  const DataTable &table; ///< that the examples are rows of
  TaskColumns columns{};
  QuestionSettings questions{};
  std::int32_t paddingId = -1; ///< of written texts; -1: none
  /// Ids that are not padding and stand before those of a WrittenText in what transformers'
  /// generate gives: an encoder-decoder's start token.
  std::int64_t startIds = 0;
  /// Asked while texts are scored: metrics() and report() are then Code::Interrupted.
  StopRequest stopped{};
  /// Where the baselines of texts stay for the next evaluation of these rows; null: nowhere.
  std::optional<Baselines> *baselines = nullptr;
};

/// What a model wrote for one row.
struct WrittenText {
  std::string text;              ///< special tokens left out
  std::vector<std::int32_t> ids; ///< all tokens, the end token included
};

/// A file that an evaluation leaves in --output_dir.
struct TaskFile {
  std::string name; ///< without "eval_" or "predict_"
  std::string text;
};

/// Collects the outputs of an evaluation or a prediction run over `examples`, whose order and
/// lifetime the caller keeps. Outputs may come in any order and in any number of parts.
class TaskOutputs {
public:
  virtual ~TaskOutputs() = default;

  /// Takes `logits` [rows.size(), classes]: rows[i] says whose output row i is, `example`
  /// counting within `examples`. Rows of tokens that carry no label (or, for predictions, are
  /// no word's first) are ignored, so a program may give one row a token. Fails on a value
  /// that is not finite, naming the line.
  virtual Status add(std::span<const float> logits, std::int64_t classes,
                     std::span<const OutputRow> rows) = 0;

  /// Tasks that generate: text i is what was written for row i of those predicted.
  /// `showIds`: predictionLines has their ids too.
  virtual void takeTexts(std::vector<WrittenText>, bool /*showIds*/) {}

  /// The sum of the row losses of an evaluation and the labels that counted: what tasks without
  /// logits have their metrics from.
  virtual void takeLoss(double, std::int64_t) {}

  /// The row losses of each example, summed: [examples], before takeLoss. Not called where a
  /// program's losses belong to no single example.
  virtual void takeExampleLosses(std::vector<double>) {}

  /// How metrics were computed, by name without "eval_": sacreBLEU's signatures.
  virtual std::vector<std::pair<std::string, std::string>> signatures() const { return {}; }

  /// The task's metrics against the labels of `examples`, in a fixed order, values in 0-1
  /// (counts aside; question answering: 0-100). They mean something only if the examples were
  /// encoded with labels. Fails when an output is missing.
  virtual Result<Metrics> metrics() const = 0;

  /// A few lines for people: baseline, scores of each class or type, largest confusions.
  virtual Result<std::string> report() const = 0;

  /// For a page that a person looks at: the main metric's sums, tables, plots and the worst
  /// examples against the labels. Fails as metrics() does.
  virtual Result<Findings> findings(const DataTable &, const TaskColumns &) const {
    return Findings();
  }

  /// `ftrt predict`'s JSON lines, one a row of the table, in order.
  virtual Result<std::string> predictionLines(const DataTable &table,
                                              const TaskColumns &columns) const = 0;

  /// The text of `predictions.txt` (tasks that generate: `generated_predictions.txt`), or empty
  /// when the task writes no such file.
  virtual Result<std::string> predictionsText(const DataTable &, const TaskColumns &) const {
    return std::string();
  }

  /// Further files of the task (question answering's predictions).
  virtual Result<std::vector<TaskFile>> files() const { return std::vector<TaskFile>(); }
};

/// transformers' problem_type of text classification: it decides loss, outputs and metrics.
constexpr std::string_view kSingleLabel = "single_label_classification";
constexpr std::string_view kMultiLabel = "multi_label_classification";
constexpr std::string_view kRegression = "regression";

/// Stateless; the registry's objects live for the whole program.
class Task {
public:
  virtual ~Task() = default;

  /// Hugging Face's task tag, as `--task` takes it.
  virtual std::string_view name() const = 0;
  /// config.json's problem_type; empty where the task has none.
  virtual std::string_view problemType() const { return {}; }
  /// The task of this name for a problem_type: itself where it knows no other.
  virtual const Task *forProblem(std::string_view) const { return this; }
  /// The task of this name that fits the labels of training data. Fails on a label that is of
  /// another kind than the rest of its column.
  virtual Result<const Task *> forData(const DataTable &, const TaskColumns &) const {
    return this;
  }
  /// The same where forData fails: the task that most of the rows fit, so that the others can be
  /// told one by one.
  virtual const Task *forMostRows(const DataTable &, const TaskColumns &) const { return this; }
  /// The task of this name for models that are decoders alone: itself where it knows no other.
  virtual const Task *forDecoder() const { return this; }
  virtual LabelPlacement labelPlacement() const = 0;
  /// False when there are no classes: the label set is empty and `--labels` means nothing.
  virtual bool hasLabelSet() const { return true; }
  /// Values that the model gives for each row of logits; 0 where it gives losses alone.
  virtual std::int64_t outputWidth(const LabelSet &labels) const { return labels.size(); }
  /// Numbers that an example's loss is taken against (Example::targets); 0: it has labels.
  virtual std::int64_t targetWidth(const LabelSet &) const { return 0; }
  /// True when texts are written: the artifact has programs that generate.
  virtual bool generates() const { return false; }
  /// True when a row has a text to write (TaskColumns::label) beside the one to read, so that
  /// evaluations generate and compare: summarization and translation.
  virtual bool hasTargetText() const { return false; }
  /// True when a row may give several examples, whose number only encoding tells.
  virtual bool windowed() const { return false; }

  /// Finds the task's columns by the flags, else by their usual names. Without `needLabels`
  /// a missing label column is no error unless a flag names it. Errors list the columns
  /// present.
  virtual Result<TaskColumns> findColumns(const DataTable &table, const ColumnFlags &flags,
                                          bool needLabels) const = 0;

  /// The label set of training data: integers sorted numerically, other labels by code
  /// point. `checkpointLabels` (config.json's id2label in order, or empty) gives the order
  /// where the task keeps the checkpoint's own. Fails on fewer than two labels, and on a
  /// label that is empty or missing, with its line.
  virtual Result<LabelSet>
  collectLabels(const DataTable &table, const TaskColumns &columns,
                std::span<const std::string> checkpointLabels) const = 0;

  /// The label set of `--labels`, in the order that collectLabels would give the same labels.
  /// Fails on fewer than two, an empty one, or one given twice (exit code 2).
  virtual Result<LabelSet>
  labelsFromNames(std::vector<std::string> names,
                  std::span<const std::string> checkpointLabels) const = 0;

  /// Encodes one row, cut to settings.maxSeqLength (Example::truncated counts). With
  /// columns.label == -1 the example wants outputs but has no labels (all 0 where wanted).
  /// Fails on a label that `labels` lacks, naming file, line, label and the known ones.
  /// Windowed tasks: the row's first window.
  virtual Result<Example> encode(const DataTable &table, std::int64_t row,
                                 const TaskColumns &columns, const LabelSet &labels,
                                 const Tokenizer &tokenizer,
                                 const EncodeSettings &settings) const = 0;

  /// Appends the examples that one row trains and evaluates with: encode's one, or all windows.
  virtual Status encodeExamples(const DataTable &table, std::int64_t row,
                                const TaskColumns &columns, const LabelSet &labels,
                                const Tokenizer &tokenizer, const EncodeSettings &settings,
                                std::vector<Example> &out) const;

  /// Tasks with a label set: whether encode would take the row's labels, told without encoding.
  virtual bool knowsLabels(const DataTable &, std::int64_t, const TaskColumns &,
                           const LabelSet &) const {
    return true;
  }

  /// What is wrong with one row whatever the label set, found without encoding it: the error that
  /// encode would give, with its line. Without a label column the inputs alone are looked at.
  virtual Status checkRow(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                          const EncodeSettings &settings) const = 0;

  /// checkRow of every row, and what rows can have wrong with one another; the first error.
  virtual Status checkTable(const DataTable &table, const TaskColumns &columns,
                            const EncodeSettings &settings) const;

  /// Tasks with a label set: a row's labels as they stand in the data, `names` cleared first. Fails
  /// as collectLabels does on that row.
  virtual Status readRowLabels(const DataTable &, std::int64_t, const TaskColumns &,
                               RowLabels &out) const {
    out.names.clear();
    return {};
  }

  /// Tasks with target texts: whether the settings' lengths have room for what stands around
  /// every text, and in a decoder's prompt for a token of the source. Fails with exit code 2.
  virtual Status checkRoom(const Tokenizer &, const EncodeSettings &) const { return {}; }

  /// Appends the examples of one row for `ftrt predict`; labels in the data are not read.
  /// Token classification: overlapping windows, together wanting each word's first sub-word
  /// exactly once. Tasks that generate: the prompt alone, cut to settings.maxPromptLength (the
  /// source, for encoder-decoders).
  /// Other tasks: encodeExamples' own.
  virtual Status encodeForPrediction(const DataTable &table, std::int64_t row,
                                     const TaskColumns &columns, const Tokenizer &tokenizer,
                                     const EncodeSettings &settings,
                                     std::vector<Example> &out) const = 0;

  /// A collector of outputs; what `source` refers to must outlive it, but for the label set.
  virtual std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const = 0;

  /// A sentence about the label set that a person should read (the tagging scheme, mostly),
  /// or empty.
  virtual std::string describeLabels(const DataTable &table, const TaskColumns &columns,
                                     const LabelSet &labels) const = 0;

  /// The stratum of a training row for splitStratified, where its labels alone say it: its class,
  /// for several labels the first of them, 0 for tasks without classes. Nothing for token
  /// classification and question answering, whose labels may lie in what is cut off.
  virtual std::optional<std::int32_t> stratumOfRow(const DataTable &, std::int64_t,
                                                   const TaskColumns &,
                                                   const LabelSet &) const {
    return 0;
  }
  /// The same of an encoded example: for token classification whether it has a label other than
  /// "O", for question answering whether it holds an answer. A row of several takes the largest.
  virtual std::int32_t stratumOfExample(const Example &, const LabelSet &) const { return 0; }

  /// True when byte-level BPE must be given a prefix space (input is split into words).
  virtual bool needsPrefixSpace() const = 0;
};

/// The task of that name, or an error that lists the known ones (exit code 2).
Result<const Task *> findTask(std::string_view name);

/// Every task's name, in the registry's order.
std::vector<std::string_view> taskNames();

/// The examples of a whole table with what was cut.
struct EncodedTable {
  std::vector<Example> examples;
  Cuts cuts;
  std::int64_t longest = 0;          ///< tokens of the longest example, after cutting
};

/// Fails, with file and line, on an example without a token: no program could read it.
Status checkTokens(const DataTable &table, const Example &example);

/// encodeExamples over every row, in order, keeping at most `maxRows` (< 0: all).
Result<EncodedTable> encodeTable(const Task &task, const DataTable &table,
                                 const TaskColumns &columns, const LabelSet &labels,
                                 const Tokenizer &tokenizer, const EncodeSettings &settings,
                                 std::int64_t maxRows = -1);

/// encodeForPrediction over every row, in order.
Result<EncodedTable> encodeTableForPrediction(const Task &task, const DataTable &table,
                                              const TaskColumns &columns,
                                              const Tokenizer &tokenizer,
                                              const EncodeSettings &settings);

/// What a stream of tokens has over a table's rows, encoded without cutting.
struct TokenStatistics {
  std::vector<std::int64_t> lengths;  ///< by row
  std::vector<std::int32_t> earliest; ///< by id: its first position in any row; kNowhere: none

  static constexpr std::int32_t kNowhere = INT32_MAX;
};

/// Of every row (`settings` do not ask to cut): what the compiler wants to know of the training
/// data. `target` receives that of the decoder's inputs, where the task has any.
Result<TokenStatistics> measureTokens(const Task &task, const DataTable &table,
                                      const TaskColumns &columns, const Tokenizer &tokenizer,
                                      const EncodeSettings &settings = {},
                                      TokenStatistics *target = nullptr);

} // namespace ftc::rt
