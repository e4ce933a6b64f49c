#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "canine/hub/hub_download.hpp"
#include "support/environment_variable.hpp"
#include "support/temporary_folder.hpp"

namespace canine::testing {

/// A started tests/hub/hub_server.py with the behaviours named there. It serves the model owner/tiny: config.json,
/// model.safetensors of 300,000 bytes, key.json, canine.json. Ends with the object.
class HubServer {
 public:
  struct Request {
    std::string host;  ///< "endpoint" or "storage"
    std::string method;
    std::string path;
    std::string range;
    std::string authorization;
  };

  explicit HubServer(const std::vector<std::string>& behaviours = {});
  ~HubServer();
  HubServer(const HubServer&) = delete;
  HubServer& operator=(const HubServer&) = delete;

  /// Folder of owner/tiny on the server.
  std::filesystem::path model() const { return folder_ / "owner/tiny"; }
  const std::string& endpoint() const { return endpoint_; }

  /// Downloads from here into `cache`, without pauses, and with one second of patience.
  DownloadOptions options(const std::filesystem::path& cache) const;

  std::vector<Request> requests() const;
  /// Those for a file with this method.
  std::vector<Request> requests(const std::string& method, const std::string& file) const;

 private:
  TemporaryFolder folder_;
  EnvironmentVariable no_proxy_{"no_proxy", "127.0.0.1"};
  std::string endpoint_;
  int input_ = -1;
  int pid_ = -1;
};

/// The commit of every model on the server.
inline const std::string kServedCommit = "0123456789abcdef0123456789abcdef01234567";

}  // namespace canine::testing
