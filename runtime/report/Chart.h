// Chart: a line chart as inline SVG.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ftc::rt {

/// A curve: (x, y) points in order of x; points that are not finite are left out.
struct ChartSeries {
  std::string name;
  std::string color; ///< CSS
  std::vector<std::pair<double, double>> points;
};

/// One chart over steps; empty when no series has a point. `reference` draws a dashed line.
std::string renderChart(const std::string &title, std::span<const ChartSeries> series,
                        std::optional<double> reference = {},
                        const std::string &referenceName = {});

} // namespace ftc::rt
