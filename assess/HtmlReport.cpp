// The assessment as a page: the verdict, the curves, the tables. No scripts, nothing from
// outside.
#include "assess/Assess.h"

#include "runtime/report/Chart.h"
#include "runtime/report/Report.h"

#include <cmath>
#include <cstdio>

namespace ftc::assess {

namespace {

const char *const kStyle =
    ":root{color-scheme:light dark;--line:#8886;--accent:#2563eb;--probe:#d97706}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}"
    "h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.15rem;margin:1.6rem 0 .4rem;"
    "border-bottom:1px solid var(--line)}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem .2rem "
    "0;"
    "vertical-align:top;border-bottom:1px solid var(--line)}td.n{text-align:right;"
    "font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".verdict{font-size:1.9rem;font-weight:700;margin:.2rem 0}"
    "code{overflow-wrap:anywhere}svg{max-width:100%;height:auto}.scroll{overflow-x:auto}"
    "@media print{body{max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}";

template <typename... Values> std::string format(const char *pattern, Values... values) {
  char out[200];
  std::snprintf(out, sizeof out, pattern, values...);
  return out;
}

std::string escaped(std::string_view text) { return rt::escapeHtml(text); }

/// A table of rows of cells, escaped here; cells behind the first are numbers.
std::string table(const std::vector<std::string> &heads,
                  const std::vector<std::vector<std::string>> &rows) {
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (const std::string &head : heads)
    out += "<th scope=\"col\">" + escaped(head) + "</th>";
  out += "</tr></thead><tbody>\n";
  for (const std::vector<std::string> &row : rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      out += (i ? "<td class=\"n\">" : "<td>") + escaped(row[i]) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string points(double value) { return format("%.2f", value); }
std::string plusMinus(const Score &score) { return format("± %.2f", 1.96 * score.error); }

std::string scores(const Assessment &a) {
  std::vector<std::vector<std::string>> rows;
  for (const NamedScore &baseline : a.baselines)
    rows.push_back({baseline.name, points(baseline.score.value), plusMinus(baseline.score)});
  for (const ModelFacts &m : a.models) {
    std::string of = a.models.size() > 1 ? " (" + m.model + ")" : "";
    for (const auto &[name, score] : {std::pair("the model as it is", &m.zeroShot),
                                      std::pair("nearest neighbours", &m.neighbours),
                                      std::pair("linear probe", &m.linearProbe)})
      if (*score)
        rows.push_back({name + of, points((*score)->value), plusMinus(**score)});
    for (const auto &[name, p] : {std::pair("probe, all rows (expected)", &m.probeAtAll),
                                  std::pair("fine-tuned, all rows (expected)", &m.tunedAtAll)})
      if (*p)
        rows.push_back(
            {name + of, points((*p)->value), format("%.1f to %.1f", (*p)->low, (*p)->high)});
    if (m.logMe)
      rows.push_back({"LogME" + of, format("%.4f", *m.logMe), ""});
  }
  return table({"what", a.metric.name + ", points", "95 % (expected: 90 %)"}, rows);
}

std::string dataTable(const Assessment &a) {
  const DataFacts &d = a.data;
  auto count = [](std::int64_t value) { return std::to_string(value); };
  std::vector<std::vector<std::string>> rows = {
      {"training rows", count(d.trainRows)},
      {"evaluation rows, of " + a.evaluationSource, count(a.evaluationRows)},
      {"labels", count(static_cast<std::int64_t>(d.labels.size()))},
      {"training rows that repeat a text", count(d.duplicates)},
      {"of them with another label", count(d.conflicts)},
      {"validation rows that are training rows", count(d.leakedValidation)},
      {"test rows that are training rows", count(d.leakedTest)},
      {"tokens of a row: median", count(d.medianTokens)},
      {"tokens of a row: 95 % have at most", count(d.longTokens)},
      {"tokens of the longest row", count(d.longestTokens)},
      {"rows longer than the maximum of " + count(d.maxTokens), count(d.cutRows)}};
  return table({"what", "value"}, rows);
}

std::string curves(const ModelFacts &m) {
  std::vector<rt::ChartSeries> series;
  for (const auto &[name, color, curve, at, law] :
       {std::tuple("probe", "#d97706", &m.probeCurve, &m.probeAtAll, &m.probeLaw),
        std::tuple("fine-tuned", "#2563eb", &m.tunedCurve, &m.tunedAtAll, &m.tunedLaw)}) {
    if (curve->empty())
      continue;
    rt::ChartSeries one{name, color, {}};
    for (const CurvePoint &point : *curve)
      one.points.emplace_back(point.rows, point.value);
    series.push_back(one);
  }
  return rt::renderChart("points by training rows", series);
}

} // namespace

std::string renderHtml(const Assessment &a) {
  const ModelFacts &first = a.models.front();
  std::string title = "Assessment of " + first.model;
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<title>" +
                    escaped(title) + "</title>\n<style>" + kStyle +
                    "</style>\n</head>\n<body>\n";
  out += "<h1>" + escaped(title) + "</h1>\n<p class=\"verdict\">" +
         std::string(verdictName(a.verdict)) + "</p>\n<p>" + escaped(a.reason) + "</p>\n";
  if (!a.next.empty())
    out += "<p>Next: <code>" + escaped(a.next) + "</code></p>\n";
  for (const std::string &note : a.notes)
    out += "<p>Note: " + escaped(note) + ".</p>\n";
  out += "<h2>What was measured</h2>\n" + scores(a);
  std::string chart = curves(first);
  if (!chart.empty())
    out += "<h2>Learning curve</h2>\n" + chart + "\n";
  std::vector<std::vector<std::string>> rows;
  for (const MethodCost &cost : first.costs)
    rows.push_back({cost.method,
                    format("%.1f MiB", static_cast<double>(cost.peakBytes) / (1 << 20)),
                    cost.seconds ? format("%.0f s", *cost.seconds) : std::string("not timed"),
                    std::to_string(cost.trainable)});
  out += "<h2>Cost on this machine</h2>\n" +
         table({"method", "peak memory", "training", "trained parameters"}, rows);
  out += "<h2>Data</h2>\n" + dataTable(a);
  out +=
      "<h2>Noise</h2>\n<p>" +
      escaped(format("Two runs must differ by %.1f points for this evaluation of %lld rows to "
                     "tell (5 %% level, 80 %% power).",
                     a.detectable, static_cast<long long>(a.evaluationRows))) +
      "</p>\n";
  for (const std::string &left : a.leftOut)
    out += "<p>Left out: " + escaped(left) + ".</p>\n";
  return out + "</body>\n</html>\n";
}

} // namespace ftc::assess
