// The assessment for people: the verdict first, then what it rests on. 80 columns at most.
#include "assess/Assess.h"

#include "runtime/support/Format.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ftc::assess {

namespace {

constexpr std::size_t kColumns = 80;

using rt::format;

/// `text` in lines of at most kColumns, all but the first indented.
std::string wrap(const std::string &text, std::size_t indent) {
  std::string out;
  std::size_t column = 0, at = 0;
  while (at < text.size()) {
    std::size_t end = std::min(text.find(' ', at), text.size());
    std::string word = text.substr(at, end - at);
    if (column > 0 && column + 1 + word.size() > kColumns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    at = end + 1;
  }
  return out + "\n";
}

std::string row(const std::string &name, const std::string &value) {
  std::string padded = name;
  padded.resize(std::max<std::size_t>(22, name.size() + 1), ' ');
  std::string wrapped = wrap(std::string(24, 'x') + value, 24);
  return "  " + padded + wrapped.substr(24);
}

std::string score(const Score &one) {
  return format("%6.2f  ± %.2f", one.value, 1.96 * one.error);
}

std::string prediction(const Prediction &p) {
  return format("%6.2f  %.1f to %.1f, one on new rows %.1f to %.1f", p.value, p.low, p.high,
                p.newLow, p.newHigh);
}

std::string dataLines(const Assessment &a) {
  const DataFacts &d = a.data;
  std::string out = "Data\n";
  std::string rows =
      format("%lld to train on, %lld of %lld to evaluate with (%s)",
             static_cast<long long>(d.trainRows), static_cast<long long>(a.evaluationRows),
             static_cast<long long>(a.evaluationSize), a.evaluationSource.c_str());
  out += row("rows", rows);
  if (!d.labels.empty()) {
    const LabelCount &most = d.labels.front(), &least = d.labels.back();
    out += row("labels",
               format("%zu, from %lld (%s) down to %lld (%s)", d.labels.size(),
                      static_cast<long long>(most.count), rt::quote(most.label, 24).c_str(),
                      static_cast<long long>(least.count), rt::quote(least.label, 24).c_str()));
  }
  out += row("duplicates",
             format("%lld rows, %lld of them with another label",
                    static_cast<long long>(d.duplicates), static_cast<long long>(d.conflicts)));
  if (d.validationRows)
    out += row("leakage", format("%lld of %lld validation rows are training rows",
                                 static_cast<long long>(d.leakedValidation),
                                 static_cast<long long>(d.validationRows)) +
                              (a.leakedLeftOut ? ": left out" : ""));
  else if (a.leakedLeftOut)
    out += row("leakage", format("%lld held-out rows repeat training rows: left out",
                                 static_cast<long long>(a.leakedLeftOut)));
  if (d.testRows)
    out += row("", format("%lld of %lld test rows are training rows",
                          static_cast<long long>(d.leakedTest),
                          static_cast<long long>(d.testRows)));
  if (d.emptyTexts)
    out += row("empty texts", std::to_string(d.emptyTexts));
  out += row("tokens a row", format("median %lld, 95 %% to %lld, longest %lld",
                                    static_cast<long long>(d.tokens.median),
                                    static_cast<long long>(d.tokens.p95),
                                    static_cast<long long>(d.tokens.most)));
  out += row("maximum",
             format("%lld tokens: %lld rows are longer, %.1f %% of tokens",
                    static_cast<long long>(d.cut.limit), static_cast<long long>(d.cut.rows),
                    d.tokens.total ? 100.0 * static_cast<double>(d.cut.tokens) /
                                         static_cast<double>(d.tokens.total)
                                   : 0.0));
  return out + "\n";
}

std::string modelLines(const Assessment &a, const ModelFacts &m) {
  std::string out = wrap("Model " + m.model, 2);
  out += row("tokenizer", format("%.1f %% of tokens unknown, %.2f tokens a word",
                                 100 * m.unknownShare, m.tokensPerWord));
  if (m.zeroShot)
    out += row("as it is", score(*m.zeroShot));
  else if (!m.zeroShotNote.empty())
    out += row("as it is", "        " + m.zeroShotNote);
  if (m.neighbours)
    out += row("nearest neighbours",
               score(*m.neighbours) +
                   format("  (k = %lld)", static_cast<long long>(m.neighbourCount)));
  if (m.linearProbe)
    out +=
        row("linear probe", score(*m.linearProbe) +
                                format("  (%lld rows)", static_cast<long long>(m.probeRows)));
  if (m.logMe)
    out += row("LogME", format("%7.4f", *m.logMe));
  for (auto [curve, name] :
       {std::pair(&m.probeCurve, "probe curve"), std::pair(&m.tunedCurve, "short run")}) {
    std::string line;
    for (const CurvePoint &point : *curve)
      line += format("%s%.1f at %.0f", line.empty() ? "" : ", ", point.value, point.rows);
    if (!line.empty())
      out += row(name, line);
  }
  if (m.gain)
    out += row("gain over the probe",
               format("%+6.2f  ± %.2f", m.gain->value, 1.96 * m.gain->error));
  if (m.probeAtAll)
    out += row("probe, all rows", prediction(*m.probeAtAll));
  if (m.tunedAtAll)
    out += row("fine-tuned, all rows", prediction(*m.tunedAtAll));
  if (m.probeAtAll || m.tunedAtAll)
    out += row("", "expected, 90 %: the mean of runs on these rows, then one");
  return out + "\n";
}

std::string costLines(const ModelFacts &m) {
  std::string out = "Cost on this machine\n" +
                    row("", format("%12s  %12s  %8s  trained", "planned", "process", "time"));
  for (const MethodCost &cost : m.costs)
    out +=
        row(cost.method,
            format("%8.1f MiB  %8.1f MiB  %8s  %lld of %lld",
                   static_cast<double>(cost.peakBytes) / (1 << 20),
                   static_cast<double>(cost.processBytes) / (1 << 20),
                   cost.seconds
                       ? format(cost.estimated ? "(%.0f s)" : "%.0f s", *cost.seconds).c_str()
                       : "not timed",
                   static_cast<long long>(cost.trainable),
                   static_cast<long long>(cost.parameters)));
  return out + "\n";
}

std::string noiseLines(const NoiseFacts &noise, bool probed) {
  std::string out = row("evaluation rows", format("%6.2f  were they drawn anew", noise.rows));
  if (noise.subsetCount)
    out +=
        row("training rows", format("%6.2f  of the probe, by %lld families of nested parts",
                                    noise.subsets, static_cast<long long>(noise.subsetCount)));
  else
    out += row("training rows", probed ? "        not measured: too few for parts of them"
                                       : "        not measured: no probe");
  out += row("seeds", noise.seedCount
                          ? format("%6.2f  of a short run, by %lld of them", noise.seeds,
                                   static_cast<long long>(noise.seedCount))
                          : "        not measured: one short run");
  return out;
}

} // namespace

std::string renderText(const Assessment &a) {
  std::string out = std::string(verdictName(a.verdict)) + "\n" + wrap(a.reason, 0);
  if (!a.next.empty())
    out += wrap("Next: " + a.next, 6);
  for (const std::string &note : a.notes)
    out += wrap("Note: " + note + ".", 6);
  out += "\n" + dataLines(a);
  out += format("Without a model (%s, points, ± 95 %%)\n", a.metric.name.c_str());
  for (const NamedScore &baseline : a.baselines)
    out += row(baseline.name, score(baseline.score));
  out += "\n";
  for (const ModelFacts &model : a.models)
    out += modelLines(a, model);
  out += costLines(a.models.front());
  out += "Noise (standard deviations, points)\n" +
         noiseLines(a.models.front().noise, a.models.front().linearProbe.has_value());
  bool seeds = a.models.front().noise.seedCount > 0;
  out += row("detectable", format("%.1f points between two runs, with %lld rows%s",
                                  a.detectable, static_cast<long long>(a.evaluationRows),
                                  seeds ? "" : "; seeds are not in it"));
  if (a.detectableTest > 0)
    out += row("", format("%.1f points with the test file's %lld rows", a.detectableTest,
                          static_cast<long long>(a.data.testRows)));
  for (const std::string &left : a.leftOut)
    out += wrap("Left out: " + left + ".", 10);
  out += format("\nAssessed in %.0f s; the full run takes about %.0f s.\n", a.seconds,
                a.fullRunSeconds);
  return out;
}

} // namespace ftc::assess
