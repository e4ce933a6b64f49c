#include "canine/hub/hub_download.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <system_error>
#include <vector>

#include "attempts.hpp"
#include "blob_download.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/hub/weight_index.hpp"
#include "environment.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxTokenBytes = 4096;

/// The user's token without blanks around. It becomes part of a header line, so nothing else may be in it.
std::string find_token() {
  if (flag_variable("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return "";
  std::string source = "HF_TOKEN";
  std::string token = variable("HF_TOKEN").value_or("");
  const fs::path file = path_variable("HF_TOKEN_PATH").value_or(hub_home() / "token");
  std::error_code ignored;
  if (token.empty() && fs::is_regular_file(file, ignored)) {
    source = file.string();
    token = read_file(file, kMaxTokenBytes);
  }
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!token.empty() && is_space(token.back())) token.pop_back();
  while (!token.empty() && is_space(token.front())) token.erase(0, 1);
  for (const char c : token) {
    if (std::isgraph(static_cast<unsigned char>(c)) == 0) {
      throw UsageError("{}: the token for the Hugging Face Hub holds characters that no token has", source);
    }
  }
  return token;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw CannotWriteError("cannot make the folder {}: {}. Set HF_HOME to a folder that can be written",
                           folder.string(), error.message());
  }
}

void require_space(const fs::path& folder, uint64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error || space.available >= bytes) return;
  throw CannotWriteError(
      "{} more bytes are to be downloaded to {}, where {} are free. Free some space there, or set HF_HOME to another "
      "folder",
      bytes, folder.string(), space.available);
}

/// Gives a snapshot a link to a blob, in one step also where something else has the name.
void link_blob(const fs::path& snapshot, const RemoteFile& file) {
  const fs::path link = snapshot / file.name;
  const fs::path target = fs::path("..") / ".." / "blobs" / file.etag;
  std::error_code error;
  if (fs::read_symlink(link, error) == target) return;
  const fs::path aside = snapshot / fmt::format(".{}.{}", file.name, ::getpid());
  fs::remove(aside, error);
  fs::create_symlink(target, aside, error);
  if (!error) fs::rename(aside, link, error);
  if (error) {
    throw CannotWriteError("cannot make the link {}: {}. Set HF_HOME to a folder on a file system with symbolic links",
                           link.string(), error.message());
  }
}

fs::path link_snapshot(const fs::path& model, const std::string& revision, const std::vector<RemoteFile>& files) {
  const std::string& commit = files.front().commit;
  const fs::path snapshot = model / "snapshots" / commit;
  make_folder(snapshot);
  for (const RemoteFile& file : files) link_blob(snapshot, file);
  if (revision != commit) {
    const fs::path ref = model / "refs" / revision;
    make_folder(ref.parent_path());
    write_file(ref, commit);
  }
  return snapshot;
}

std::vector<RemoteFile>::iterator find_index(std::vector<RemoteFile>& files) {
  return std::find_if(files.begin(), files.end(), [](const RemoteFile& file) { return is_weight_index(file.name); });
}

/// Folder of a model in the cache, into which files are brought.
class Store {
 public:
  Store(const HubName& name, const DownloadOptions& options)
      : options_(options),
        model_(hub_model_folder(options.cache, name)),
        locks_(options.cache / ".locks" / model_.filename()) {
    make_folder(blobs());
    make_folder(locks_);
  }

  const fs::path& model() const { return model_; }
  fs::path blobs() const { return model_ / "blobs"; }

  void fetch(RemoteModel& remote, const std::vector<RemoteFile>& files) const {
    uint64_t total = 0;
    uint64_t there = 0;
    for (const RemoteFile& file : files) {
      total += file.size;
      there += bytes_there(blobs(), file);
    }
    require_space(blobs(), total - there);
    uint64_t done = 0;
    for (const RemoteFile& file : files) {
      const auto report = [&](uint64_t bytes) {
        if (options_.progress) options_.progress(done + bytes, total);
      };
      download_blob(remote, file, blobs(), locks_, options_, report);
      done += file.size;
    }
  }

 private:
  const DownloadOptions& options_;
  fs::path model_;
  fs::path locks_;
};

}  // namespace

DownloadOptions DownloadOptions::from_environment() {
  DownloadOptions options;
  options.cache = hub_cache_folder();
  if (const auto endpoint = variable("HF_ENDPOINT")) options.endpoint = *endpoint;
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  options.token = find_token();
  options.offline = flag_variable(variable("HF_HUB_OFFLINE") ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE");
  return options;
}

fs::path download_model(const HubName& name, const DownloadOptions& options) {
  if (options.offline) {
    const std::string damage = damage_in_cache(options.cache, name);
    throw UsageError(
        "the model is not {}in the Hub cache ({}), and HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids to download it. "
        "Unset it, or {}",
        damage.empty() ? "" : "whole ", damage.empty() ? hub_model_folder(options.cache, name).string() : damage,
        fetch_advice(name));
  }
  RemoteModel remote(name, options);
  std::vector<RemoteFile> files = remote.files();
  Store store(name, options);
  if (const auto index = find_index(files); index != files.end()) {
    store.fetch(remote, {*index});
    const WeightIndex parts = WeightIndex::read(store.blobs() / index->etag);
    const std::vector<RemoteFile> weights = remote.parts(parts.files(), index->commit);
    files.insert(files.begin(), weights.begin(), weights.end());
  }
  store.fetch(remote, files);
  return link_snapshot(store.model(), name.revision, files);
}

}  // namespace canine
