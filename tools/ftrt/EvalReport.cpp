// The sections of a run's page that an evaluation has something to say about.
#include "tools/ftrt/EvalReport.h"

#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/ReportRows.h"

#include <algorithm>
#include <filesystem>

namespace ftc::cli {

rt::Status writeEvalReport(const std::string &path, const EvalFacts &facts,
                           std::vector<std::string> command) {
  rt::ReportData page;
  page.title = std::string(facts.session.task->name()) + ", evaluated";
  page.subtitle = facts.set.path + ", finished " + rt::localTime();
  page.measure = rt::measureOf(facts.session, facts.metrics, "eval", facts.written);
  page.measure.set = "test";
  FTC_ASSIGN_OR_RETURN(page.findings,
                       facts.outputs.findings(*facts.set.table, facts.set.columns));
  page.details = facts.details;
  rt::addMetrics(facts.metrics, page);
  auto examples = static_cast<std::int64_t>(facts.encoded.examples.size());
  page.data = {{"file", facts.set.path},
               {"rows", rt::readableCount(facts.set.size())},
               {"examples encoded", rt::readableCount(examples)},
               {"cut to " + std::to_string(facts.session.encode.maxSeqLength) + " tokens",
                rt::readableCount(facts.encoded.cuts.examples)}};
  double seconds = std::max(facts.result.seconds, 1e-9);
  page.throughput = {{"seconds", rt::readableNumber(facts.result.seconds)},
                     {"examples a second",
                      rt::readableNumber(static_cast<double>(facts.result.examples) / seconds)},
                     {"tokens a second",
                      rt::readableNumber(static_cast<double>(facts.result.tokens) / seconds)}};
  rt::addMemory(facts.session, page);
  page.versions = rt::versionRows(facts.session);
  page.command = std::move(command);
  std::error_code error;
  page.workingDirectory = std::filesystem::current_path(error).string();
  return rt::writeFileAtomic(path, rt::renderReport(page)).withContext("--report_file");
}

} // namespace ftc::cli
