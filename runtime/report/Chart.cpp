// Each kind of chart finds its ranges, then draws its marks into a frame.
#include "runtime/report/Chart.h"

#include "runtime/report/ChartFrame.h"
#include "runtime/report/Html.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ftc::rt {

namespace {

constexpr std::size_t kMostPoints = 600, kBins = 20, kGroups = 8;
constexpr int kTicksX = 6, kTicksY = 5;

using Point = std::pair<double, double>;

bool isFinite(const Point &point) {
  return std::isfinite(point.first) && std::isfinite(point.second);
}

/// Of each stretch of points the least and the greatest, in order; what is not finite too.
std::vector<Point> thinned(const std::vector<Point> &points) {
  if (points.size() <= kMostPoints)
    return points;
  std::vector<Point> out;
  std::size_t stretches = kMostPoints / 2;
  for (std::size_t i = 0; i < stretches; ++i) {
    auto begin = points.begin() + static_cast<std::ptrdiff_t>(i * points.size() / stretches);
    auto end =
        points.begin() + static_cast<std::ptrdiff_t>((i + 1) * points.size() / stretches);
    auto bad = std::find_if_not(begin, end, isFinite);
    if (bad != end) {
      out.push_back(*bad);
      continue;
    }
    auto [least, most] = std::minmax_element(
        begin, end, [](const Point &a, const Point &b) { return a.second < b.second; });
    out.push_back(*std::min(least, most));
    if (least != most)
      out.push_back(*std::max(least, most));
  }
  if (out.back() != points.back())
    out.push_back(points.back());
  return out;
}

/// A series as polylines between the points that are not finite; a point alone as a dot.
std::string drawSeries(const ChartFrame &frame, const std::vector<Point> &all,
                       std::size_t index) {
  std::vector<Point> points = thinned(all);
  std::string cssClass = " class=\"s" + std::to_string(index) + "\"", out;
  for (std::size_t begin = 0; begin < points.size();) {
    if (!isFinite(points[begin])) {
      ++begin;
      continue;
    }
    std::size_t end = begin;
    while (end < points.size() && isFinite(points[end]))
      ++end;
    if (end - begin > 1) {
      out += "<polyline" + cssClass + " points=\"";
      for (std::size_t i = begin; i < end; ++i)
        out += (i > begin ? " " : "") + coordinate(frame.x(points[i].first)) + "," +
               coordinate(frame.y(points[i].second));
      out += "\"/>";
    }
    // Few points are seen better as such.
    for (std::size_t i = begin; i < end && (end - begin == 1 || points.size() <= 24); ++i)
      out += "<circle" + cssClass + " r=\"2.6\" cx=\"" + coordinate(frame.x(points[i].first)) +
             "\" cy=\"" + coordinate(frame.y(points[i].second)) + "\"/>";
    begin = end;
  }
  return out;
}

std::string bar(double x, double width, double top, double bottom, std::size_t index,
                const std::string &title) {
  return "<rect class=\"s" + std::to_string(index) + "\" x=\"" + coordinate(x) + "\" y=\"" +
         coordinate(top) + "\" width=\"" + coordinate(std::max(width, 0.5)) + "\" height=\"" +
         coordinate(std::max(bottom - top, 0.0)) + "\"><title>" + escapeHtml(title) +
         "</title></rect>";
}

std::vector<Point> finitePairs(const std::vector<double> &x, const std::vector<double> &y) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i)
    if (Point point{x[i], y[i]}; isFinite(point))
      points.push_back(point);
  return points;
}

} // namespace

std::string renderLines(const ChartText &text, std::span<const ChartSeries> series,
                        std::optional<double> reference, const std::string &referenceName) {
  std::vector<double> xs, ys;
  std::vector<std::string> legend;
  std::string summary;
  for (const ChartSeries &one : series) {
    std::vector<Point> good;
    std::copy_if(one.points.begin(), one.points.end(), std::back_inserter(good), isFinite);
    if (!good.empty())
      summary += (summary.empty() ? "" : "; ") + one.name + " from " +
                 readableNumber(good.front().second) + " to " +
                 readableNumber(good.back().second);
    for (auto [x, y] : good) {
      xs.push_back(x);
      ys.push_back(y);
    }
    legend.push_back(one.name);
  }
  if (xs.empty())
    return {};
  bool shown = reference && std::isfinite(*reference);
  if (shown) {
    ys.push_back(*reference);
    summary += "; " + referenceName + " " + readableNumber(*reference);
  }
  auto [left, right] = std::minmax_element(xs.begin(), xs.end());
  auto [low, high] = std::minmax_element(ys.begin(), ys.end());
  ChartFrame frame(ChartAxis::of(*left, *right, kTicksX), ChartAxis::of(*low, *high, kTicksY));
  std::string marks = shown ? frame.reference(*reference, referenceName) : "";
  for (std::size_t i = 0; i < series.size(); ++i)
    marks += drawSeries(frame, series[i].points, i);
  return frame.draw(text, legend, summary, marks);
}

