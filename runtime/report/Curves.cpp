// Curves of log_history, whose entries hold some of the names at some of the steps.
#include "runtime/report/Sections.h"

#include "runtime/report/Chart.h"

#include <limits>

namespace ftc::rt {

namespace {

/// A name's values over steps; null, which JSON has for what is not finite, interrupts a curve.
ChartSeries seriesOf(const OrderedJson &history, const std::string &key, std::string name) {
  ChartSeries out{std::move(name), {}};
  for (const OrderedJson &entry : history)
    if (entry.contains(key) && entry.contains("step") && entry["step"].is_number())
      out.points.emplace_back(entry["step"].get<double>(),
                              entry[key].is_number()
                                  ? entry[key].get<double>()
                                  : std::numeric_limits<double>::quiet_NaN());
  return out;
}

} // namespace

std::string curvesSection(const ReportData &data) {
  const OrderedJson &history = data.logHistory;
  std::vector<ChartSeries> losses = {seriesOf(history, "loss", "training"),
                                     seriesOf(history, "eval_loss", "evaluation")};
  std::erase_if(losses, [](const ChartSeries &one) { return one.points.empty(); });
  std::string charts = renderLines({"Loss", "step"}, losses);
  if (!data.logMetric.empty() && data.logMetric != "eval_loss") {
    ChartSeries metric[] = {seriesOf(history, data.logMetric, data.logMetric)};
    std::optional<double> baseline;
    if (data.findings.metric && "eval_" + data.findings.metric->name == data.logMetric &&
        data.measure.metric == data.logMetric)
      if (std::optional<MetricNoise> noise = measureNoise(*data.findings.metric))
        baseline = noise->baseline;
    charts += renderLines({data.logMetric, "step"}, metric, baseline, "baseline");
  }
  ChartSeries rate[] = {seriesOf(history, "learning_rate", "learning rate")};
  charts += renderLines({"Learning rate", "step"}, rate);
  ChartSeries norm[] = {seriesOf(history, "grad_norm", "gradient norm")};
  charts += renderLines({"Gradient norm, before clipping", "step"}, norm);
  return charts.empty()
             ? charts
             : section("Learning curves", "<div class=\"charts\">\n" + charts + "</div>\n");
}

} // namespace ftc::rt
