// Chart: lines, means of groups, histograms and points as inline SVG. What they look like is
// the page's style: series are told apart by class (s0, s1: colour and dashes).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ftc::rt {

/// A curve: (x, y) points in order of x. A point that is not finite interrupts it.
struct ChartSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

/// What stands around a chart; all texts are escaped here.
struct ChartText {
  std::string title, xName;
};

/// Curves over steps; empty when no series has a point. At most some hundred points of a series
/// are drawn, the least and the greatest of each stretch. `reference` draws a dotted line.
std::string renderLines(const ChartText &text, std::span<const ChartSeries> series,
                        std::optional<double> reference = {},
                        const std::string &referenceName = {});

/// The mean of y over groups of equally many examples in order of x; empty without finite
/// points.
std::string renderMeans(const ChartText &text, const std::vector<double> &x,
                        const std::vector<double> &y);

/// How often values occur: of `x`, and beside it of `other` where it is not empty.
std::string renderHistogram(const ChartText &text, const std::vector<double> &x,
                            const std::vector<double> &other = {}, const std::string &name = {},
                            const std::string &otherName = {});

/// The points themselves, of many some hundred, with the line on which both are equal.
std::string renderPoints(const ChartText &text, const std::vector<double> &x,
                         const std::vector<double> &y);

} // namespace ftc::rt
