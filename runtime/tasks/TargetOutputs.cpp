// Targets are the data's own texts, neither cut nor passed through the tokenizer.
#include "runtime/tasks/TargetOutputs.h"

#include "runtime/metrics/Baselines.h"
#include "runtime/metrics/Generation.h"
#include "runtime/metrics/PythonSpace.h"
#include "runtime/metrics/Sentences.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/TextLines.h"

#include <cmath>
#include <cstdio>
#include <optional>

namespace ftc::rt {

namespace {

std::string twoDigits(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.2f", value);
  return digits;
}

/// What a task's scores are, and what to say of them.
struct Scores {
  Metrics metrics;
  std::string lines;
  std::vector<double> sums;     ///< [rows, width] of the main metric
  std::vector<double> eachText; ///< [rows]: the score that a page orders texts by, 0-100
  std::vector<double> baselineSums; ///< [rows, width] of the rows alone
};

/// Sums of corpus BLEU: n-grams that are right, n-grams written, both lengths.
constexpr std::int64_t kBleuWidth = 10;

void appendBleuSums(std::string_view text, std::string_view target, std::vector<double> &sums) {
  Bleu one;
  one.add(text, target);
  BleuScore counts = one.score();
  for (std::int64_t value : counts.correct)
    sums.push_back(static_cast<double>(value));
  for (std::int64_t value : counts.total)
    sums.push_back(static_cast<double>(value));
  sums.push_back(static_cast<double>(counts.hypothesisLength));
  sums.push_back(static_cast<double>(counts.referenceLength));
}

double bleuOfSums(std::span<const double> sums) {
  BleuScore counts;
  for (std::size_t n = 0; n < 4; ++n) {
    counts.correct[n] = std::llround(sums[n]);
    counts.total[n] = std::llround(sums[4 + n]);
  }
  counts.hypothesisLength = std::llround(sums[8]);
  counts.referenceLength = std::llround(sums[9]);
  Bleu bleu;
  bleu.add(counts);
  return bleu.score().score;
}

/// Runs without ASCII white space.
double words(std::string_view text) {
  std::int64_t count = 0;
  bool inside = false;
  for (char c : text) {
    bool space = c == ' ' || (c >= '\t' && c <= '\r');
    count += !space && !inside;
    inside = !space;
  }
  return static_cast<double>(count);
}

/// A row's two texts and what was written, all stripped.
struct Written {
  std::string_view source, target, text;
};

class TargetOutputs : public TaskOutputs {
public:
  explicit TargetOutputs(const OutputSource &source) : source(source) {}

  Status add(std::span<const float>, std::int64_t, std::span<const OutputRow>) override {
    return Status::error("an evaluation of written texts gives losses, got logits");
  }
  void takeLoss(double sum, std::int64_t count) override {
    lossSum += sum;
    counted += count;
  }
  void takeTexts(std::vector<WrittenText> written, bool show) override {
    texts = std::move(written);
    scored.reset();
    showIds = show;
    taken = true;
  }

  Result<Metrics> metrics() const override {
    if (!taken)
      return Metrics{};
    FTC_ASSIGN_OR_RETURN(const Scores *all, scores());
    return all->metrics;
  }

  Result<std::string> report() const override {
    std::string lines;
    if (counted > 0) {
      char loss[96];
      std::snprintf(loss, sizeof loss, "loss %.4f over %lld target tokens\n",
                    lossSum / static_cast<double>(counted), static_cast<long long>(counted));
      lines = loss;
    }
    if (!taken)
      return lines;
    FTC_ASSIGN_OR_RETURN(const Scores *all, scores());
    return lines + all->lines;
  }

