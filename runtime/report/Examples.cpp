// Texts of the data, in boxes that keep their direction and their length to themselves.
#include "runtime/report/Sections.h"

namespace ftc::rt {

namespace {

constexpr std::size_t kTextLength = 500, kContextLength = 300,
                      kAnswerLength = 300; ///< characters

std::string box(const char *name, const std::string &text, std::size_t most) {
  return std::string("<dt>") + name + "</dt><dd dir=\"auto\">" +
         escapeHtml(clipText(text, most)) + "</dd>";
}

} // namespace

std::string examplesSection(const Findings &findings) {
  if (findings.worst.empty())
    return {};
  std::string items =
      "<p>The " + escapeHtml(findings.worstBy) + ".</p>\n<ol class=\"examples\">\n";
  for (const ShownExample &one : findings.worst) {
    items += "<li><p class=\"meta\">" + std::string(findings.rowUnit) + " " +
             readableCount(one.line) + ", " + escapeHtml(findings.valueName) + " " +
             readableNumber(one.value) + "</p><dl>";
    items += box("text", one.text, kTextLength);
    if (!one.context.empty())
      items += box("context", one.context, kContextLength);
    if (!one.gold.empty())
      items += box("expected", one.gold, kAnswerLength);
    if (!one.predicted.empty())
      items += box("predicted", one.predicted, kAnswerLength);
    items += "</dl></li>\n";
  }
  return section("Worst examples", items + "</ol>\n");
}

} // namespace ftc::rt
