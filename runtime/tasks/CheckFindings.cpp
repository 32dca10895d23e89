// Findings by kind and file, their places bounded.
#include "runtime/tasks/CheckFindings.h"

#include <algorithm>

namespace ftc::rt {

void FindingList::add(Severity severity, std::string_view kind, std::string_view what,
                      FindingPlace place) {
  auto [at, fresh] = byKind.try_emplace({std::string(kind), place.path}, findings.size());
  if (fresh) {
    Finding finding;
    finding.kind = kind;
    finding.what = what;
    finding.severity = severity;
    finding.path = place.path;
    findings.push_back(std::move(finding));
  }
  Finding &finding = findings[at->second];
  ++finding.count;
  if (finding.places.size() < shown)
    finding.places.push_back(std::move(place));
}

void FindingList::addRow(Severity severity, std::string_view kind, std::string_view what,
                         const CheckedFile &file, std::int64_t row, std::string text,
                         std::int64_t item) {
  for (std::int64_t place : {item, std::int64_t{0}})
    if (std::string where = file.table.where(row, place) + ": "; text.starts_with(where))
      text.erase(0, where.size());
  add(severity, kind, what,
      {file.path, file.table.itemLine(row, item), std::move(text), file.table.unit()});
}

std::vector<Finding> FindingList::take() {
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding &a, const Finding &b) { return a.severity < b.severity; });
  return std::move(findings);
}

} // namespace ftc::rt
