// The assessment as a page: the verdict, the curves, the tables. No scripts, nothing from
// outside; style and elements are those of a run's report.
#include "assess/Assess.h"

#include "runtime/report/Chart.h"
#include "runtime/report/Html.h"
#include "runtime/report/Style.h"
#include "runtime/support/Format.h"

#include <cstdio>
#include <tuple>

namespace ftc::assess {

namespace {

using rt::format;

using rt::escapeHtml;

/// A table of rows of cells, escaped here; cells behind the first are numbers.
std::string table(const std::string &caption, const std::vector<std::string> &heads,
                  const std::vector<std::vector<std::string>> &rows) {
  std::string out = "<thead><tr>";
  for (std::size_t i = 0; i < heads.size(); ++i)
    out += (i ? "<th scope=\"col\" class=\"number\">" : "<th scope=\"col\">") +
           escapeHtml(heads[i]) + "</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string> &row : rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      out += i ? "<td class=\"number\">" + escapeHtml(row[i]) + "</td>"
               : "<th scope=\"row\">" + escapeHtml(row[i]) + "</th>";
    out += "</tr>\n";
  }
  return rt::scrollingTable(caption, "list", out + "</tbody>\n");
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
        rows.push_back({name + of, points((*p)->value),
                        format("%.1f to %.1f; one run on new rows %.1f to %.1f", (*p)->low,
                               (*p)->high, (*p)->newLow, (*p)->newHigh)});
    if (m.logMe)
      rows.push_back({"LogME" + of, format("%.4f", *m.logMe), ""});
  }
  return table("Scores of the evaluation rows",
               {"what", a.metric.name + ", points", "95 % (expected: 90 %)"}, rows);
}

std::string dataTable(const Assessment &a) {
  const DataFacts &d = a.data;
  auto count = [](std::int64_t value) { return rt::readableCount(value); };
  return rt::factTable(
      "Rows, labels and lengths",
      {{"training rows", count(d.trainRows)},
       {"evaluation rows, of " + a.evaluationSource,
        count(a.evaluationRows) + " of " + count(a.evaluationSize)},
       {"labels", count(static_cast<std::int64_t>(d.labels.size()))},
       {"training rows that repeat a text", count(d.duplicates)},
       {"of them with another label", count(d.conflicts)},
       {"validation rows that are training rows", count(d.leakedValidation)},
       {"test rows that are training rows", count(d.leakedTest)},
       {"tokens of a row: median", count(d.tokens.median)},
       {"tokens of a row: 95 % have at most", count(d.tokens.p95)},
       {"tokens of the longest row", count(d.tokens.most)},
       {"rows longer than the maximum of " + count(d.cut.limit), count(d.cut.rows)}});
}

std::string curves(const ModelFacts &m) {
  std::vector<rt::ChartSeries> series;
  for (const auto &[name, curve] :
       {std::pair("probe", &m.probeCurve), std::pair("fine-tuned", &m.tunedCurve)}) {
    if (curve->empty())
      continue;
    rt::ChartSeries one{name, {}};
    for (const CurvePoint &point : *curve)
      one.points.emplace_back(point.rows, point.value);
    series.push_back(one);
  }
  return rt::renderLines({"Points by training rows", "rows"}, series);
}

/// What the verdict's frame looks like: nothing to do, do it, or not so.
const char *verdictClass(Verdict verdict) {
  switch (verdict) {
  case Verdict::AlreadySatisfies:
  case Verdict::ProbeSuffices:
  case Verdict::FineTune:
    return "verdict good";
  case Verdict::WrongModel:
    return "verdict bad";
  case Verdict::NeedData:
  case Verdict::Inconclusive:
    break;
  }
  return "verdict";
}

} // namespace

std::string renderHtml(const Assessment &a) {
  const ModelFacts &first = a.models.front();
  std::string title = escapeHtml("Assessment of " + rt::clipText(first.model, 200));
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<title>" +
                    title + "</title>\n<style>" + std::string(rt::reportStyle()) +
                    "</style>\n</head>\n<body>\n<header>\n<h1>" + title +
                    "</h1>\n</header>\n<main>\n";
  out += std::string("<section class=\"") + verdictClass(a.verdict) + "\">\n<h2>" +
         std::string(verdictName(a.verdict)) + "</h2>\n<p>" + escapeHtml(a.reason) + "</p>\n";
  if (!a.next.empty())
    out += "<p>Next: <code>" + escapeHtml(a.next) + "</code></p>\n";
  for (const std::string &note : a.notes)
    out += "<p>Note: " + escapeHtml(note) + ".</p>\n";
  out += "</section>\n" + rt::section("What was measured", scores(a)) +
         rt::section("Learning curve", curves(first));
  std::vector<std::vector<std::string>> rows;
  for (const MethodCost &cost : first.costs)
    rows.push_back(
        {cost.method, format("%.1f MiB", static_cast<double>(cost.peakBytes) / (1 << 20)),
         format("%.1f MiB", static_cast<double>(cost.processBytes) / (1 << 20)),
         cost.seconds ? format(cost.estimated ? "%.0f s, estimated" : "%.0f s", *cost.seconds)
                      : std::string("not timed"),
         rt::readableCount(cost.trainable)});
  out += rt::section("Cost on this machine", table("Memory and time of each method",
                                                   {"method", "planned", "peak of the process",
                                                    "training", "trained parameters"},
                                                   rows));
  out += rt::section("Data", dataTable(a));
  std::string noise =
      "<p>" +
      escapeHtml(
          format("Two runs must differ by %.1f points for this evaluation of %lld rows to "
                 "tell (5 %% level, 80 %% power)%s.",
                 a.detectable, static_cast<long long>(a.evaluationRows),
                 first.noise.seedCount ? "" : "; seeds are not in it")) +
      "</p>\n";
  const NoiseFacts &seen = first.noise;
  std::vector<std::vector<std::string>> kinds{
      {"evaluation rows, were they drawn anew", points(seen.rows)}};
  if (seen.subsetCount)
    kinds.push_back({format("training rows of the probe, by %lld families of nested parts",
                            static_cast<long long>(seen.subsetCount)),
                     points(seen.subsets)});
  else
    kinds.push_back({"training rows", "not measured"});
  kinds.push_back({"seeds of a short run",
                   seen.seedCount ? points(seen.seeds) : std::string("not measured")});
  noise +=
      table("What chance moves the metric by", {"of", "standard deviation, points"}, kinds);
  for (const std::string &left : a.leftOut)
    noise += "<p>Left out: " + escapeHtml(left) + ".</p>\n";
  return out + rt::section("Noise", noise) +
         "</main>\n<footer>Written by ftc assess.</footer>\n</body>\n</html>\n";
}

} // namespace ftc::assess
