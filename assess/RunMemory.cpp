// Sizes are those of the runtime's own structures; what cannot be counted - pages of code and
// of libraries that a run touches - is a constant that was measured.
#include "assess/RunMemory.h"

namespace ftc::assess {

namespace {

/// Resident pages of ftrt (3.6 MiB), of the C and C++ libraries (7.7) and what they keep on the
/// heap and on stacks (2.0), by smaps of runs of MiniLM on four data sets, x86-64 Linux.
constexpr std::int64_t kProgram = 13900 << 10;
/// Of a vocabulary's entry: texts, ids and tries of MiniLM's 30,522 take 3.6 MiB.
constexpr std::int64_t kVocabularyEntry = 120;
/// Of one of the n best answers in nbest_predictions.json, with its text; the member's text
/// and the file's are there at once.
constexpr std::int64_t kCandidate = 250, kCandidateCopies = 2;

/// Of a row beside its texts and tokens: its places in orders, and figures of the report; what
/// 30,000 rows of a small BERT took more than all else that is counted here.
constexpr std::int64_t kRow = 96;

/// What malloc takes for a vector of so many bytes.
std::int64_t chunk(std::size_t bytes) {
  return bytes == 0
             ? 0
             : std::max<std::int64_t>(32, (static_cast<std::int64_t>(bytes) + 23) / 16 * 16);
}

std::int64_t scaled(std::int64_t bytes, const FileOfRun &file) {
  return file.someRows ? static_cast<std::int64_t>(static_cast<double>(bytes) *
                                                   static_cast<double>(file.rows) /
                                                   static_cast<double>(file.someRows))
                       : 0;
}

} // namespace

std::int64_t exampleBytes(const rt::Example &example, bool forOutputs) {
  auto of = [](const auto &values) { return chunk(values.size() * sizeof(values[0])); };
  return static_cast<std::int64_t>(sizeof example) + of(example.ids) + of(example.typeIds) +
         of(example.labels) + of(example.targetIds) + of(example.targets) +
         of(example.wordIds) + (forOutputs ? of(example.offsets) : 0);
}

RunMemory memoryBesidePlan(const rt::Session &session, std::int64_t artifactBytes,
                           const FileOfRun &train, const FileOfRun &evaluation,
                           const rt::QuestionSettings &questions) {
  RunMemory out;
  out.program = kProgram + artifactBytes;
  if (session.tokenizer)
    out.program += kVocabularyEntry * session.tokenizer->vocabularySize();
  out.texts = kRow * (train.rows + evaluation.rows);
  if (train.table)
    out.texts += train.table->bytes();
  if (evaluation.table && evaluation.table != train.table)
    out.texts += evaluation.table->bytes();
  std::int64_t trained = 0, judged = 0, outputs = 0;
  for (const rt::Example &example : train.some)
    trained += exampleBytes(example, false);
  auto classes = static_cast<std::int64_t>(session.labels.size());
  bool spans = session.layout.placement == rt::LabelPlacement::Span;
  for (const rt::Example &example : evaluation.some) {
    judged += exampleBytes(example, true);
    std::int64_t rows =
        spans ? example.tokens() : example.labelledRows(session.layout.placement);
    outputs += rows * (spans ? 2 : std::max<std::int64_t>(1, classes)) *
               static_cast<std::int64_t>(sizeof(float));
  }
  out.examples = scaled(trained, train) + scaled(judged, evaluation);
  out.evaluated = scaled(outputs, evaluation);
  if (spans)
    out.evaluated += evaluation.rows * questions.nBestSize * kCandidate * kCandidateCopies;
  return out;
}

} // namespace ftc::assess
