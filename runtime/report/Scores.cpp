// Tables of precision, recall and F1, with F1 as a bar.
#include "runtime/report/Sections.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace ftc::rt {

namespace {

constexpr std::size_t kMostRows = 100;

} // namespace

std::string scoresSection(const ScoreTable &table) {
  if (table.rows.empty())
    return {};
  auto rows = table.rows;
  // Of very many those that occur most.
  std::size_t kept = std::min(rows.size(), kMostRows);
  std::sort(rows.begin(), rows.end(), [](const auto &a, const auto &b) {
    return std::pair(-a.second.support, std::string_view(a.first)) <
           std::pair(-b.second.support, std::string_view(b.first));
  });
  std::size_t left = rows.size() - kept;
  rows.resize(kept);
  auto rank = [](const auto &row) {
    return std::tuple(row.second.support == 0, row.second.f1, std::string_view(row.first));
  };
  std::sort(rows.begin(), rows.end(),
            [&](const auto &a, const auto &b) { return rank(a) < rank(b); });
  std::string body =
      "<thead><tr><th scope=\"col\">" + escapeHtml(table.of) +
      "</th><th scope=\"col\" class=\"number\">precision</th><th scope=\"col\" "
      "class=\"number\">recall</th><th scope=\"col\" class=\"number\">F1</th>"
      "<th scope=\"col\" class=\"number\">true ones</th></tr></thead>\n<tbody>\n";
  for (const auto &[name, scores] : rows) {
    char figures[256];
    std::snprintf(figures, sizeof figures,
                  "<td class=\"number\">%.3f</td><td class=\"number\">%.3f</td><td "
                  "class=\"number meter\" style=\"--share:%.3f\">%.3f</td><td "
                  "class=\"number\">%lld</td></tr>\n",
                  scores.precision, scores.recall, scores.f1, scores.f1,
                  static_cast<long long>(scores.support));
    body += "<tr><th scope=\"row\">" + isolated(name, 60) + "</th>" + figures;
  }
  std::string text = scrollingTable("The lowest F1 first", "list scores", body + "</tbody>\n");
  if (left)
    text += "<p>" + readableCount(static_cast<std::int64_t>(left)) +
            " that occur less often are left out.</p>\n";
  return section(table.title, text);
}

} // namespace ftc::rt
