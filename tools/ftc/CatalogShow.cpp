// `ftc catalog show`: what the catalog and the files say of one model, and what each method
// takes.
#include "catalog/HubCache.h"
#include "catalog/ModelFacts.h"
#include "catalog/Pull.h"
#include "compiler/Adapter.h"
#include "compiler/MethodCost.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "tools/flags/FlagSet.h"
#include "tools/flags/FlagValues.h"
#include "tools/ftc/CatalogCommand.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

namespace ftc::cli {

using Json = nlohmann::ordered_json;

namespace {

/// A model as it was asked for: in the catalog, here, or both.
struct Shown {
  std::string name;
  const catalog::Entry *entry = nullptr;
  std::vector<catalog::Found> copies;
  std::optional<catalog::ModelFacts> facts; ///< of the first copy
};

rt::Result<Shown> look(const std::string &model) {
  Shown shown;
  shown.name = model;
  catalog::SearchPlaces places = catalog::defaultPlaces();
  if (isAdapterDirectory(model)) {
    std::string base = adapterBaseName(model);
    return rt::Status::error(model + ": is a PEFT adapter, expected a whole model" +
                             (base.empty() ? std::string("; show the model that it adapts")
                                           : "; it adapts " + rt::quote(base, 200) +
                                                 ": show that"));
  }
  if (rt::pathKind(model) != rt::PathKind::Missing) {
    shown.copies.push_back({model, nullptr, model, "path"});
  } else if ((shown.entry = catalog::findEntry(model))) {
    shown.name = shown.entry->name;
    shown.copies = catalog::findCopies(*shown.entry, places);
  } else {
    FTC_ASSIGN_OR_RETURN(std::string path, catalog::resolve(model, places));
    shown.copies = catalog::findCopies(model, places);
  }
  if (!shown.copies.empty()) {
    FTC_ASSIGN_OR_RETURN(shown.facts, catalog::readFacts(shown.copies.front().path));
  }
  return shown;
}

Json sizesJson(const Shown &shown) {
  Json sizes = Json::object();
  if (shown.facts) {
    for (const auto &[name, value] : shown.facts->sizes)
      sizes[name] = Json::parse(value, nullptr, /*allow_exceptions=*/false);
  } else if (shown.entry) {
    for (const auto &[name, value] : shown.entry->sizes)
      sizes[name] = value;
  }
  return sizes;
}

const std::vector<std::string> *tasksOf(const std::string &modelType) {
  for (const catalog::Family &family : catalog::families())
    if (family.modelType == modelType)
      return &family.tasks;
  return nullptr;
}

/// The files that a checkpoint of the family usually has and this copy lacks.
std::vector<std::string> missingFiles(const Shown &shown) {
  std::vector<std::string> missing;
  if (!shown.facts)
    return missing;
  auto has = [&](std::string_view name) {
    return std::any_of(shown.facts->files.begin(), shown.facts->files.end(),
                       [&](const catalog::ModelFile &file) { return file.name == name; });
  };
  bool gguf =
      std::any_of(shown.facts->files.begin(), shown.facts->files.end(),
                  [](const catalog::ModelFile &file) { return file.name.ends_with(".gguf"); });
  for (const catalog::Family &family : catalog::families())
    if (family.modelType == shown.facts->modelType && !gguf)
      for (const std::string &name : family.files)
        // Either of a tokenizer's forms will do, and shards for the one file.
        if (!has(name) &&
            !(name == "model.safetensors" && has("model.safetensors.index.json")) &&
            !(name != "config.json" && name != "model.safetensors" && has("tokenizer.json")) &&
            !(name == "tokenizer.json" && shown.facts->tokenizerProblem.empty()))
          missing.push_back(name);
  return missing;
}

Json factsJson(const Shown &shown) {
  const std::string modelType = shown.facts ? shown.facts->modelType : shown.entry->modelType;
  Json out;
  out["name"] = shown.name;
  out["repo"] = shown.entry ? Json(shown.entry->repo) : Json();
  out["family"] = modelType;
  if (shown.facts && !shown.facts->architecture.empty())
    out["architecture"] = shown.facts->architecture;
  out["parameters"] = shown.facts ? shown.facts->parameters : shown.entry->parameters;
  out["sizes"] = sizesJson(shown);
  const std::vector<std::string> *tasks = tasksOf(modelType);
  out["tasks"] = tasks ? Json(*tasks) : Json::array();
  out["license"] =
      shown.entry && !shown.entry->license.empty() ? Json(shown.entry->license) : Json();
  if (shown.entry) {
    out["languages"] = shown.entry->languages;
    out["context"] = shown.entry->context;
    out["gated"] = shown.entry->gated;
  }
  if (shown.facts) {
    out["stored_as"] = shown.facts->types;
    out["tokenizer"] = shown.facts->tokenizer;
    if (!shown.facts->tokenizerProblem.empty())
      out["tokenizer_problem"] = shown.facts->tokenizerProblem;
  }
  out["copies"] = Json::array();
  for (const catalog::Found &copy : shown.copies)
    out["copies"].push_back({{"path", copy.path}, {"origin", copy.origin}});
  if (shown.facts) {
    for (const catalog::ModelFile &file : shown.facts->files)
      out["files"][file.name] = file.bytes;
    out["missing_files"] = missingFiles(shown);
  } else {
    std::string cache = catalog::hubCacheDirectory();
    out["pull"] = {{"command", "ftc catalog pull " + shown.name},
                   {"into", cache.empty()
                                ? cache
                                : rt::joinPath(cache, catalog::repoFolder(shown.entry->repo))},
                   {"files", catalog::familyOf(*shown.entry).files},
                   {"weights_bytes_in_fp32", 4 * shown.entry->parameters}};
  }
  return out;
}

std::string listed(const Json &array) {
  std::string text;
  for (const Json &value : array)
    text += (text.empty() ? "" : ", ") + value.get<std::string>();
  return text;
}

/// "  key          value", wrapped between words at 80 columns.
void printFact(const std::string &key, const std::string &given) {
  std::string value = rt::escape(given, 2000);
  constexpr std::size_t indent = 14, columns = 80;
  std::string line = key + std::string(key.size() < indent ? indent - key.size() : 1, ' ');
  std::string out;
  for (std::size_t at = 0; at <= value.size();) {
    std::size_t end = std::min(value.find(' ', at), value.size());
    std::string word = value.substr(at, end - at);
    if (line.size() > indent && line.size() + word.size() > columns) {
      out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
      line = std::string(indent, ' ');
    }
    line += word + " ";
    at = end + 1;
  }
  out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  std::fwrite(out.data(), 1, out.size(), stdout);
}

std::string shortBytes(std::int64_t bytes) {
  return bytes < 1 << 20 ? std::to_string((bytes + 1023) / 1024) + " KiB"
                         : rt::mebibytes(bytes);
}

void printFacts(const Json &out) {
  auto text = [&](const char *key) {
    return out.contains(key) && out[key].is_string() ? out[key].get<std::string>() : "";
  };
  printFact("model", text("name") + (text("repo").empty() ? "" : " (" + text("repo") + ")"));
  std::string sizes;
  for (auto &[name, value] : out["sizes"].items())
    sizes += (sizes.empty() ? "" : ", ") + name + " " + value.dump();
  printFact("architecture",
            text("family") + (text("architecture").empty() ? "" : ", " + text("architecture")) +
                ": " + sizes);
  std::int64_t parameters = out["parameters"].get<std::int64_t>();
  printFact("parameters",
            std::to_string(parameters) + " (" + shortCount(parameters) + ")" +
                (text("stored_as").empty() ? "" : ", stored as " + text("stored_as")));
  printFact("tasks", listed(out["tasks"]));
  if (!text("tokenizer").empty())
    printFact("tokenizer", text("tokenizer"));
  if (!text("tokenizer_problem").empty())
    printFact("", "cannot be read: " + text("tokenizer_problem"));
  printFact("licence", text("license").empty()
                           ? "not stated in the catalog: see the model's card"
                           : text("license"));
  if (out.contains("languages"))
    printFact("languages", listed(out["languages"]) + "; up to " + out["context"].dump() +
                               " tokens" +
                               (out["gated"] == true ? "; gated: pull needs HF_TOKEN" : ""));
  for (const Json &copy : out["copies"])
    printFact("here",
              copy["path"].get<std::string>() + " (" + copy["origin"].get<std::string>() + ")");
  if (out.contains("files")) {
    std::string files;
    for (auto &[name, bytes] : out["files"].items())
      files += (files.empty() ? "" : ", ") + name + " " + shortBytes(bytes.get<std::int64_t>());
    printFact("files", files);
    if (!out["missing_files"].empty())
      printFact("missing", listed(out["missing_files"]));
  }
  if (out.contains("pull"))
    printFact("not here",
              out["pull"]["command"].get<std::string>() + " would fetch " +
                  listed(out["pull"]["files"]) + ", about " +
                  rt::mebibytes(out["pull"]["weights_bytes_in_fp32"].get<std::int64_t>()) +
                  " of weights in fp32 (half where the hub has them in 16 bits), into " +
                  out["pull"]["into"].get<std::string>());
}

} // namespace

namespace {

/// What methods are planned for: the rest is as `ftc compile` without a data file has it.
struct CostQuestion {
  std::string task, precision = "fp32";
  std::int64_t maxSequenceLength = 0, threads = 0, labels = 2;
  TypicalBatch batch;
};

std::vector<std::string> labelsOf(const CostQuestion &question) {
  std::vector<std::string> labels;
  if (question.task == "token-classification") {
    labels.push_back("O");
    for (std::int64_t i = 1; i < question.labels; ++i)
      labels.push_back("B-" + std::to_string(i));
  } else if (question.task == "text-classification") {
    for (std::int64_t i = 0; i < question.labels; ++i)
      labels.push_back(std::to_string(i));
  }
  return labels;
}

/// Each method's memory and time on this machine; one that the model or task has not says why.
Json costsJson(const std::string &path, CostQuestion &question) {
  CompileOptions options;
  options.model = path;
  options.task = question.task;
  options.labels = labelsOf(question);
  options.precision = question.precision;
  options.maxSequenceLength = question.maxSequenceLength;
  unsigned threads = question.threads ? static_cast<unsigned>(question.threads)
                                      : std::max(1u, std::thread::hardware_concurrency());
  Json out{{"task", question.task}, {"labels", options.labels.size()}};
  std::optional<MachineSpeed> machine;
  for (const char *method : {"full", "lora", "head", "layers:2"}) {
    options.pipeline = {};
    options.pipeline.method = method;
    rt::Result<MethodCost> cost = methodCost(options, question.batch);
    Json entry{{"method", method}};
    if (!cost) {
      entry["refused"] = cost.status().message();
      out["methods"].push_back(entry);
      continue;
    }
    if (!machine) {
      machine = measureMachine(threads, question.precision == "bf16");
      out["max_seq_length"] = cost->maxSequence;
      out["max_tokens"] = cost->maxTokens;
      out["batch"] = {{"examples", question.batch.sequences},
                      {"tokens", question.batch.tokens}};
      out["machine"] = {{"threads", threads},
                        {"gflops", machine->flops * 1e-9},
                        {"memory_gb_per_s", machine->bytes * 1e-9}};
    }
    double thousand = 1000.0 / static_cast<double>(question.batch.sequences);
    entry["trained_parameters"] = cost->trainable;
    entry["peak_bytes"] = cost->peakBytes;
    entry["peak_bytes_of_several_micro_batches"] = cost->severalPeakBytes;
    entry["several_micro_batches"] = cost->severalMicroBatches;
    entry["seconds_per_1000_examples"] = thousand * estimateStepSeconds(*cost, *machine);
    entry["seconds_per_1000_examples_of_later_epochs"] =
        thousand * estimateLaterStepSeconds(*cost, *machine);
    out["methods"].push_back(entry);
  }
  return out;
}

std::string shortSeconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text,
                seconds < 10    ? "%.1f s"
                : seconds < 600 ? "%.0f s"
                                : "%.0f min",
                seconds < 600 ? seconds : seconds / 60);
  return text;
}