  Result<Findings> findings(const DataTable &, const TaskColumns &) const override {
    if (!taken)
      return Findings();
    FTC_ASSIGN_OR_RETURN(const Scores *all, scores());
    Findings found;
    SampledMetric metric = sampled();
    metric.unit = "texts";
    metric.sums = all->sums;
    metric.baseline = all->baselineSums;
    found.metric = std::move(metric);
    PointFinding byLength{.title = eachName() + " by length of the source",
                          .xName = "words of the source",
                          .yName = eachName()};
    PointFinding scoresOf{.kind = PointFinding::Kind::Histogram, .title = "How the texts score", .xName = eachName()};
    PointFinding lengths{.kind = PointFinding::Kind::Histogram, .title = "Lengths of the texts",
                         .xName = "words",
                         .name = "written",
                         .otherName = "target"};
    std::vector<double> badness;
    std::size_t i = 0;
    std::vector<Written> rows;
    FTC_RETURN_IF_ERROR(forEachRow([&](const Written &row) {
      rows.push_back(row);
      double score = all->eachText[i++];
      badness.push_back(100 - score);
      byLength.x.push_back(words(row.source));
      byLength.y.push_back(score);
      scoresOf.x.push_back(score);
      lengths.x.push_back(words(row.text));
      lengths.other.push_back(words(row.target));
      return true;
    }));
    found.points = {std::move(scoresOf), std::move(byLength), std::move(lengths)};
    found.worstBy = "texts of the lowest " + eachName();
    found.valueName = eachName();
    for (std::size_t at : greatest(badness, 0))
      found.worst.push_back({source.examples[at].line, 100 - badness[at],
                             keptText(rows[at].source), {}, keptText(rows[at].target),
                             rows[at].text.empty() ? "(nothing)" : keptText(rows[at].text)});
    return found;
  }

  Result<std::string> predictionLines(const DataTable &, const TaskColumns &) const override {
    return jsonTextLines(texts, showIds);
  }
  Result<std::string> predictionsText(const DataTable &, const TaskColumns &) const override {
    return joinTexts(texts);
  }

protected:
  /// The scores of what was written, and those of the rows alone.
  virtual Result<Scores> score() const = 0;
  virtual Result<Baselines> scoreBaselines() const = 0;
  /// The main metric without its sums.
  virtual SampledMetric sampled() const = 0;
  /// What Scores::eachText holds.
  virtual std::string eachName() const = 0;
  const StopRequest &stopRequest() const { return source.stopped; }

  /// Calls take(Written), which gives false to stop, for each row; fails where a text is
  /// missing, and when stopped.
  template <class Take> Status forEachRow(Take take) const {
    if (texts.size() != source.examples.size())
      return Status::error("expected a text for each of " +
                           std::to_string(source.examples.size()) + " rows, got " +
                           std::to_string(texts.size()));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      std::int64_t row = source.examples[i].row;
      FTC_ASSIGN_OR_RETURN(std::string_view from,
                           readText(source.table, row, source.columns.text));
      FTC_ASSIGN_OR_RETURN(std::string_view to,
                           readText(source.table, row, source.columns.label));
      bool stopped = source.stopped && source.stopped();
      if (stopped || !take(Written{stripSpace(from), stripSpace(to), stripSpace(texts[i].text)}))
        return Status::interrupted("the scoring of texts was stopped");
    }
    return {};
  }

  double meanLength() const {
    GenerationLength length;
    for (const WrittenText &written : texts)
      length.add(written.ids, source.paddingId);
    return texts.empty() ? 0 : length.mean() + static_cast<double>(source.startIds);
  }

private:
  /// score(), once: ROUGE of long texts takes its time.
  Result<const Scores *> scores() const {
    if (!scored) {
      FTC_ASSIGN_OR_RETURN(Scores all, score());
      FTC_ASSIGN_OR_RETURN(Baselines rows, baselines());
      all.metrics.insert(all.metrics.end(), rows.metrics.begin(), rows.metrics.end());
      all.lines += rows.line + "\n";
      all.baselineSums = std::move(rows.sums);
      scored = std::move(all);
    }
    return static_cast<const Scores *>(&*scored);
  }

  /// scoreBaselines(), once for the rows where the caller keeps them.
  Result<Baselines> baselines() const {
    if (source.baselines && *source.baselines)
      return Baselines(**source.baselines);
    FTC_ASSIGN_OR_RETURN(Baselines rows, scoreBaselines());
    if (source.baselines)
      *source.baselines = rows;
    return rows;
  }

