#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "canine/hub/hub_cache.hpp"

namespace canine {

/// From where, to where and with how much patience. Proxies are taken from libcurl's own variables (https_proxy,
/// no_proxy ...), certificates from the system or from REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE.
struct DownloadOptions {
  std::filesystem::path cache;                       ///< where models--owner--model/ lies or will lie
  HubFiles files = HubFiles::kModel;                 ///< what to download
  std::string endpoint = "https://huggingface.co";   ///< plain http only if this says so
  std::string token;                                 ///< "" = none; told to the endpoint's host and no other
  bool offline = false;                              ///< refuse instead of asking a server
  std::chrono::seconds connect_timeout{10};          ///< for a connection
  std::chrono::seconds stall_timeout{30};            ///< without 1 kB/s on average the connection counts as lost
  int max_attempts = 5;                              ///< attempts in a row that each bring less than 1 MiB
  std::chrono::milliseconds first_pause{1000};       ///< before the second attempt; doubles from one to the next
  std::function<void(uint64_t, uint64_t)> progress;  ///< told bytes that are there and bytes of all files, often

  /// What huggingface_hub would take from the environment: the cache (hub_cache_folder()), HF_ENDPOINT, HF_TOKEN or the
  /// file that HF_TOKEN_PATH names (else HF_HOME/token) unless HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_OFFLINE or
  /// TRANSFORMERS_OFFLINE.
  static DownloadOptions from_environment();
};

/// Downloads config.json, weights, key.json and canine.json (or what options.files says) of one commit into the cache
/// in huggingface_hub's layout and returns the snapshot's folder. Files that are there already are not asked for again,
/// and what an interrupted download has left is gone on with. Other programs that download the same file are waited for
/// (.locks/, as huggingface_hub has it).
///
/// A file gets its name only when size and hash are those that the server announced (SHA-256 of LFS files, git's blob
/// hash of the others), and the snapshot its links only when all files are there.
///
/// Throws UsageError (no such model, no access, offline), CannotWriteError (no space, no folder) and IoError (network,
/// a server that lies), naming the address, what came and what to do.
std::filesystem::path download_model(const HubName& name, const DownloadOptions& options);

}  // namespace canine