void printCosts(const Json &costs) {
  static const TableColumn columns[] = {{"METHOD"},
                                        {"TRAINED", true},
                                        {"PEAK MEMORY", true},
                                        {"1,000 EXAMPLES", true},
                                        {"LATER EPOCHS", true}};
  std::vector<std::vector<std::string>> rows;
  std::string refusals;
  for (const Json &method : costs["methods"]) {
    std::string name = method["method"].get<std::string>();
    if (method.contains("refused")) {
      refusals += name + ": " + method["refused"].get<std::string>() + "\n";
      continue;
    }
    bool several = method["several_micro_batches"].get<bool>();
    rows.push_back(
        {name, shortCount(method["trained_parameters"].get<std::int64_t>()),
         rt::mebibytes(method[several ? "peak_bytes_of_several_micro_batches" : "peak_bytes"]
                           .get<std::int64_t>()),
         shortSeconds(method["seconds_per_1000_examples"].get<double>()),
         shortSeconds(method["seconds_per_1000_examples_of_later_epochs"].get<double>())});
  }
  std::printf("\n");
  if (!rows.empty()) {
    std::printf("%s", alignedTable(columns, rows).c_str());
    printFact("", "for " + costs["task"].get<std::string>() + ", sequences to " +
                      costs["max_seq_length"].dump() + " tokens, micro-batches to " +
                      costs["max_tokens"].dump() +
                      "; memory is the plan's, exact. Times are estimated for "
                      "batches of " +
                      costs["batch"]["examples"].dump() + " examples of " +
                      costs["batch"]["tokens"].dump() +
                      " tokens from the plan's operations and what was "
                      "measured of this machine just now");
  }
  if (!refusals.empty())
    std::fputs(refusals.c_str(), stdout);
}

} // namespace

