// What a task says of lengths and scores.
#include "runtime/report/Sections.h"

#include "runtime/report/Chart.h"

namespace ftc::rt {

std::string plotsSection(const std::vector<PointFinding> &points) {
  std::string charts;
  for (const PointFinding &one : points) {
    ChartText text{one.title, one.xName};
    switch (one.kind) {
    case PointFinding::Kind::Histogram:
      charts += renderHistogram(text, one.x, one.other, one.name, one.otherName);
      break;
    case PointFinding::Kind::Means:
      charts += renderMeans(text, one.x, one.y);
      break;
    case PointFinding::Kind::Points:
      charts += renderPoints(text, one.x, one.y);
      break;
    }
  }
  return charts.empty()
             ? charts
             : section("Lengths and scores", "<div class=\"charts\">\n" + charts + "</div>\n");
}

} // namespace ftc::rt
