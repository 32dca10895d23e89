// Translation: an encoder-decoder learns to write a text in another language.
#include "runtime/tasks/TargetText.h"
#include "runtime/tasks/TaskRegistry.h"

namespace ftc::rt {

namespace {

class Translation final : public TargetTextTask {
public:
  std::string_view name() const override { return "translation"; }

private:
  Result<PairColumns> findPair(const DataTable &table, const ColumnFlags &flags,
                               bool needTarget) const override {
    return findTranslationColumns(table, flags.sourceLang, flags.targetLang, needTarget);
  }
};

} // namespace

const Task *translationTask() {
  static const Translation task;
  return &task;
}

} // namespace ftc::rt
