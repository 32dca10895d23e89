// Shades are shares of a label's row: a rare label's confusions are seen as well as a frequent
// one's.
#include "runtime/report/Sections.h"

#include "runtime/report/ChartFrame.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace ftc::rt {

namespace {

constexpr std::size_t kListed = 20;      ///< confusions that are listed
constexpr std::size_t kLabelLength = 40; ///< characters

double share(const ConfusionMatrix &matrix, std::int64_t row, std::int64_t column) {
  std::int64_t total = matrix.labelTotal(row);
  return total ? static_cast<double>(matrix.count(row, column)) / static_cast<double>(total)
               : 0;
}

std::string countTable(const ConfusionFinding &confusion) {
  const ConfusionMatrix &matrix = confusion.matrix;
  std::string body = "<thead><tr><th scope=\"col\">label \\ predicted</th>";
  for (const std::string &label : confusion.labels)
    body += "<th scope=\"col\" class=\"upright\">" + isolated(label, 24) + "</th>";
  body += "</tr></thead>\n<tbody>\n";
  for (std::int64_t row = 0; row < matrix.classes(); ++row) {
    body += "<tr><th scope=\"row\">" + isolated(confusion.labels[row], kLabelLength) + "</th>";
    for (std::int64_t column = 0; column < matrix.classes(); ++column) {
      char cell[96];
      std::snprintf(cell, sizeof cell, "<td class=\"%s\" style=\"--share:%.2f\">",
                    row == column ? "hit" : "miss", share(matrix, row, column));
      body += cell;
      body += matrix.count(row, column) ? std::to_string(matrix.count(row, column)) : "";
      body += "</td>";
    }
    body += "</tr>\n";
  }
  return scrollingTable("Counts of " + confusion.unit +
                            ": a row a label, a column a prediction",
                        "confusion", body + "</tbody>\n");
}

/// A square a pair that occurs, with its names and count as a tooltip.
std::string squareMap(const ConfusionFinding &confusion) {
  constexpr double kCell = 9, kMargin = 170;
  const ConfusionMatrix &matrix = confusion.matrix;
  double side = kMargin + kCell * static_cast<double>(matrix.classes()) + 4;
  std::string size = coordinate(side);
  std::string svg = "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Map of "
                    "confusions\"><svg class=\"map\" style=\"width:" +
                    size + "px\" viewBox=\"0 0 " + size + " " + size +
                    "\" role=\"img\" aria-label=\"Map of " + std::to_string(matrix.classes()) +
                    " labels (rows) and predictions (columns); the tables below have the "
                    "figures\">";
  for (std::int64_t i = 0; i < matrix.classes(); ++i) {
    std::string name = escapeHtml(clipText(confusion.labels[i], 30));
    std::string middle = coordinate(kMargin + kCell * (static_cast<double>(i) + 0.75));
    std::string edge = coordinate(kMargin - 4);
    svg += "<text x=\"" + edge + "\" y=\"" + middle + "\" text-anchor=\"end\">" + name +
           "</text><text transform=\"translate(" + middle + "," + edge + ") rotate(-90)\">" +
           name + "</text>";
  }
  double span = kCell * static_cast<double>(matrix.classes());
  svg += "<rect class=\"ground\" x=\"" + coordinate(kMargin) + "\" y=\"" + coordinate(kMargin) +
         "\" width=\"" + coordinate(span) + "\" height=\"" + coordinate(span) + "\"/>";
  for (std::int64_t row = 0; row < matrix.classes(); ++row)
    for (std::int64_t column = 0; column < matrix.classes(); ++column) {
      if (!matrix.count(row, column))
        continue;
      char cell[160];
      std::snprintf(
          cell, sizeof cell,
          "<rect class=\"%s\" x=\"%.0f\" y=\"%.0f\" width=\"8\" height=\"8\" "
          "fill-opacity=\"%.2f\"><title>",
          row == column ? "hit" : "miss", kMargin + kCell * static_cast<double>(column),
          kMargin + kCell * static_cast<double>(row), 0.25 + 0.75 * share(matrix, row, column));
      svg += cell + escapeHtml(clipText(confusion.labels[row], kLabelLength)) + " → " +
             escapeHtml(clipText(confusion.labels[column], kLabelLength)) + ": " +
             std::to_string(matrix.count(row, column)) + "</title></rect>";
    }
  return svg + "</svg></div>\n";
}

std::string mostFrequent(const ConfusionFinding &confusion) {
  const ConfusionMatrix &matrix = confusion.matrix;
  std::vector<std::array<std::int64_t, 3>> wrong; // minus count, label, prediction
  for (std::int64_t label = 0; label < matrix.classes(); ++label)
    for (std::int64_t prediction = 0; prediction < matrix.classes(); ++prediction)
      if (label != prediction && matrix.count(label, prediction) > 0)
        wrong.push_back({-matrix.count(label, prediction), label, prediction});
  if (wrong.empty())
    return "<p>Nothing was taken for anything else.</p>\n";
  std::size_t shown = std::min(wrong.size(), kListed);
  std::partial_sort(wrong.begin(), wrong.begin() + static_cast<std::ptrdiff_t>(shown),
                    wrong.end());
  std::string body = "<thead><tr><th scope=\"col\">label</th><th scope=\"col\">taken for</th>"
                     "<th scope=\"col\" class=\"number\">times</th><th scope=\"col\" "
                     "class=\"number\">of the label</th></tr></thead>\n<tbody>\n";
  for (std::size_t i = 0; i < shown; ++i) {
    auto [minus, label, prediction] = wrong[i];
    char figures[96];
    std::snprintf(figures, sizeof figures,
                  "<td class=\"number\">%lld</td><td class=\"number\">%.0f %%</td></tr>\n",
                  static_cast<long long>(-minus), 100 * share(matrix, label, prediction));
    body += "<tr><th scope=\"row\">" + isolated(confusion.labels[label], kLabelLength) +
            "</th><td>" + isolated(confusion.labels[prediction], kLabelLength) + "</td>" +
            figures;
  }
  return scrollingTable("Most frequent confusions", "list", body + "</tbody>\n");
}

} // namespace

std::string confusionSection(const ConfusionFinding &confusion) {
  const ConfusionMatrix &matrix = confusion.matrix;
  if (matrix.total() == 0 ||
      matrix.classes() != static_cast<std::int64_t>(confusion.labels.size()))
    return {};
  std::string body;
  if (matrix.classes() <= kCountLabels)
    body = countTable(confusion);
  else if (matrix.classes() <= kMapLabels)
    body = squareMap(confusion);
  return section("Confusion matrix", body + mostFrequent(confusion));
}

} // namespace ftc::rt
