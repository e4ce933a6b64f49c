#include "http_client.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <optional>

#include "canine/core/ascii_lower.hpp"
#include "canine/core/errors.hpp"
#include "environment.hpp"

namespace canine {
namespace {

constexpr long kMaxRedirects = 5;
constexpr size_t kMaxHeaderBytes = size_t{128} << 10;  // of all responses to one request
constexpr size_t kMaxErrorBodyBytes = size_t{64} << 10;
constexpr long kSlowBytesPerSecond = 1000;

/// Parts of an address, by libcurl's own parser, so that nobody else understands it otherwise.
class Url {
 public:
  explicit Url(const std::string& text) : handle_(curl_url()) { set(text); }
  ~Url() { curl_url_cleanup(handle_); }
  Url(const Url&) = delete;
  Url& operator=(const Url&) = delete;

  bool valid() const { return valid_; }
  /// Replaces the address by what `text`, which may be relative, means in a document at this address.
  void set(const std::string& text) { valid_ = curl_url_set(handle_, CURLUPART_URL, text.c_str(), 0) == CURLUE_OK; }

  /// A part of the address, or all of it (CURLUPART_URL); "" if it has none.
  std::string part(CURLUPart name, unsigned flags = 0) const {
    char* text = nullptr;
    if (curl_url_get(handle_, name, &text, flags) != CURLUE_OK) return "";
    std::string copy = text;
    curl_free(text);
    return copy;
  }
  /// Scheme, host and port.
  std::string origin() const {
    return ascii_lower(part(CURLUPART_SCHEME) + "://" + part(CURLUPART_HOST) + ":" +
                       part(CURLUPART_PORT, CURLU_DEFAULT_PORT));
  }

 private:
  CURLU* handle_;
  bool valid_ = false;
};

/// Without blanks around and control characters inside.
std::string cleaned(std::string_view value) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!value.empty() && blank(value.front())) value.remove_prefix(1);
  while (!value.empty() && blank(value.back())) value.remove_suffix(1);
  std::string text(value);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  return text;
}

/// One request on its way: what libcurl's callbacks fill.
struct Exchange {
  CURL* curl = nullptr;
  HttpResponse response;
  const HttpClient::Sink* sink = nullptr;
  size_t header_bytes = 0;
  size_t error_body_bytes = 0;
  std::exception_ptr failure;  // thrown on once libcurl, which is C, has returned

  void take_header(std::string_view line) {
    header_bytes += line.size();
    if (header_bytes > kMaxHeaderBytes)
      throw FinalTrouble(fmt::format("the server sent more than {} bytes of headers", kMaxHeaderBytes));
    if (line.starts_with("HTTP/")) response.headers.clear();  // the next response of a chain
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      response.headers[ascii_lower(std::string(line.substr(0, colon)))] = cleaned(line.substr(colon + 1));
    }
  }

  void take_body(std::span<const std::byte> bytes) {
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
    if (sink != nullptr && (response.status == 200 || response.status == 206)) return (*sink)(response, bytes);
    error_body_bytes += bytes.size();
    if (error_body_bytes > kMaxErrorBodyBytes)
      throw FinalTrouble(fmt::format("HTTP status {} with an endless body", response.status));
  }
};

/// Runs `body`; what it throws stays in `exchange`, and the count that comes back makes libcurl end the request.
template <typename Body>
size_t guarded(Exchange& exchange, size_t bytes, const Body& body) {
  try {
    body();
    return bytes;
  } catch (...) {
    exchange.failure = std::current_exception();
    return 0;
  }
}

size_t on_header(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  return guarded(exchange, size * count, [&] { exchange.take_header({data, size * count}); });
}

size_t on_body(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  return guarded(exchange, size * count, [&] { exchange.take_body(std::as_bytes(std::span(data, size * count))); });
}

/// Failures that another attempt would only meet again.
bool is_final(CURLcode code) {
  constexpr std::array kFinal = {
      CURLE_UNSUPPORTED_PROTOCOL,     CURLE_URL_MALFORMAT,      CURLE_TOO_MANY_REDIRECTS,
      CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_OUT_OF_MEMORY,
      CURLE_SSL_CERTPROBLEM,          CURLE_SSL_CIPHER,         CURLE_FILE_COULDNT_READ_FILE};
  return std::find(kFinal.begin(), kFinal.end(), code) != kFinal.end();
}

/// Headers of a request; libcurl itself drops Authorization when a redirect leads to another host.
class RequestHeaders {
 public:
  explicit RequestHeaders(const std::string& token) {
    add("Accept-Encoding: identity");
    if (!token.empty()) add("Authorization: Bearer " + token);
  }
  ~RequestHeaders() { curl_slist_free_all(list_); }
  RequestHeaders(const RequestHeaders&) = delete;
  RequestHeaders& operator=(const RequestHeaders&) = delete;

  curl_slist* get() const { return list_; }

