// Speed over the run, as far as the log has points.
#include "runtime/report/Sections.h"

#include "runtime/report/Chart.h"

namespace ftc::rt {

std::string speedSection(const ReportData &data) {
  ChartSeries tokens{"tokens a second", {}}, share{"% of peak", {}};
  for (const SpeedPoint &point : data.speed) {
    double step = static_cast<double>(point.step);
    tokens.points.emplace_back(step, point.tokensPerSecond);
    if (data.peakFlops > 0)
      share.points.emplace_back(step, 100 * point.flopsPerSecond / data.peakFlops);
  }
  std::string charts = renderLines({"Tokens a second", "step"}, std::span(&tokens, 1)) +
                       renderLines({"% of the arithmetic peak", "step"}, std::span(&share, 1));
  if (!charts.empty())
    charts = "<div class=\"charts\">\n" + charts + "</div>\n";
  return section("Speed", factTable("Over the whole run", data.throughput) + charts);
}

} // namespace ftc::rt
