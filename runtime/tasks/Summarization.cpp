// Summarization: an encoder-decoder learns to write a text's summary.
#include "runtime/tasks/TargetText.h"
#include "runtime/tasks/TaskRegistry.h"

namespace ftc::rt {

namespace {

class Summarization final : public TargetTextTask {
public:
  std::string_view name() const override { return "summarization"; }

private:
  Result<PairColumns> findPair(const DataTable &table, const ColumnFlags &flags,
                               bool needTarget) const override {
    return findSummaryColumns(table, flags.textColumn, flags.summaryColumn, needTarget);
  }
};

} // namespace

const Task *summarizationTask() {
  static const Summarization task;
  return &task;
}

} // namespace ftc::rt
