// ChartFrame: the axes of a chart: ranges, round ticks, and where a value stands.
#pragma once

#include "runtime/report/Chart.h"

namespace ftc::rt {

/// Values that an axis shows, and the round numbers marked on it.
struct ChartAxis {
  double low = 0, high = 1;
  std::vector<double> ticks;

  /// An axis for values from `low` to `high` (both finite), somewhat wider where they are
  /// equal; with some `wanted` ticks at multiples of 1, 2 or 5 times a power of ten.
  static ChartAxis of(double low, double high, int wanted);
};

class ChartFrame {
public:
  ChartFrame(ChartAxis x, ChartAxis y) : horizontal(std::move(x)), vertical(std::move(y)) {}

  /// Places in the drawing, which is kWidth wide and kHeight high.
  double x(double value) const;
  double y(double value) const;
  double bottom() const;
  /// A <figure> with caption, legend, axes and `marks`. `legend`: names of s0, s1, …, shown
  /// where there are several; `summary` is what a screen reader says.
  std::string draw(const ChartText &text, std::span<const std::string> legend,
                   const std::string &summary, const std::string &marks) const;
  /// A dotted line with its name.
  std::string reference(double value, const std::string &name) const;

private:
  ChartAxis horizontal, vertical;
};

/// A coordinate with one decimal.
std::string coordinate(double value);

} // namespace ftc::rt