std::string renderMeans(const ChartText &text, const std::vector<double> &x,
                        const std::vector<double> &y) {
  std::vector<Point> points = finitePairs(x, y);
  if (points.empty())
    return {};
  std::sort(points.begin(), points.end());
  struct Group {
    double from, to, mean;
    std::size_t count;
  };
  // Equal x stay in one group.
  std::vector<Group> groups;
  for (std::size_t begin = 0; begin < points.size();) {
    std::size_t end =
        std::min(points.size(), begin + (points.size() + kGroups - 1) / kGroups);
    while (end < points.size() && points[end].first == points[end - 1].first)
      ++end;
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i)
      sum += points[i].second;
    groups.push_back({points[begin].first, points[end - 1].first,
                      sum / static_cast<double>(end - begin), end - begin});
    begin = end;
  }
  double high = 0, low = 0;
  for (const Group &group : groups) {
    high = std::max(high, group.mean);
    low = std::min(low, group.mean);
  }
  ChartAxis horizontal{0, static_cast<double>(groups.size()), {}};
  ChartFrame frame(horizontal, ChartAxis::of(low, high > low ? high : low + 1, kTicksY));
  std::string marks, summary;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Group &group = groups[i];
    double left = frame.x(static_cast<double>(i)), right = frame.x(static_cast<double>(i) + 1);
    std::string span = group.from == group.to
                           ? readableNumber(group.from)
                           : readableNumber(group.from) + "–" + readableNumber(group.to);
    marks += bar(left + 3, right - left - 6, frame.y(std::max(group.mean, 0.0)),
                 frame.y(std::min(group.mean, 0.0)), 0,
                 span + ": " + readableNumber(group.mean) + " (" +
                     readableCount(static_cast<std::int64_t>(group.count)) + ")");
    // On two lines: eight ranges of large numbers have no room beside one another.
    auto label = [&](double below, const std::string &content) {
      marks += "<text class=\"small\" x=\"" + coordinate((left + right) / 2) + "\" y=\"" +
               coordinate(frame.bottom() + below) + "\" text-anchor=\"middle\">" + content +
               "</text>";
    };
    label(12, readableNumber(group.from));
    if (group.to != group.from)
      label(23, "–" + readableNumber(group.to));
    summary += (i ? "; " : "") + span + ": " + readableNumber(group.mean);
  }
  return frame.draw(text, {}, summary, marks);
}

std::string renderHistogram(const ChartText &text, const std::vector<double> &x,
                            const std::vector<double> &other, const std::string &name,
                            const std::string &otherName) {
  std::vector<double> all;
  for (const std::vector<double> *side : {&x, &other})
    std::copy_if(side->begin(), side->end(), std::back_inserter(all),
                 [](double value) { return std::isfinite(value); });
  if (all.empty())
    return {};
  auto [low, high] = std::minmax_element(all.begin(), all.end());
  double from = *low, width = (*high - *low) / static_cast<double>(kBins);
  if (!(width > 0))
    width = 1.0 / kBins;
  std::vector<std::vector<double>> counts(other.empty() ? 1 : 2, std::vector<double>(kBins, 0));
  for (std::size_t side = 0; side < counts.size(); ++side)
    for (double value : side == 0 ? x : other)
      if (std::isfinite(value))
        ++counts[side][std::min(kBins - 1, static_cast<std::size_t>((value - from) / width))];
  double most = 1;
  for (const std::vector<double> &side : counts)
    most = std::max(most, *std::max_element(side.begin(), side.end()));
  ChartFrame frame(ChartAxis::of(from, from + width * kBins, kTicksX),
                   ChartAxis::of(0, most, kTicksY));
  std::string marks;
  for (std::size_t bin = 0; bin < kBins; ++bin)
    for (std::size_t side = 0; side < counts.size(); ++side) {
      double left = frame.x(from + width * static_cast<double>(bin));
      double room = frame.x(from + width * static_cast<double>(bin + 1)) - left;
      double part = room / static_cast<double>(counts.size());
      if (counts[side][bin] > 0)
        marks += bar(left + part * static_cast<double>(side) + 0.5, part - 1,
                     frame.y(counts[side][bin]), frame.bottom(), side,
                     readableNumber(from + width * static_cast<double>(bin)) +
                         " and more: " + readableNumber(counts[side][bin]));
    }
  std::vector<std::string> legend;
  if (counts.size() > 1)
    legend = {name, otherName};
  return frame.draw(text, legend,
                    "values from " + readableNumber(*low) + " to " + readableNumber(*high),
                    marks);
}

std::string renderPoints(const ChartText &text, const std::vector<double> &x,
                         const std::vector<double> &y) {
  std::vector<Point> points = finitePairs(x, y);
  if (points.empty())
    return {};
  double low = points[0].first, high = low;
  for (auto [a, b] : points) {
    low = std::min({low, a, b});
    high = std::max({high, a, b});
  }
  ChartFrame frame(ChartAxis::of(low, high, kTicksX), ChartAxis::of(low, high, kTicksY));
  std::string marks = "<polyline class=\"reference\" points=\"" + coordinate(frame.x(low)) +
                      "," + coordinate(frame.y(low)) + " " + coordinate(frame.x(high)) + "," +
                      coordinate(frame.y(high)) + "\"/>";
  std::size_t stride = (points.size() + kMostPoints - 1) / kMostPoints;
  for (std::size_t i = 0; i < points.size(); i += stride)
    marks += "<circle class=\"s0 many\" r=\"2.2\" cx=\"" +
             coordinate(frame.x(points[i].first)) + "\" cy=\"" +
             coordinate(frame.y(points[i].second)) + "\"/>";
  return frame.draw(text, {},
                    readableCount(static_cast<std::int64_t>(points.size())) + " points from " +
                        readableNumber(low) + " to " + readableNumber(high),
                    marks);
}

} // namespace ftc::rt