rt::Status catalogShowCommand(std::span<const std::string> arguments) {
  std::string model;
  bool json = false;
  CostQuestion question;
  FlagSet flags("ftc catalog show", "MODEL [--task TASK] [--json]",
                "Shows one model: what it is, where it lies, and what each method takes.");
  flags.positional("MODEL", model, "a name of the catalog, a hub's OWNER/NAME, or a directory");
  flags.group("What the methods take, of a model that is here");
  flags.choice("task", question.task,
               {"text-classification", "token-classification", "question-answering",
                "text-generation", "summarization", "translation"},
               "what the model is to be tailored to");
  flags.shownDefault("the family's first");
  flags.integer("batch_size", question.batch.sequences, {1, 1 << 16}, "examples in a step");
  flags.integer("seq_length", question.batch.tokens, {1, 1 << 16},
                "tokens of a typical example");
  flags.integer("max_seq_length", question.maxSequenceLength, {3, 1 << 20},
                "as of ftc compile: longest input in tokens");
  flags.shownDefault("the model's");
  flags.integer("num_labels", question.labels, {2, 100000}, "of the classification tasks");
  flags.choice("precision", question.precision, {"fp32", "bf16"},
               "what products are computed in");
  flags.integer("threads", question.threads, {1, 1024}, "threads of the CPU that train");
  flags.shownDefault("all");
  flags.group("Output");
  flags.boolean("json", json, "print JSON");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return {};
  FTC_ASSIGN_OR_RETURN(Shown shown, look(model));
  Json out = factsJson(shown);
  const std::vector<std::string> *tasks =
      shown.facts ? tasksOf(shown.facts->modelType) : nullptr;
  if (tasks) {
    if (question.task.empty())
      question.task = tasks->front();
    if (std::find(tasks->begin(), tasks->end(), question.task) == tasks->end())
      return rt::Status::usage("--task " + question.task + ": " + shown.facts->modelType +
                               " models have " + join(*tasks, ", "));
    out["costs"] = costsJson(shown.copies.front().path, question);
    const Json &longest = out["costs"]["max_seq_length"];
    if (flags.given("seq_length") && longest.is_number() &&
        longest.get<std::int64_t>() < question.batch.tokens)
      return rt::Status::usage("--seq_length: expected at most " + longest.dump() +
                               ", the longest input of this model, got " +
                               std::to_string(question.batch.tokens));
  }
  if (json)
    std::printf("%s\n", out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  else
    printFacts(out);
  if (!json && out.contains("costs"))
    printCosts(out["costs"]);
  return {};
}

} // namespace ftc::cli
