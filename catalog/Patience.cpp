// Exponential waits between tries.
#include "catalog/Patience.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <curl/curl.h>
#include <thread>
#include <unistd.h>

namespace ftc::catalog {

constexpr int kMostTries = 1000;
constexpr double kLongestDelay = 60, kLongestAsked = 600;

/// On a terminal it takes the place of the line that counts bytes.
static void tellWait(const std::string &text) {
  bool terminal = ::isatty(STDERR_FILENO);
  std::fprintf(stderr, terminal ? "\r%-79s\n" : "%s\n", text.c_str());
}

rt::Status Patience::again(const std::string &what, const std::string &reason,
                           std::int64_t kept, double askedSeconds) {
  ++failures;
  ++total;
  if (failures > persistence.retries || total > kMostTries)
    return rt::Status::error(what + ": " + reason + ", " + std::to_string(failures) +
                             (failures == 1 ? " time" : " times") + " in a row; " +
                             (kept > 0 ? "what came is kept, pull again to go on"
                                       : "nothing of it was kept, pull again later"));
  if (askedSeconds > kLongestAsked)
    return rt::Status::error(what + ": " + reason + " and asks to wait " +
                             std::to_string(std::llround(askedSeconds)) +
                             " s: pull again then");
  double delay =
      askedSeconds >= 0
          ? askedSeconds
          : std::min(kLongestDelay, persistence.delaySeconds * std::exp2(failures - 1));
  if (delay >= 1)
    tellWait(rt::escape(what, 120) + ": " + rt::escape(reason, 200) + ": waits " +
             std::to_string(std::llround(delay)) + " s" +
             (askedSeconds >= 0 ? ", as it asks" : "") + ", then tries again (" +
             std::to_string(failures) + " of " + std::to_string(persistence.retries) + ")");
  std::this_thread::sleep_for(std::chrono::duration<double>(delay));
  return {};
}

bool mayPass(const HttpResponse &response) {
  return !response.failure.empty() || response.status == 0 || response.status == 408 ||
         response.status == 429 || response.status >= 500 ||
         (response.elsewhere && response.status >= 400 && response.status != 416);
}

std::string describeFailure(const HttpResponse &response) {
  if (response.stalled)
    return "nothing came any more (" + response.failure + ")";
  if (!response.failure.empty())
    return "the connection broke (" + response.failure + ")";
  return (response.elsewhere ? "where the hub keeps it one answers " : "the hub answers ") +
         std::to_string(response.status) +
         (response.status == 429 ? " (too many requests)" : "");
}

double retryAfterSeconds(std::string_view value) {
  double seconds = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc() && end == value.data() + value.size())
    return seconds >= 0 && seconds < 1e9 ? seconds : -1;
  std::time_t when = curl_getdate(std::string(value).c_str(), nullptr);
  return when < 0 ? -1 : std::max(0.0, std::difftime(when, std::time(nullptr)));
}

} // namespace ftc::catalog
