// A chart is a frame, five grid lines a side with their numbers, and polylines.
#include "runtime/report/Chart.h"

#include "runtime/report/Report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ftc::rt {

namespace {

constexpr double kWidth = 640, kHeight = 260, kLeft = 64, kRight = 12, kTop = 12, kBottom = 28;
constexpr int kGrid = 4;

struct Range {
  double low = 0, high = 1;
  double position(double value, double from, double to) const {
    return from + (value - low) / (high - low) * (to - from);
  }
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string coordinate(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

Range rangeOf(std::vector<double> values) {
  auto [low, high] = std::minmax_element(values.begin(), values.end());
  Range range{*low, *high};
  if (!(range.high > range.low)) {
    double margin = std::max(1e-6, std::fabs(range.low) * 0.05);
    range.low -= margin;
    range.high += margin;
  }
  return range;
}

std::string text(double x, double y, const char *anchor, const std::string &content) {
  return "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" text-anchor=\"" +
         anchor + "\">" + escapeHtml(content) + "</text>";
}

std::string line(double x1, double y1, double x2, double y2, const char *style) {
  return "<line x1=\"" + coordinate(x1) + "\" y1=\"" + coordinate(y1) + "\" x2=\"" +
         coordinate(x2) + "\" y2=\"" + coordinate(y2) + "\" " + style + "/>";
}

} // namespace

std::string renderChart(const std::string &title, std::span<const ChartSeries> series,
                        std::optional<double> reference, const std::string &referenceName) {
  std::vector<double> xs, ys;
  for (const ChartSeries &one : series)
    for (auto [x, y] : one.points)
      if (std::isfinite(x) && std::isfinite(y)) {
        xs.push_back(x);
        ys.push_back(y);
      }
  if (xs.empty())
    return {};
  if (reference && std::isfinite(*reference))
    ys.push_back(*reference);
  Range horizontal = rangeOf(xs), vertical = rangeOf(ys);
  double bottom = kHeight - kBottom, right = kWidth - kRight;
  std::string svg = "<figure><figcaption>" + escapeHtml(title);
  for (const ChartSeries &one : series)
    if (series.size() > 1)
      svg += " <span style=\"color:" + one.color + "\">&#9632; " + escapeHtml(one.name) +
             "</span>";
  svg += "</figcaption><svg viewBox=\"0 0 640 260\" role=\"img\">";
  for (int i = 0; i <= kGrid; ++i) {
    double share = static_cast<double>(i) / kGrid;
    double y = bottom + share * (kTop - bottom), x = kLeft + share * (right - kLeft);
    svg += line(kLeft, y, right, y, "class=\"grid\"");
    svg += text(kLeft - 6, y + 4, "end",
                number(vertical.low + share * (vertical.high - vertical.low)));
    svg += text(x, kHeight - 8, i == kGrid ? "end" : "middle",
                number(horizontal.low + share * (horizontal.high - horizontal.low)));
  }
  if (reference && std::isfinite(*reference)) {
    double y = vertical.position(*reference, bottom, kTop);
    svg += line(kLeft, y, right, y, "class=\"reference\"");
    svg += text(right, y - 4, "end", referenceName);
  }
  for (const ChartSeries &one : series) {
    svg += "<polyline style=\"stroke:" + one.color + "\" points=\"";
    for (auto [x, y] : one.points)
      if (std::isfinite(x) && std::isfinite(y))
        svg += coordinate(horizontal.position(x, kLeft, right)) + "," +
               coordinate(vertical.position(y, bottom, kTop)) + " ";
    svg += "\"/>";
    // A single point would be an invisible line.
    if (one.points.size() == 1)
      svg += "<circle r=\"3\" style=\"fill:" + one.color + "\" cx=\"" +
             coordinate(horizontal.position(one.points[0].first, kLeft, right)) + "\" cy=\"" +
             coordinate(vertical.position(one.points[0].second, bottom, kTop)) + "\"/>";
  }
  return svg + "</svg></figure>\n";
}

} // namespace ftc::rt
