#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "canine/hub/hub_download.hpp"
#include "http_client.hpp"

namespace canine {

/// What the server says of one file.
struct RemoteFile {
  std::string name;      ///< "config.json"
  std::string url;       ///< address at the endpoint
  std::string location;  ///< where its bytes are, which may be another host
  std::string commit;    ///< letters and digits
  std::string etag;      ///< name of the blob: SHA-256 or git's hash of it, a plain file name in any case
  uint64_t size = 0;
};

/// A model at the endpoint, asked by HEAD {endpoint}/{model}/resolve/{revision}/{file} as huggingface_hub does.
class RemoteModel {
 public:
  RemoteModel(HubName name, const DownloadOptions& options);

  /// The files that make the model, all of one commit: key.json and canine.json (if there), weights or their index,
  /// config.json; of these those that the options name.
  /// Throws UsageError if there is no such model, no access, or files are missing; IoError.
  std::vector<RemoteFile> files();

  /// Files of the same commit that must be there: those that an index names. Throws as files() does.
  std::vector<RemoteFile> parts(const std::vector<std::string>& names, const std::string& commit);

  /// Asks once more about a file that is being downloaded: signed addresses run out. Throws PassingTrouble and
  /// FinalTrouble, the latter also if it is another file now.
  RemoteFile refreshed(const RemoteFile& file);

  /// Why a request was refused, as an error for people.
  [[noreturn]] void refuse(const HttpResponse& response, const std::string& url) const;

  const HubName& name() const { return name_; }
  HttpClient& http() { return http_; }

 private:
  std::string address(std::string_view file, std::string revision) const;
  std::optional<RemoteFile> find(std::string_view file, const std::string& revision);
  [[noreturn]] void refuse_weights(const std::string& commit);
  std::optional<RemoteFile> ask(std::string_view file, const std::string& revision);

  HubName name_;
  const DownloadOptions& options_;
  HttpClient http_;
};

}  // namespace canine
