// The plan beside what the operating system saw.
#include "runtime/report/Sections.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <cstdio>

namespace ftc::rt {

namespace {

std::string row(const std::string &name, std::int64_t bytes, std::int64_t most,
                const char *cssClass) {
  char bar[96];
  std::snprintf(bar, sizeof bar, "<td class=\"bar\" style=\"--share:%.4f\"></td></tr>\n",
                most > 0 && bytes > 0 ? static_cast<double>(bytes) / static_cast<double>(most)
                                      : 0);
  return "<tr class=\"" + std::string(cssClass) + "\"><th scope=\"row\">" + escapeHtml(name) +
         "</th><td class=\"number\">" + mebibytes(bytes) + "</td>" + bar;
}

} // namespace

std::string memorySection(const ReportData &data) {
  if (data.planned.empty())
    return {};
  std::int64_t most = std::max(data.plannedBytes, data.seenBytes);
  std::string body;
  for (const MemoryPart &part : data.planned)
    if (part.bytes != 0)
      body += row(part.name, part.bytes, most, "part");
  body += row("planned in all", data.plannedBytes, most, "sum");
  body += row("peak of the process", data.seenBytes, most, "sum seen");
  std::string text = scrollingTable("Memory planned and seen", "list memory",
                                    "<tbody>\n" + body + "</tbody>\n");
  if (data.seenBytes >= data.plannedBytes)
    text +=
        "<p>The process had " + mebibytes(data.seenBytes - data.plannedBytes) +
        " beside the plan: the program itself, the data, the tokenizer, and what evaluations "
        "collect.</p>\n";
  else
    text += "<p>" + mebibytes(data.plannedBytes - data.seenBytes) +
            " of the plan were never touched: batches stayed below their capacity.</p>\n";
  return section("Memory", text);
}

} // namespace ftc::rt
