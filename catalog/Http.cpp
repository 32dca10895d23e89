// libcurl's easy interface, with bounds on headers, bodies and idle time.
#include "catalog/Http.h"

#include "catalog/HubCache.h"
#include "runtime/support/Version.h"

#include <algorithm>
#include <cctype>
#include <curl/curl.h>
#include <mutex>

namespace ftc::catalog {

namespace {

constexpr std::size_t kMaxHeaders = 200, kMaxHeaderBytes = 16 << 10;

struct CurlFree {
  void operator()(CURL *curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist *list) const { curl_slist_free_all(list); }
  void operator()(CURLU *url) const { curl_url_cleanup(url); }
};

struct CurlString {
  char *text = nullptr;
  ~CurlString() { curl_free(text); }
};

std::string lowerCase(std::string_view text) {
  std::string lower(text);
  for (char &c : lower)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ')
    text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ')
    text.remove_suffix(1);
  return text;
}

/// A transfer while it runs.
struct Transfer {
  CURL *curl;
  const HttpRequest &request;
  HttpResponse &response;
  bool begun = false, tooLong = false;
  rt::Status sinkStatus{};

  bool isContent() {
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
    return response.status == 200 || response.status == 206;
  }
};

std::size_t onHeader(char *data, std::size_t, std::size_t bytes, void *opaque) {
  Transfer &transfer = *static_cast<Transfer *>(opaque);
  std::string_view line(data, bytes);
  auto &headers = transfer.response.headers;
  if (line.starts_with("HTTP/")) { // a new answer, after "100 Continue" or a proxy's
    headers.clear();
    return bytes;
  }
  std::size_t colon = line.find(':');
  if (colon == line.npos)
    return bytes;
  if (headers.size() >= kMaxHeaders || bytes > kMaxHeaderBytes)
    return 0;
  headers[lowerCase(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
  return bytes;
}

std::size_t onBody(char *data, std::size_t, std::size_t bytes, void *opaque) {
  Transfer &transfer = *static_cast<Transfer *>(opaque);
  std::string_view piece(data, bytes);
  bool content = transfer.isContent();
  if (!content || !transfer.request.sink) {
    std::string &body = transfer.response.body;
    if (body.size() + bytes > (content ? transfer.request.most : kMaxHeaderBytes)) {
      transfer.tooLong = content;
      return 0;
    }
    body += piece;
    return bytes;
  }
  if (!transfer.begun) {
    transfer.begun = true;
    transfer.sinkStatus = transfer.request.sink->begin(transfer.response);
  }
  if (transfer.sinkStatus)
    transfer.sinkStatus = transfer.request.sink->write(piece);
  return transfer.sinkStatus ? bytes : 0;
}

} // namespace

std::string_view HttpResponse::header(const std::string &name) const {
  auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

bool HttpResponse::isWebPage() const {
  std::string type = lowerCase(header("content-type"));
  return type.starts_with("text/html") || type.starts_with("application/xhtml");
}

struct HttpClient::State {
  std::unique_ptr<CURL, CurlFree> curl;
  long connectSeconds = 0, stallSeconds = 0;
};

HttpClient::HttpClient() : state(std::make_unique<State>()) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient &&) noexcept = default;

rt::Result<HttpClient> HttpClient::make(long connectSeconds, long stallSeconds) {
  static std::once_flag once;
  static CURLcode ready = CURLE_OK;
  std::call_once(once, [] { ready = curl_global_init(CURL_GLOBAL_DEFAULT); });
  HttpClient client;
  client.state->curl.reset(ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (!client.state->curl)
    return rt::Status::error("libcurl cannot be started");
  client.state->connectSeconds = connectSeconds;
  client.state->stallSeconds = stallSeconds;
  return client;
}

static void setOptions(CURL *curl, long connectSeconds, long stallSeconds) {
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, rt::versionString());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stallSeconds);
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  for (const char *variable : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"})
    if (std::string file = environment(variable); !file.empty())
      curl_easy_setopt(curl, CURLOPT_CAINFO, file.c_str());
}

rt::Result<HttpResponse> HttpClient::send(const HttpRequest &request) {
  CURL *curl = state->curl.get();
  curl_easy_reset(curl); // options go, connections stay
  setOptions(curl, state->connectSeconds, state->stallSeconds);
  HttpResponse response;
  Transfer transfer{curl, request, response};
  // Compressed transfers would make sizes and ranges those of another text.
  curl_slist *list = curl_slist_append(nullptr, "Accept-Encoding: identity");
  if (!request.token.empty())
    list = curl_slist_append(list, ("Authorization: Bearer " + request.token).c_str());
  std::unique_ptr<curl_slist, CurlFree> headers(list);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOBODY, request.head ? 1L : 0L);
  std::string range = std::to_string(request.from) + "-";
  if (request.from > 0)
    curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  char error[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, onHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, onBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  CURLcode code = curl_easy_perform(curl);
  bool content = transfer.isContent();
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  if (!transfer.sinkStatus)
    return std::move(transfer.sinkStatus);
  // An empty body never reached the sink.
  if (code == CURLE_OK && content && request.sink && !transfer.begun && !request.head)
    FTC_RETURN_IF_ERROR(request.sink->begin(response));
  if (code != CURLE_OK && (content || response.status == 0))
    response.failure = transfer.tooLong ? "the answer is longer than any such answer should be"
                       : error[0]       ? error
                                        : curl_easy_strerror(code);
  response.stalled = code == CURLE_OPERATION_TIMEDOUT;
  return response;
}

std::string originOf(const std::string &url) {
  std::unique_ptr<CURLU, CurlFree> parsed(curl_url());
  CurlString scheme, host, port, user;
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_SCHEME, &scheme.text, 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &host.text, 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_PORT, &port.text, CURLU_DEFAULT_PORT) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_USER, &user.text, 0) != CURLUE_NO_USER)
    return "";
  std::string protocol = lowerCase(scheme.text);
  if (protocol != "http" && protocol != "https")
    return "";
  return protocol + "://" + lowerCase(host.text) + ":" + port.text;
}

std::string withoutSecrets(const std::string &url) {
  std::size_t scheme = url.find("://"), begin = scheme == url.npos ? 0 : scheme + 3;
  std::size_t end = url.rfind('@'); // a password may have any letter in it
  bool named = end != url.npos && end >= begin;
  std::string text = named ? url.substr(0, begin) + "***" + url.substr(end) : url;
  return text.substr(0, text.find('?'));
}

std::string resolveUrl(const std::string &base, const std::string &location) {
  std::unique_ptr<CURLU, CurlFree> parsed(curl_url());
  CurlString url;
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
      curl_url_set(parsed.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_URL, &url.text, 0) != CURLUE_OK)
    return "";
  return url.text;
}

std::string percentEncode(std::string_view text) {
  static const char digits[] = "0123456789ABCDEF";
  std::string out;
  for (unsigned char c : text)
    if ((c < 0x80 && std::isalnum(c)) || c == '-' || c == '.' || c == '_' || c == '~')
      out += static_cast<char>(c);
    else
      out += {'%', digits[c >> 4], digits[c & 15]};
  return out;
}

} // namespace ftc::catalog
