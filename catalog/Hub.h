// A hub that speaks Hugging Face's API: what a repo's revision holds, and its files with their
// hashes. Redirects are followed; the token goes to the hub's own origin alone.
#pragma once

#include "catalog/Http.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ftc::catalog {

/// How hard the network is tried.
struct Persistence {
  int retries = 5; ///< failures in a row, without a byte in between, that are tried again
  double delaySeconds = 1; ///< before the first; doubled each time, at most 60
  long stallSeconds = 30;  ///< without a byte: the connection is given up
  long connectSeconds = 15;
};

/// A file of a revision, as the hub names its content.
struct HubFile {
  std::string name;       ///< bare
  std::string hash;       ///< SHA-256 (64 digits), or git's SHA-1 of a blob (40)
  std::int64_t size = -1; ///< bytes; -1: not said
};

/// A revision of a repo.
struct HubRevision {
  std::string commit;             ///< 40 hexadecimal digits
  std::vector<std::string> files; ///< paths
};

class Hub {
public:
  /// `endpoint`: "https://huggingface.co"; `token` may be empty.
  static rt::Result<Hub> open(std::string endpoint, std::string token, Persistence persistence);

  /// GET api/models/REPO/revision/REVISION.
  rt::Result<HubRevision> revision(const std::string &repo, const std::string &revision);
  /// HEAD REPO/resolve/COMMIT/NAME: X-Linked-Etag and X-Linked-Size, else ETag and
  /// Content-Length.
  rt::Result<HubFile> describe(const std::string &repo, const std::string &commit,
                               const std::string &name);
  /// Brings a file's content to `partial`, going on behind what is there already, until it has
  /// the size and hash that it should have; it is durable then. On failure what came stays for
  /// another try, unless it is known to be wrong. `seen` is told how many bytes there are, now
  /// and then.
  rt::Status download(const std::string &repo, const std::string &commit, const HubFile &file,
                      const std::string &partial,
                      const std::function<void(std::int64_t)> &seen = {});

  const std::string &endpoint() const { return base; }

private:
  Hub(HttpClient client, std::string base, std::string token, Persistence persistence);
  /// One request through its redirects; with `stayHere` it ends at the hub's own last answer.
  rt::Result<HttpResponse> follow(HttpRequest request, bool stayHere);
  rt::Result<HttpResponse> persist(const HttpRequest &request, const std::string &what,
                                   const std::string &repo);
  rt::Status refusal(const HttpResponse &response, const std::string &what,
                     const std::string &repo) const;
  rt::Status webPage(const std::string &what) const;
  std::string resolveUrlOf(const std::string &repo, const std::string &commit,
                           const std::string &name) const;
  HttpClient client;
  std::string base, origin, token;
  Persistence persistence;
};

/// Seconds that a Retry-After header asks for (a number, or a date); -1: nothing that can be
/// read.
double retryAfterSeconds(std::string_view value);

/// The token of HF_TOKEN, HF_TOKEN_PATH or HF_HOME/token; empty: there is none. Fails on one
/// that no header could carry.
rt::Result<std::string> hubToken();

} // namespace ftc::catalog
