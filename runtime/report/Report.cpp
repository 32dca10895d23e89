// The page: a head, the sections in the order in which they are asked for, and a foot.
#include "runtime/report/Report.h"

#include "runtime/report/Sections.h"
#include "runtime/report/Style.h"

namespace ftc::rt {

namespace {

constexpr std::size_t kMostDetails = 20000; ///< characters

std::string detailsSection(const std::string &details) {
  if (details.empty())
    return {};
  return section("In the task's own words",
                 "<pre>" + escapeHtml(clipText(details, kMostDetails)) + "</pre>\n");
}

} // namespace

std::string renderReport(const ReportData &data) {
  std::string title = escapeHtml(clipText(data.title, 200));
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>" +
      title + "</title>\n<style>" + std::string(reportStyle()) +
      "</style>\n</head>\n<body>\n<header>\n<h1>" + title + "</h1>\n";
  if (!data.subtitle.empty())
    page += "<p>" + escapeHtml(clipText(data.subtitle, 600)) + "</p>\n";
  page += "</header>\n<main>\n";
  page += verdictSection(data);
  page += curvesSection(data);
  page += section("Metrics",
                  factTable("Of the " + (data.measure.set.empty() ? std::string("evaluation")
                                                                  : data.measure.set + " data"),
                            data.metrics));
  if (data.findings.confusion)
    page += confusionSection(*data.findings.confusion);
  for (const ScoreTable &table : data.findings.tables)
    page += scoresSection(table);
  page += plotsSection(data.findings.points);
  page += examplesSection(data.findings);
  page += section("Data", factTable("Rows and what became of them", data.data));
  page += speedSection(data);
  page += memorySection(data);
  page += detailsSection(data.details);
  page += reproduceSection(data);
  return page + "</main>\n<footer>Written by ftrt. Intervals: Wilson's for proportions, else "
                "1,000 bootstrap draws.</footer>\n</body>\n</html>\n";
}

} // namespace ftc::rt