  OutputSource source;
  mutable std::optional<Scores> scored;
  std::vector<WrittenText> texts;
  bool taken = false, showIds = false;
  double lossSum = 0;
  std::int64_t counted = 0;
};

void addRouge(Metrics &metrics, const std::string &prefix, const RougeMean &mean) {
  metrics.emplace_back(prefix + "rouge1", 100 * mean.rouge1());
  metrics.emplace_back(prefix + "rouge2", 100 * mean.rouge2());
  metrics.emplace_back(prefix + "rougeL", 100 * mean.rougeL());
  metrics.emplace_back(prefix + "rougeLsum", 100 * mean.rougeLsum());
}

class SummaryOutputs final : public TargetOutputs {
public:
  using TargetOutputs::TargetOutputs;

private:
  SampledMetric sampled() const override {
    return {.name = "rougeL",
            .baselineName = "giving the text's first sentence",
            .width = 2,
            .value = ratioOfSums};
  }
  std::string eachName() const override { return "ROUGE-L"; }
  Result<Scores> score() const override {
    RougeMean mean;
    Scores scores;
    FTC_RETURN_IF_ERROR(forEachRow([&](const Written &row) {
      std::optional<RougeScores> one =
          rouge(oneSentenceALine(row.target), oneSentenceALine(row.text), stopRequest());
      if (one) {
        mean.add(*one);
        scores.eachText.push_back(100 * one->rougeL.f1);
        scores.sums.insert(scores.sums.end(), {scores.eachText.back(), 1});
      }
      return one.has_value();
    }));
    addRouge(scores.metrics, "", mean);
    scores.metrics.emplace_back("gen_len", meanLength());
    scores.lines = "ROUGE-1 " + twoDigits(100 * mean.rouge1()) + ", ROUGE-2 " +
                   twoDigits(100 * mean.rouge2()) + ", ROUGE-L " +
                   twoDigits(100 * mean.rougeL()) + ", ROUGE-Lsum " +
                   twoDigits(100 * mean.rougeLsum()) + "; " + twoDigits(meanLength()) +
                   " ids a text\n";
    return scores;
  }

  Result<Baselines> scoreBaselines() const override {
    LeadBaselines lead;
    Baselines baselines;
    double sum = 0;
    FTC_RETURN_IF_ERROR(forEachRow([&](const Written &row) {
      bool added = lead.add(row.source, row.target, stopRequest());
      double now = lead.lead1().rougeL() * static_cast<double>(lead.lead1().pairs());
      baselines.sums.insert(baselines.sums.end(), {100 * (now - sum), 1});
      sum = now;
      return added;
    }));
    addRouge(baselines.metrics, "baseline_lead1_", lead.lead1());
    addRouge(baselines.metrics, "baseline_lead3_", lead.lead3());
    baselines.line = lead.describe();
    return baselines;
  }
};

class TranslationOutputs final : public TargetOutputs {
public:
  using TargetOutputs::TargetOutputs;
  std::vector<std::pair<std::string, std::string>> signatures() const override {
    return {{"bleu_signature", std::string(Bleu::signature())},
            {"chrf_signature", std::string(Chrf::signature())}};
  }

private:
  SampledMetric sampled() const override {
    return {.name = "bleu",
            .baselineName = "copying the source",
            .width = kBleuWidth,
            .value = bleuOfSums};
  }
  std::string eachName() const override { return "chrF"; }
  Result<Scores> score() const override {
    Bleu bleu;
    Chrf chrf;
    Scores scores;
    FTC_RETURN_IF_ERROR(forEachRow([&](const Written &row) {
      Chrf one;
      one.add(row.text, row.target);
      scores.eachText.push_back(one.score());
      appendBleuSums(row.text, row.target, scores.sums);
      bleu.add(row.text, row.target);
      chrf.add(row.text, row.target);
      return true;
    }));
    scores.metrics = {{"bleu", bleu.score().score},
                      {"chrf", chrf.score()},
                      {"gen_len", meanLength()}};
    scores.lines = "BLEU " + twoDigits(bleu.score().score) + " (" +
                   std::string(Bleu::signature()) + "), chrF " + twoDigits(chrf.score()) +
                   " (" + std::string(Chrf::signature()) + "); " + twoDigits(meanLength()) +
                   " ids a text\n";
    return scores;
  }

  Result<Baselines> scoreBaselines() const override {
    CopyBaseline copy;
    std::vector<double> sums;
    FTC_RETURN_IF_ERROR(forEachRow([&](const Written &row) {
      appendBleuSums(row.source, row.target, sums);
      copy.add(row.source, row.target);
      return true;
    }));
    return Baselines{{{"baseline_bleu", copy.bleu().score().score},
                      {"baseline_chrf", copy.chrf().score()}},
                     copy.describe(),
                     std::move(sums)};
  }
};

} // namespace

std::unique_ptr<TaskOutputs> makeSummaryOutputs(const OutputSource &source) {
  return std::make_unique<SummaryOutputs>(source);
}

std::unique_ptr<TaskOutputs> makeTranslationOutputs(const OutputSource &source) {
  return std::make_unique<TranslationOutputs>(source);
}

} // namespace ftc::rt
