#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "canine/hub/hub_download.hpp"

namespace canine {

/// A request that failed in a way that may pass: no connection, a lost one, a server in trouble.
class PassingTrouble : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A request that would fail again: a server that breaks the rules, a certificate that is not trusted.
class FinalTrouble : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Status line and headers of the last response of a request.
struct HttpResponse {
  long status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case, values printable
  std::string url;                             ///< that answered

  /// "" if there is no such header.
  std::string header(const std::string& lower_case_name) const;
};

/// Requests of a download by libcurl: https only unless the endpoint itself is plain http, the token for the endpoint's
/// host only, and bounds on headers, redirects and silence. Requests throw PassingTrouble or FinalTrouble.
class HttpClient {
 public:
  /// Throws UsageError if the endpoint is no http or https address.
  explicit HttpClient(const DownloadOptions& options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// HEAD. Follows redirects only as long as they name no other host, because the first answer that does so carries the
  /// headers about the file. Any status is an answer, except those that mean passing trouble.
  HttpResponse head(const std::string& url);

  /// Called with each piece of a body whose status is 200 or 206. May throw, which ends the request.
  using Sink = std::function<void(const HttpResponse&, std::span<const std::byte>)>;

  /// GET from byte `from` on. Follows redirects to any host. A status other than 200 and 206 is an answer without a
  /// body.
  HttpResponse get(const std::string& url, uint64_t from, const Sink& sink);

  /// The address that a header Location of this response means.
  static std::string target_of(const HttpResponse& response);

  /// True if the address is at the endpoint itself: same scheme, host and port.
  bool is_endpoint(const std::string& url) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace canine
