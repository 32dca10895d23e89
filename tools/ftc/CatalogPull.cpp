// `ftc catalog pull`: flags and the hub's environment variables to PullOptions.
#include "catalog/HubCache.h"
#include "catalog/Pull.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "tools/flags/FlagSet.h"
#include "tools/ftc/CatalogCommand.h"

#include <cstdio>

namespace ftc::cli {

/// Whether a variable says yes as huggingface_hub reads it.
static bool isOn(const char *variable) {
  std::string value = catalog::environment(variable);
  for (char &c : value)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

rt::Status catalogPullCommand(std::span<const std::string> arguments) {
  std::string model;
  catalog::PullOptions options;
  std::int64_t retries = options.persistence.retries, stall = options.persistence.stallSeconds;
  options.cache = catalog::hubCacheDirectory();
  FlagSet flags("ftc catalog pull", "MODEL [--revision REV]",
                "Downloads a model from the hub into Hugging Face's cache.");
  flags.positional("MODEL", model, "a name of the catalog, or OWNER/NAME on the hub");
  flags.group("What and where");
  flags.text("revision", options.revision, "REV", "branch, tag or commit");
  flags.text("cache_dir", options.cache, "DIR", "the cache, in huggingface_hub's layout",
             [](std::string_view path) {
               return path.empty() ? rt::Status::error("a folder") : rt::Status::ok();
             });
  flags.shownDefault("HF_HUB_CACHE, HF_HOME/hub or ~/.cache/huggingface/hub");
  flags.group("Network (HF_ENDPOINT names the hub, HF_TOKEN is sent to it alone)");
  flags.integer("retries", retries, {0, 1000},
                "failures in a row that are tried again, each after twice the wait");
  flags.real("retry_delay", options.persistence.delaySeconds, {.least = 0, .most = 600},
             "seconds before the first retry");
  flags.integer("stall_timeout", stall, {1, 86400},
                "seconds without a byte after which a connection is given up");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return {};
  options.persistence.retries = static_cast<int>(retries);
  options.persistence.stallSeconds = stall;
  options.persistence.connectSeconds =
      std::min<long>(stall, options.persistence.connectSeconds);
  const catalog::Entry *entry = catalog::findEntry(model);
  options.repo = entry ? entry->repo : model;
  if (!entry && model.find('/') == std::string::npos)
    return catalog::unknownModel(model);
  if (isOn("HF_HUB_OFFLINE"))
    return rt::Status::error("HF_HUB_OFFLINE is set: nothing is fetched; unset it to pull " +
                             options.repo);
  if (std::string endpoint = catalog::environment("HF_ENDPOINT"); !endpoint.empty())
    options.endpoint = endpoint;
  if (options.cache.empty())
    return rt::Status::error("no folder for the cache: HOME is not set, and the system has no "
                             "home for this user: set HF_HUB_CACHE, or give --cache_dir");
  std::string tokenPath = catalog::environment("HF_TOKEN_PATH");
  if (catalog::environment("HF_TOKEN").empty() && !tokenPath.empty() && !rt::isFile(tokenPath))
    std::fprintf(stderr, "HF_TOKEN_PATH: %s: no such file, so no token is sent\n",
                 rt::quote(tokenPath, 160).c_str());
  FTC_ASSIGN_OR_RETURN(options.token, catalog::hubToken());
  FTC_ASSIGN_OR_RETURN(catalog::PullResult result, catalog::pull(options));
  std::fprintf(stderr, "%s at %s: %d files fetched (%s), %d were there\n", options.repo.c_str(),
               result.commit.substr(0, 12).c_str(), result.fetched,
               rt::mebibytes(result.bytes).c_str(), result.present);
  std::printf("%s\n", result.snapshot.c_str());
  return {};
}

} // namespace ftc::cli
