// Words for a difference: better or worse, and whether so many examples can tell.
#include "runtime/report/Sections.h"

#include <cmath>

namespace ftc::rt {

namespace {

struct Words {
  std::string kind; ///< CSS class: good, bad, open
  std::string head;
  std::string sentences;
};

std::string paragraph(const std::string &escaped) { return "<p>" + escaped + "</p>\n"; }

std::string range(const Interval &interval) {
  return readableNumber(interval.low) + " to " + readableNumber(interval.high);
}

/// "300 examples".
std::string sample(const SampledMetric &metric) {
  return readableCount(metric.units()) + " " + metric.unit;
}

void sayBaseline(const SampledMetric &metric, const MetricNoise &noise, Words &words) {
  if (!noise.baseline || !noise.difference) {
    words.head = "Measured; there is no baseline";
    return;
  }
  double gain = (noise.value - *noise.baseline) * (metric.greaterIsBetter ? 1 : -1);
  Interval difference = *noise.difference;
  if (!metric.greaterIsBetter)
    difference = {-difference.high, -difference.low};
  std::string text = "The baseline, " + isolated(metric.baselineName, 120) + ", reaches " +
                     readableNumber(*noise.baseline) + ". The model is " +
                     readableNumber(std::fabs(gain)) + (gain >= 0 ? " better" : " worse") +
                     " (95 % interval of the difference " + range(difference) + "): ";
  if (!noise.beyondNoise) {
    words.kind = "open";
    words.head = "Not to be told from the baseline";
    text += "<strong>no more than the noise</strong> of " + sample(metric) +
            ". More test data, or more training, would be needed to say more.";
  } else if (gain > 0 && *noise.baseline == 0) {
    // To answer nothing scores nothing: not to do that is no merit yet.
    words.kind = "open";
    words.head = "Above a baseline that cannot score";
    text += "more than the noise of " + sample(metric) + ", but the baseline cannot score.";
  } else if (gain > 0) {
    words.kind = "good";
    words.head = "Better than the baseline";
    text += "<strong>more than the noise</strong> of " + sample(metric) + ".";
  } else {
    words.kind = "bad";
    words.head = "Worse than the baseline";
    text += "more than the noise of " + sample(metric) +
            ". Look at the curves and the data before anything is built on this model.";
  }
  words.sentences += paragraph(text);
}

/// The first evaluation's examples are the last's: to take both for independent overstates the
/// noise, never the gain.
void sayFirst(const ReportMeasure &measure, const std::optional<MetricNoise> &noise,
              Words &words) {
  if (!measure.first || !measure.value || !std::isfinite(*measure.value) ||
      !std::isfinite(measure.first->value))
    return;
  double change = *measure.value - measure.first->value;
  double gain = measure.greaterIsBetter ? change : -change;
  std::string text = "The first evaluation, after step " + readableCount(measure.first->step) +
                     ", gave " + readableNumber(measure.first->value) +
                     ": since then it became " + readableNumber(std::fabs(gain)) +
                     (gain >= 0 ? " better" : " worse");
  if (noise) {
    double margin = std::sqrt(2.0) * (noise->interval.high - noise->interval.low) / 2;
    text += std::fabs(gain) > margin ? ", more than the noise of this test size"
                                     : ", which is within the noise of this test size";
    text += " (±" + readableNumber(margin) + ")";
  }
  words.sentences += paragraph(text + ".");
}

} // namespace

std::string verdictSection(const ReportData &data) {
  const ReportMeasure &measure = data.measure;
  Words words{"open", "Trained, not measured", ""};
  if (!measure.value) {
    words.sentences =
        paragraph("Nothing was measured on data that the model was not trained on. "
                  "Give <code>--validation_file</code> or "
                  "<code>--validation_split_percentage 10</code>.");
  } else {
    std::optional<MetricNoise> noise;
    const std::optional<SampledMetric> &metric = data.findings.metric;
    if (metric)
      noise = measureNoise(*metric);
    std::string text = "<span class=\"figure\"><b>" + readableNumber(*measure.value) + "</b> " +
                       isolated(measure.metric, 80) + "</span>";
    if (noise)
      text +=
          " on " + sample(*metric) + " of the " + escapeHtml(measure.set) + " data; " +
          (noise->interval.low < noise->interval.high
               ? "with 95 % confidence the value on all such texts is " +
                     range(noise->interval) + "."
               : "so few, and all alike, say nothing of how far other texts may be from it.");
    else
      text += " on the " + escapeHtml(measure.set) + " data.";
    words.sentences = paragraph(text);
    if (noise)
      sayBaseline(*metric, *noise, words);
    else
      words.head = "Measured; there is no baseline";
    sayFirst(measure, noise, words);
  }
  return "<section class=\"verdict " + words.kind + "\">\n<h2>" + words.head + "</h2>\n" +
         words.sentences + "</section>\n";
}

} // namespace ftc::rt
