// A drawing of fixed size that the page scales: letters stay readable at 400 pixels.
#include "runtime/report/ChartFrame.h"

#include "runtime/report/Html.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ftc::rt {

namespace {

constexpr double kWidth = 440, kHeight = 240, kLeft = 58, kRight = 14, kTop = 12, kBottom = 44;

/// A tick's number, as short as it may be.
std::string tickText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", value == 0 ? 0 : value);
  return text;
}

std::string label(double x, double y, const char *anchor, const std::string &escaped) {
  return "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" text-anchor=\"" +
         anchor + "\">" + escaped + "</text>";
}

std::string line(double x1, double y1, double x2, double y2, const char *cssClass) {
  return "<line class=\"" + std::string(cssClass) + "\" x1=\"" + coordinate(x1) + "\" y1=\"" +
         coordinate(y1) + "\" x2=\"" + coordinate(x2) + "\" y2=\"" + coordinate(y2) + "\"/>";
}

} // namespace

std::string coordinate(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

ChartAxis ChartAxis::of(double low, double high, int wanted) {
  constexpr double kMost = 1e300; // the range itself must be finite
  low = std::clamp(low, -kMost, kMost);
  high = std::clamp(high, -kMost, kMost);
  if (!(high > low)) {
    double margin = std::max(1e-6, std::fabs(low) * 0.05);
    low -= margin;
    high += margin;
  }
  double rough = (high - low) / wanted, power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = power;
  for (double factor : {1.0, 2.0, 5.0, 10.0})
    if (step = power * factor; step >= rough * 0.999)
      break;
  ChartAxis axis{low, high, {}};
  // Of values so near to one another that a step is lost in rounding there are no ticks
  // between.
  double first = std::ceil(low / step);
  for (int i = 0; i <= 2 * wanted && std::isfinite(first); ++i) {
    double tick = (first + i) * step;
    if (tick > high + step * 1e-9)
      break;
    axis.ticks.push_back(tick);
  }
  return axis;
}

double ChartFrame::x(double value) const {
  return kLeft + (value - horizontal.low) / (horizontal.high - horizontal.low) *
                     (kWidth - kRight - kLeft);
}

double ChartFrame::bottom() const { return kHeight - kBottom; }

double ChartFrame::y(double value) const {
  return bottom() - (value - vertical.low) / (vertical.high - vertical.low) * (bottom() - kTop);
}

std::string ChartFrame::reference(double value, const std::string &name) const {
  double at = y(value);
  return line(kLeft, at, kWidth - kRight, at, "reference") +
         label(kWidth - kRight - 2, at < kTop + 16 ? at + 13 : at - 4, "end", escapeHtml(name));
}

std::string ChartFrame::draw(const ChartText &text, std::span<const std::string> legend,
                             const std::string &summary, const std::string &marks) const {
  std::string svg = "<figure><figcaption>" + escapeHtml(text.title);
  for (std::size_t i = 0; i < legend.size() && legend.size() > 1; ++i)
    svg +=
        " <span class=\"key s" + std::to_string(i) + "\">" + escapeHtml(legend[i]) + "</span>";
  svg += "</figcaption><svg viewBox=\"0 0 440 240\" role=\"img\" aria-label=\"" +
         escapeHtml(text.title + ": " + summary) + "\">";
  for (double tick : vertical.ticks) {
    svg += line(kLeft, y(tick), kWidth - kRight, y(tick), "grid");
    svg += label(kLeft - 6, y(tick) + 4, "end", tickText(tick));
  }
  svg += line(kLeft, bottom(), kWidth - kRight, bottom(), "axis");
  for (double tick : horizontal.ticks) {
    double at = x(tick);
    svg += line(at, bottom(), at, bottom() + 4, "axis");
    svg +=
        label(at, bottom() + 17, at > kWidth - kRight - 16 ? "end" : "middle", tickText(tick));
  }
  svg += label((kLeft + kWidth - kRight) / 2, kHeight - 4, "middle", escapeHtml(text.xName));
  return svg + marks + "</svg></figure>\n";
}

} // namespace ftc::rt
