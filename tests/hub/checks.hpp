#pragma once

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "canine/core/file.hpp"
#include "canine/core/sha256.hpp"
#include "canine/hub/hub_download.hpp"
#include "hub_server.hpp"
#include "support/temporary_folder.hpp"

namespace canine::testing {

inline const HubName kTiny{"owner/tiny", "main"};
inline constexpr uint64_t kWeightsBytes = 300'000;

/// Where the weights are until they are whole.
inline std::filesystem::path incomplete_weights(const TemporaryFolder& cache, const HubServer& hub) {
  return hub_model_folder(cache.path(), kTiny) / "blobs" /
         (sha256_of_file(hub.model() / "model.safetensors") + ".incomplete");
}

/// Leaves there what an interrupted program would.
inline void leave_incomplete(const TemporaryFolder& cache, const HubServer& hub, std::string_view bytes) {
  const std::filesystem::path left = incomplete_weights(cache, hub);
  std::filesystem::create_directories(left.parent_path());
  write_file(left, bytes, false);
}

/// A snapshot holds exactly what the server has.
inline void check_snapshot(const std::filesystem::path& snapshot, const HubServer& hub) {
  for (const auto& item : std::filesystem::directory_iterator(hub.model())) {
    INFO(item.path());
    CHECK(read_file(snapshot / item.path().filename()) == read_file(item.path()));
  }
}

/// Nothing that a program could take for a model.
inline void check_nothing_visible(const TemporaryFolder& cache) {
  CHECK_FALSE(find_cached_model(cache.path(), kTiny));
  CHECK_FALSE(std::filesystem::exists(hub_model_folder(cache.path(), kTiny) / "snapshots"));
  CHECK_FALSE(std::filesystem::exists(hub_model_folder(cache.path(), kTiny) / "refs"));
}

}  // namespace canine::testing