 private:
  void add(const std::string& line) { list_ = curl_slist_append(list_, line.c_str()); }
  curl_slist* list_ = nullptr;
};

/// True if a Location names no host.
bool is_relative(std::string_view location) {
  return !location.empty() && !location.starts_with("//") && location.find("://") == std::string_view::npos;
}

bool is_passing(long status) { return status == 408 || status == 429 || status >= 500; }

void initialize_curl_once() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  if (!done) throw InternalError("libcurl could not be started");
}

}  // namespace

struct HttpClient::State {
  const DownloadOptions& options;
  CURL* curl = nullptr;
  std::string endpoint_origin;
  const char* protocols = "https";
  std::optional<std::string> certificates;

  explicit State(const DownloadOptions& download_options) : options(download_options) {
    const Url endpoint(options.endpoint);
    const std::string scheme = endpoint.valid() ? endpoint.part(CURLUPART_SCHEME) : "";
    if (scheme != "https" && scheme != "http") {
      throw UsageError("HF_ENDPOINT: expected an address such as https://huggingface.co, got '{}'",
                       cleaned(options.endpoint));
    }
    if (scheme == "http") protocols = "http,https";
    endpoint_origin = endpoint.origin();
    for (const char* name : {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
      if (!certificates) certificates = variable(name);
    }
    initialize_curl_once();
    curl = curl_easy_init();
    if (curl == nullptr) throw InternalError("libcurl could not be started");
  }
  ~State() { curl_easy_cleanup(curl); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  HttpResponse run(const std::string& url, const Sink* sink, curl_slist* headers) const;
};

HttpResponse HttpClient::State::run(const std::string& url, const Sink* sink, curl_slist* headers) const {
  Exchange exchange{.curl = curl, .response = {}, .sink = sink, .failure = nullptr};
  std::array<char, CURL_ERROR_SIZE> text{};
  // Signals stay libcurl's business: it shields its writes from SIGPIPE, and with a resolver thread it sets no alarms.
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kSlowBytesPerSecond);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "canine.cpp");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text.data());
  if (certificates) {
    curl_easy_setopt(curl, std::filesystem::is_directory(*certificates) ? CURLOPT_CAPATH : CURLOPT_CAINFO,
                     certificates->c_str());
  }

  const CURLcode code = curl_easy_perform(curl);
  char* last_url = nullptr;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange.response.status);
  curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &last_url);
  exchange.response.url = last_url ? last_url : url;
  curl_easy_reset(curl);  // keeps connections
  if (exchange.failure) std::rethrow_exception(exchange.failure);
  if (code != CURLE_OK) {
    const std::string cause = cleaned(text[0] != '\0' ? text.data() : curl_easy_strerror(code));
    if (is_final(code)) throw FinalTrouble(cause);
    throw PassingTrouble(cause);
  }
  if (is_passing(exchange.response.status)) {
    throw PassingTrouble(fmt::format("the server answered with HTTP status {}", exchange.response.status));
  }
  return exchange.response;
}

std::string HttpResponse::header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? "" : found->second;
}

HttpClient::HttpClient(const DownloadOptions& options) : state_(std::make_unique<State>(options)) {}
HttpClient::~HttpClient() = default;

bool HttpClient::is_endpoint(const std::string& url) const {
  const Url parsed(url);
  return parsed.valid() && parsed.origin() == state_->endpoint_origin;
}

std::string HttpClient::target_of(const HttpResponse& response) {
  Url url(response.url);
  url.set(response.header("location"));
  if (!url.valid()) {
    throw FinalTrouble(fmt::format("the server redirects to '{}', which is no address", response.header("location")));
  }
  return url.part(CURLUPART_URL);
}

HttpResponse HttpClient::head(const std::string& url) {
  const auto& options = state_->options;
  HttpResponse response;
  response.url = url;
  for (long redirects = 0;; ++redirects) {
    if (redirects > kMaxRedirects) throw FinalTrouble(fmt::format("more than {} redirects", kMaxRedirects));
    const RequestHeaders headers(is_endpoint(response.url) ? options.token : "");
    curl_easy_setopt(state_->curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(state_->curl, CURLOPT_TIMEOUT,
                     static_cast<long>((options.connect_timeout + options.stall_timeout).count()));
    response = state_->run(std::string(response.url), nullptr, headers.get());
    const bool redirected = response.status >= 300 && response.status < 400;
    if (!redirected || !is_relative(response.header("location"))) return response;
    response.url = target_of(response);
  }
}

HttpResponse HttpClient::get(const std::string& url, uint64_t from, const Sink& sink) {
  const RequestHeaders headers(is_endpoint(url) ? state_->options.token : "");
  const std::string range = fmt::format("{}-", from);
  curl_easy_setopt(state_->curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(state_->curl, CURLOPT_BUFFERSIZE, 256L << 10);
  if (from > 0) curl_easy_setopt(state_->curl, CURLOPT_RANGE, range.c_str());
  return state_->run(url, &sink, headers.get());
}

}  // namespace canine
