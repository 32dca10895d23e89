// One HTTP request at a time over libcurl, its redirects left to the caller.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace ftc::catalog {

/// What a server answered, or why it did not.
struct HttpResponse {
  long status = 0;     ///< 0: no answer came
  std::string failure; ///< of the connection or the transfer; empty: it ended as it should
  bool stalled = false;
  bool elsewhere = false; ///< a redirect led to another origin, which answered
  std::map<std::string, std::string> headers; ///< names in lower case; the last of equals
  std::string body;                           ///< the first 64 KiB, where no sink took it

  /// Whether the body is a web page: what no hub sends for a file or an API's answer.
  bool isWebPage() const;
  /// A header's value; empty: there is none.
  std::string_view header(const std::string &name) const;
};

/// Takes a body of status 200 or 206: called once with the response before the first byte, and
/// then with each piece. A failure ends the transfer and is HttpClient::send's result.
class BodySink {
public:
  virtual ~BodySink() = default;
  virtual rt::Status begin(const HttpResponse &response) = 0;
  virtual rt::Status write(std::string_view piece) = 0;
};

struct HttpRequest {
  std::string url;
  bool head = false;
  std::string token;           ///< "Authorization: Bearer"; empty: none
  std::uint64_t from = 0;      ///< "Range: bytes=FROM-"; 0: no such header
  BodySink *sink = nullptr;    ///< else `body` has it, up to `most` bytes
  std::size_t most = 64 << 10; ///< a longer body is a failure
};

/// Connections are kept between requests. Proxies are libcurl's (https_proxy, no_proxy),
/// certificates the system's, or those of SSL_CERT_FILE or CURL_CA_BUNDLE.
class HttpClient {
public:
  /// Connecting may take `connectSeconds`; a transfer that brings nothing for `stallSeconds`
  /// ends.
  static rt::Result<HttpClient> make(long connectSeconds, long stallSeconds);
  ~HttpClient();
  HttpClient(HttpClient &&) noexcept;

  /// Fails only where the sink does; what the network did is in the response.
  rt::Result<HttpResponse> send(const HttpRequest &request);

private:
  HttpClient();
  struct State;
  std::unique_ptr<State> state;
};

/// "https://host:443" of a URL, in lower case and with its port; empty: it is no http or https
/// URL, or names a user.
std::string originOf(const std::string &url);

/// A URL for messages: "***" in place of user and password, and without what follows '?'
/// (signatures of stores); also of text that is no URL.
std::string withoutSecrets(const std::string &url);

/// A Location against the URL that answered with it.
std::string resolveUrl(const std::string &base, const std::string &location);

/// Everything but letters, digits and "-._~" as %XX.
std::string percentEncode(std::string_view text);

} // namespace ftc::catalog
