#include "remote_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "attempts.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

constexpr size_t kMaxShownBytes = 300;
constexpr size_t kMaxIdBytes = 128;
constexpr uint64_t kMaxFileBytes = uint64_t{1} << 50;

bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

/// A commit becomes the name of a folder, an ETag that of a file: neither may mean a path.
bool is_commit(const std::string& text) {
  return !text.empty() && text.size() <= kMaxIdBytes && std::all_of(text.begin(), text.end(), is_alphanumeric);
}
bool is_etag(const std::string& text) {
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.size() <= kMaxIdBytes && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), allowed);
}

/// W/"abc" and "abc" are abc.
std::string unquoted(std::string etag) {
  if (etag.starts_with("W/")) etag.erase(0, 2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return etag;
}

std::optional<uint64_t> whole_number(const std::string& text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string first_of(const HttpResponse& response, const char* name, const char* otherwise) {
  const std::string value = response.header(name);
  return value.empty() ? response.header(otherwise) : value;
}

[[noreturn]] void no_hub(const std::string& header, const std::string& value) {
  throw FinalTrouble(
      fmt::format("the answer has {} {}, so it comes from no Hugging Face Hub. Does HF_ENDPOINT name one, and does no "
                  "proxy answer in its place?",
                  value.empty() ? "no" : fmt::format("'{}' as", value.substr(0, kMaxShownBytes)), header));
}

}  // namespace

RemoteModel::RemoteModel(HubName name, const DownloadOptions& options)
    : name_(std::move(name)), options_(options), http_(options) {}

std::vector<RemoteFile> RemoteModel::files() {
  const std::optional<RemoteFile> config = find(kHubConfig, name_.revision);
  if (!config) {
    throw UsageError("there is no {} of '{}' at {} (revision {}); a model in Hugging Face layout was expected",
                     kHubConfig, name_.repository, options_.endpoint, name_.revision);
  }
  if (options_.files == HubFiles::kConfig) return {*config};
  // A branch may move between two questions.
  const auto of_same_commit = [&](std::string_view file) {
    std::optional<RemoteFile> found = find(file, name_.revision);
    return found && found->commit != config->commit ? find(file, config->commit) : found;
  };
  std::optional<RemoteFile> weights;
  for (const std::string_view file : kHubWeights) {
    if (!weights) weights = of_same_commit(file);
  }
  if (!weights) refuse_weights(config->commit);
  std::vector<RemoteFile> files = {*weights, *config};
  for (const std::string_view optional : {kHubCard, kHubKey}) {
    if (const auto file = of_same_commit(optional)) files.insert(files.begin(), *file);
  }
  return files;
}

std::vector<RemoteFile> RemoteModel::parts(const std::vector<std::string>& names, const std::string& commit) {
  std::vector<RemoteFile> files;
  for (const std::string& name : names) {
    const std::optional<RemoteFile> file = find(name, commit);
    if (!file) {
      throw UsageError("the model '{}' at {} lacks {}, which its index of weights names", name_.repository,
                       options_.endpoint, name);
    }
    files.push_back(*file);
  }
  return files;
}

/// Weights that are not in a form that is read here are named.
void RemoteModel::refuse_weights(const std::string& commit) {
  std::string others;
  for (const char* name : {"model.fp16.safetensors", "pytorch_model.fp16.bin", "tf_model.h5", "flax_model.msgpack"}) {
    if (find(name, commit)) others += fmt::format("{}{}", others.empty() ? "; it has " : ", ", name);
  }
  throw UsageError("the model '{}' at {} has neither {} nor {}, whole or in several files with an index{}{}",
                   name_.repository, options_.endpoint, kHubWeights[0], kHubWeights[2], others,
                   others.empty() ? "" : ". Download it, convert it to model.safetensors, and give the folder");
}

std::string RemoteModel::address(std::string_view file, std::string revision) const {
  for (size_t at = revision.find('/'); at != std::string::npos; at = revision.find('/')) revision.replace(at, 1, "%2F");
  return fmt::format("{}/{}/resolve/{}/{}", options_.endpoint, name_.repository, revision, file);
}

std::optional<RemoteFile> RemoteModel::find(std::string_view file, const std::string& revision) {
  std::optional<RemoteFile> found;
  with_attempts(
      name_, options_, address(file, revision), [] { return uint64_t{0}; }, [&](bool) { found = ask(file, revision); });
  return found;
}

RemoteFile RemoteModel::refreshed(const RemoteFile& file) {
  const std::optional<RemoteFile> found = ask(file.name, name_.revision);
  if (!found || found->etag != file.etag || found->size != file.size) {
    throw FinalTrouble("the file was changed on the server while it was being downloaded. Start again");
  }
  return *found;
}

std::optional<RemoteFile> RemoteModel::ask(std::string_view file, const std::string& revision) {
  RemoteFile found;
  found.name = file;
  found.url = address(file, revision);
  const HttpResponse response = http_.head(found.url);
  const std::string code = response.header("x-error-code");
  if (response.status == 404 && (code == "EntryNotFound" || code.empty())) return std::nullopt;
  const bool redirected = response.status >= 300 && response.status < 400 && !response.header("location").empty();
  if (response.status != 200 && !redirected) refuse(response, found.url);

  found.location = redirected ? HttpClient::target_of(response) : response.url;
  found.commit = response.header("x-repo-commit");
  if (!is_commit(found.commit)) no_hub("commit (X-Repo-Commit)", found.commit);
  found.etag = unquoted(first_of(response, "x-linked-etag", "etag"));
  if (!is_etag(found.etag)) no_hub("hash (ETag)", found.etag);
  const std::string size = first_of(response, "x-linked-size", "content-length");
  const std::optional<uint64_t> number = whole_number(size);
  if (!number || *number > kMaxFileBytes) no_hub("size (X-Linked-Size or Content-Length)", size);
  found.size = *number;
  return found;
}

void RemoteModel::refuse(const HttpResponse& response, const std::string& url) const {
  const std::string code = response.header("x-error-code");
  const std::string page = fmt::format("{}/{}", options_.endpoint, name_.repository);
  const std::string token = options_.token.empty()
                                ? "no token was sent: set HF_TOKEN, or log in with .venv/bin/hf auth login"
                                : "the token that was sent (HF_TOKEN or its file) gives no access";
  if (code == "RevisionNotFound") {
    throw UsageError("the model '{}' at {} has no revision '{}'", name_.repository, options_.endpoint, name_.revision);
  }
  if (code == "GatedRepo") {
    throw UsageError("{} is given only to those who accept its conditions: do so on that page; {}", page, token);
  }
  if (code == "RepoNotFound" || response.status == 401 || response.status == 404) {
    throw UsageError("{}: there is no such model, or it is private (HTTP status {}). Check the name; {}", page,
                     response.status, token);
  }
  if (response.status == 403) throw UsageError("{}: access is forbidden (HTTP status 403); {}", page, token);
  throw IoError("{}: HTTP status {} {}", url, response.status,
                response.header("x-error-message").substr(0, kMaxShownBytes));
}

}  // namespace canine
