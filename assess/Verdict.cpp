// The order in which the rules are asked. docs/assess.md has the same list.
#include "assess/Judge.h"

#include <cmath>

namespace ftc::assess {

std::string_view verdictName(Verdict verdict) {
  static constexpr std::string_view names[] = {"ALREADY SATISFIES", "PROBE SUFFICES",
                                               "FINE-TUNE",         "NEED DATA",
                                               "WRONG MODEL",       "INCONCLUSIVE"};
  return names[static_cast<int>(verdict)];
}

int verdictExitCode(Verdict verdict) { return 10 + static_cast<int>(verdict); }

double detectableDifference(double error) { return (1.96 + 0.84) * std::sqrt(2.0) * error; }

void decide(Assessment &assessment) {
  Judge judge(assessment);
  if (judge.satisfied() || judge.tooFewRows() || judge.wrongModel() ||
      judge.tooFewEvaluated() || judge.nothingLearnt() || judge.needsData() ||
      judge.probeSuffices() || judge.tooShortToTell() || judge.tooFewToTell() ||
      judge.fineTune())
    return;
  judge.say(Verdict::Inconclusive,
            "No training run was measured, so nothing says what fine-tuning would give.",
            "Give more time: --time_budget.");
}

} // namespace ftc::assess
