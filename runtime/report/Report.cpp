// The page is assembled from tables, charts and a confusion matrix; styles are inline.
#include "runtime/report/Report.h"

#include "runtime/report/Chart.h"
#include "runtime/support/Text.h"

#include <cstdio>

namespace ftc::rt {

namespace {

const char *const kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#222}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}"
    "table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;text-align:left}"
    "td:last-child{font-variant-numeric:tabular-nums}pre{background:#f5f5f5;padding:.8rem;"
    "overflow:auto;font-size:13px}.charts{display:flex;flex-wrap:wrap;gap:1rem}"
    "figure{margin:0;flex:1 1 26rem}svg{width:100%;font-size:11px;fill:#555}"
    "polyline{fill:none;stroke-width:1.5}.grid{stroke:#e5e5e5}"
    ".reference{stroke:#999;stroke-dasharray:4 3}.confusion td,.confusion th{border:1px solid "
    "#eee;padding:.1rem .4rem;text-align:center;font-size:12px}.confusion th{max-width:9rem;"
    "overflow-wrap:anywhere}.headline{font-size:1.15rem}";

std::string table(const std::string &title, const ReportRows &rows) {
  if (rows.empty())
    return {};
  std::string out = "<h2>" + escapeHtml(title) + "</h2>\n<table>\n";
  for (const auto &[what, value] : rows)
    out += "<tr><th>" + escapeHtml(what) + "</th><td>" + escapeHtml(value) + "</td></tr>\n";
  return out + "</table>\n";
}

ChartSeries series(const OrderedJson &history, const std::string &key, const char *color) {
  ChartSeries out{key, color, {}};
  for (const OrderedJson &entry : history)
    if (entry.contains(key) && entry[key].is_number() && entry.contains("step"))
      out.points.emplace_back(entry["step"].get<double>(), entry[key].get<double>());
  return out;
}

std::string charts(const ReportData &data) {
  const OrderedJson &history = data.logHistory;
  ChartSeries losses[] = {series(history, "loss", "#2563eb"),
                          series(history, "eval_loss", "#dc2626")};
  std::string out = renderChart("loss", losses);
  if (!data.metricName.empty()) {
    ChartSeries metric[] = {series(history, data.metricName, "#059669")};
    out += renderChart(data.metricName, metric, data.baseline, "baseline");
  }
  ChartSeries rate[] = {series(history, "learning_rate", "#7c3aed")};
  out += renderChart("learning rate", rate);
  ChartSeries norm[] = {series(history, "grad_norm", "#d97706")};
  out += renderChart("gradient norm (before clipping)", norm);
  return out.empty()
             ? out
             : "<h2>Curves over steps</h2>\n<div class=\"charts\">\n" + out + "</div>\n";
}

std::string confusionTable(const ReportData &data) {
  if (!data.confusion || data.confusion->classes() > kConfusionLabels ||
      data.confusion->classes() != static_cast<std::int64_t>(data.labels.size()) ||
      data.confusion->total() == 0)
    return {};
  const ConfusionMatrix &matrix = *data.confusion;
  std::string out = "<h2>Confusion matrix</h2>\n<p>Rows: the label; columns: the prediction."
                    "</p>\n<table class=\"confusion\"><tr><th></th>";
  for (const std::string &label : data.labels)
    out += "<th>" + escapeHtml(escape(label, 40)) + "</th>";
  out += "</tr>\n";
  for (std::int64_t row = 0; row < matrix.classes(); ++row) {
    out += "<tr><th>" + escapeHtml(escape(data.labels[row], 40)) + "</th>";
    for (std::int64_t column = 0; column < matrix.classes(); ++column) {
      std::int64_t count = matrix.count(row, column);
      double share = matrix.labelTotal(row) ? static_cast<double>(count) /
                                                  static_cast<double>(matrix.labelTotal(row))
                                            : 0;
      char style[64];
      std::snprintf(style, sizeof style, "rgba(%s,%.2f)",
                    row == column ? "5,150,105" : "220,38,38", share * 0.8);
      out += std::string("<td style=\"background:") + style + "\">" +
             (count ? std::to_string(count) : "") + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

} // namespace

std::string escapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      // Control characters but line breaks and tabs have no place in HTML.
      if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
        out += ' ';
      else
        out += c;
    }
  }
  return out;
}

std::string renderReport(const ReportData &data) {
  std::string page = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width\"><title>" +
                     escapeHtml(data.title) + "</title><style>" + kStyle +
                     "</style></head><body>\n<h1>" + escapeHtml(data.title) + "</h1>\n";
  if (!data.headline.empty())
    page += "<p class=\"headline\">" + escapeHtml(data.headline) + "</p>\n";
  page += table("Metrics", data.metrics);
  page += charts(data);
  page += confusionTable(data);
  if (!data.details.empty())
    page += "<h2>In detail</h2>\n<pre>" + escapeHtml(data.details) + "</pre>\n";
  page += table("Throughput", data.throughput);
  page += table("Memory", data.memory);
  page += table("Settings", data.settings);
  return page + "</body></html>\n";
}

} // namespace ftc::rt
