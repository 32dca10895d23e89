// The hub's requests, their redirects and their refusals.
#include "catalog/Hub.h"

#include "catalog/FileContent.h"
#include "catalog/HubCache.h"
#include "catalog/Patience.h"
#include "runtime/io/Json.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <charconv>

namespace ftc::catalog {

constexpr int kMostRedirects = 10;
constexpr std::size_t kMostJson = 32 << 20;
/// A content that was wrong is fetched anew this often.
constexpr int kMostCorrupt = 2;

static bool isHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

rt::Result<std::string> hubToken() {
  std::string token = environment("HF_TOKEN"), source = "HF_TOKEN";
  if (token.empty()) {
    source = environment("HF_TOKEN_PATH");
    if (std::string home = hubHomeDirectory(); source.empty() && !home.empty())
      source = rt::joinPath(home, "token");
    if (!rt::isFile(source))
      return std::string();
    FTC_ASSIGN_OR_RETURN(token, rt::readFile(source, 64 << 10));
  }
  auto space = [](unsigned char c) { return c <= ' '; };
  while (!token.empty() && space(token.back()))
    token.pop_back();
  token.erase(token.begin(), std::find_if_not(token.begin(), token.end(), space));
  if (std::any_of(token.begin(), token.end(),
                  [](unsigned char c) { return c <= ' ' || c > '~'; }))
    return rt::Status::error(source + ": expected a hub's token, one word of plain characters");
  return token;
}

Hub::Hub(HttpClient client, std::string base, std::string token, Persistence persistence)
    : client(std::move(client)), base(std::move(base)), origin(originOf(this->base)),
      token(std::move(token)), persistence(persistence) {}

rt::Result<Hub> Hub::open(std::string endpoint, std::string token, Persistence persistence) {
  while (!endpoint.empty() && endpoint.back() == '/')
    endpoint.pop_back();
  if (originOf(endpoint).empty())
    return rt::Status::error(
        "HF_ENDPOINT: expected a URL such as https://huggingface.co" +
        std::string(endpoint.find('@') == endpoint.npos
                        ? ""
                        : ", without user and password (HF_TOKEN is for that)") +
        ", got " + rt::quote(withoutSecrets(endpoint)));
  FTC_ASSIGN_OR_RETURN(HttpClient client,
                       HttpClient::make(persistence.connectSeconds, persistence.stallSeconds));
  return Hub(std::move(client), std::move(endpoint), std::move(token), persistence);
}

std::string Hub::resolveUrlOf(const std::string &repo, const std::string &commit,
                              const std::string &name) const {
  return base + "/" + repo + "/resolve/" + percentEncode(commit) + "/" + percentEncode(name);
}

rt::Result<HttpResponse> Hub::follow(HttpRequest request, bool stayHere) {
  std::map<std::string, std::string> linked;
  for (int hop = 0; hop <= kMostRedirects; ++hop) {
    std::string here = originOf(request.url);
    request.token = here == origin ? token : "";
    FTC_ASSIGN_OR_RETURN(HttpResponse response, client.send(request));
    response.elsewhere = here != origin;
    if (here == origin) // what the hub itself says of a file, not who stores it
      for (const auto &[name, value] : response.headers)
        if (name.starts_with("x-linked-"))
          linked.try_emplace(name, value);
    bool redirect = response.status >= 301 && response.status <= 308 &&
                    response.status != 304 && response.status != 305 && response.status != 306;
    if (!redirect || !response.failure.empty() || response.header("location").empty() ||
        (stayHere && linked.contains("x-linked-etag"))) {
      for (const auto &[name, value] : linked)
        response.headers[name] = value;
      return response;
    }
    std::string next = resolveUrl(request.url, std::string(response.header("location")));
    std::string there = originOf(next);
    if (there.empty() || (here.starts_with("https:") && there.starts_with("http:")))
      return rt::Status::error(base + ": redirects to " + rt::quote(withoutSecrets(next), 200) +
                               ", expected an address as safe as its own");
    if (stayHere && there != origin)
      return response;
    request.url = next;
  }
  return rt::Status::error(base + ": redirects more than " + std::to_string(kMostRedirects) +
                           " times");
}

rt::Status Hub::refusal(const HttpResponse &response, const std::string &what,
                        const std::string &repo) const {
  std::string_view code = response.header("x-error-code");
  std::string number = " (" + std::to_string(response.status) + ")";
  std::string page = base + "/" + repo;
  if (code == "GatedRepo" || response.status == 403)
    return rt::Status::error(what + ": access is refused" + number +
                             (token.empty()
                                  ? ": agree to the model's terms at " + page +
                                        " and set HF_TOKEN to that account's token"
                                  : ": the account of this token has not agreed to the "
                                    "terms at " +
                                        page + ", or may not read it"));
  if (response.status == 401)
    return rt::Status::error(
        what + (token.empty()
                    ? ": not there, or private" + number + ": check the name, or set HF_TOKEN"
                    : ": the hub does not take this token, or has no such "
                      "model" +
                          number + ": check HF_TOKEN and the name"));
  if (code == "RevisionNotFound")
    return rt::Status::error(what + ": the hub has no such revision" + number +
                             ": leave --revision out for main");
  if (response.status == 404)
    return rt::Status::error(what + ": " + base + " has no such model or file" + number);
  std::string leads = withoutSecrets(std::string(response.header("location")));
  return rt::Status::error(what + ": the hub answers " + std::to_string(response.status) +
                           (leads.empty() ? "" : " and leads to " + rt::quote(leads, 160)) +
                           ", expected 200");
}

rt::Status Hub::webPage(const std::string &what) const {
  return rt::Status::error(what + ": a web page came (text/html) from " + base +
                           ", expected a hub's answer: log in where the network asks for it, "
                           "or check HF_ENDPOINT");
}

rt::Result<HttpResponse> Hub::persist(const HttpRequest &request, const std::string &what,
                                      const std::string &repo) {
  Patience patience(persistence);
  while (true) {
    FTC_ASSIGN_OR_RETURN(HttpResponse response, follow(request, /*stayHere=*/true));
    bool linked = !response.header("x-linked-etag").empty() && response.status < 400;
    if (response.status == 200 && !linked && response.isWebPage())
      return webPage(what);
    if (response.failure.empty() && (response.status == 200 || linked))
      return response;
    if (!mayPass(response))
      return refusal(response, what, repo);
    FTC_RETURN_IF_ERROR(patience.again(what, describeFailure(response), /*kept=*/0,
                                       retryAfterSeconds(response.header("retry-after"))));
  }
}

rt::Result<HubRevision> Hub::revision(const std::string &repo, const std::string &revision) {
  HttpRequest request;
  request.url = base + "/api/models/" + repo + "/revision/" + percentEncode(revision);
  request.most = kMostJson;
  std::string what = repo + (revision == "main" ? "" : "@" + revision);
  FTC_ASSIGN_OR_RETURN(HttpResponse response, persist(request, what, repo));
  std::string source = what + ": the hub's answer";
  FTC_ASSIGN_OR_RETURN(rt::Json json, rt::parseJson(response.body, source));
  FTC_ASSIGN_OR_RETURN(rt::JsonObject object, rt::JsonObject::of(json, source));
  HubRevision found;
  FTC_ASSIGN_OR_RETURN(found.commit, object.string("sha"));
  if (found.commit.size() != 40 || !isHex(found.commit))
    return object.mismatch("sha", "a commit of 40 hexadecimal digits");
  FTC_ASSIGN_OR_RETURN(const rt::Json *siblings, object.array("siblings"));
  for (const rt::Json &value : *siblings) {
    FTC_ASSIGN_OR_RETURN(rt::JsonObject sibling,
                         rt::JsonObject::of(value, source + ": siblings"));
    FTC_ASSIGN_OR_RETURN(std::string name, sibling.string("rfilename"));
    found.files.push_back(std::move(name));
  }
  return found;
}

static std::int64_t parseSize(std::string_view text) {
  std::int64_t value = -1;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

rt::Result<HubFile> Hub::describe(const std::string &repo, const std::string &commit,
                                  const std::string &name) {
  HttpRequest request;
  request.url = resolveUrlOf(repo, commit, name);
  request.head = true;
  std::string what = repo + "/" + name;
  FTC_ASSIGN_OR_RETURN(HttpResponse response, persist(request, what, repo));
  bool linked = !response.header("x-linked-etag").empty();
  std::string_view tag = response.header(linked ? "x-linked-etag" : "etag");
  std::string shown(tag);
  if (tag.starts_with("W/"))
    tag.remove_prefix(2);
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"')
    tag = tag.substr(1, tag.size() - 2);
  if ((tag.size() != 64 && tag.size() != 40) || !isHex(tag))
    return rt::Status::error(what +
                             ": expected a SHA-256 or git's SHA-1 as the hub's ETag, got " +
                             rt::quote(shown) + ": the content could not be checked");
  HubFile file{name, std::string(tag), parseSize(response.header("x-linked-size"))};
  if (file.size < 0 && response.status == 200)
    file.size = parseSize(response.header("content-length"));
  return file;
}

rt::Status Hub::download(const std::string &repo, const std::string &commit,
                         const HubFile &file, const std::string &partial,
                         const std::function<void(std::int64_t)> &seen) {
  std::string what = repo + "/" + file.name;
  FTC_ASSIGN_OR_RETURN(FileContent content, FileContent::open(partial, file, seen));
  Patience patience(persistence);
  int corrupt = 0;
  while (true) {
    if (content.isComplete()) {
      FTC_ASSIGN_OR_RETURN(std::string wrong, content.mismatch());
      if (wrong.empty())
        return content.sync();
      FTC_RETURN_IF_ERROR(content.clear());
      if (++corrupt > kMostCorrupt)
        return rt::Status::error(what + ": " + wrong + ", " + std::to_string(corrupt) +
                                 " times: what the hub sends is not this file; nothing of it "
                                 "was kept");
      FTC_RETURN_IF_ERROR(patience.again(what, wrong, content.bytes()));
    }
    HttpRequest request;
    request.url = resolveUrlOf(repo, commit, file.name);
    request.from = static_cast<std::uint64_t>(content.bytes());
    request.sink = &content;
    content.problem.clear();
    std::int64_t before = content.bytes();
    rt::Result<HttpResponse> response = follow(request, /*stayHere=*/false);
    if (!response && content.problem.empty())
      return response.takeStatus().withContext(what);
    if (content.page)
      return webPage(what);
    if (!content.problem.empty()) {
      if (content.restart)
        FTC_RETURN_IF_ERROR(content.clear());
      FTC_RETURN_IF_ERROR(patience.again(what, content.problem, content.bytes()));
      continue;
    }
    if (content.bytes() > before)
      patience.progressed();
    bool came = response->status == 200 || response->status == 206;
    if (came && response->failure.empty()) {
      if (file.size < 0)
        content.settle();
      if (!content.isComplete())
        FTC_RETURN_IF_ERROR(patience.again(what,
                                           "the hub ended after " +
                                               std::to_string(content.bytes()) + " bytes of " +
                                               std::to_string(file.size),
                                           content.bytes()));
      continue;
    }
    if (response->status == 416 && content.bytes() > 0) {
      FTC_RETURN_IF_ERROR(content.clear());
      FTC_RETURN_IF_ERROR(
          patience.again(what, "the hub does not have the part asked for (416)", 0));
      continue;
    }
    if (!mayPass(*response))
      return refusal(*response, what, repo);
    FTC_RETURN_IF_ERROR(patience.again(what, describeFailure(*response), content.bytes(),
                                       retryAfterSeconds(response->header("retry-after"))));
  }
}

} // namespace ftc::catalog
