// Weights in several files with an index: what a server has is downloaded whole, and half of it is no model.

#include "canine/hub/weight_index.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"
#include "canine/hub/hub_download.hpp"
#include "checks.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using testing::check_snapshot;
using testing::HubServer;
using testing::kTiny;
using testing::TemporaryFolder;

constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kParts[] = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};

void write_parts(const fs::path& model) {
  fs::remove(model / "model.safetensors");
  write_file(model / kParts[0], "first");
  write_file(model / kParts[1], "second");
  write_file(model / kIndex, R"({"metadata": {"total_size": 11}, "weight_map": {"a": "model-00001-of-00002.safetensors",
      "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}})");
}

TEST_CASE("An index names its files") {
  const WeightIndex index =
      WeightIndex::parse(R"({"weight_map": {"a": "x.bin", "b": "y.bin", "c": "x.bin"}})", "an index");
  CHECK(index.files() == std::vector<std::string>{"x.bin", "y.bin"});
  CHECK(index.file_of.at("b") == "y.bin");
  CHECK_THROWS_AS(WeightIndex::parse(R"({"weight_map": {"a": "../../x.bin"}})", "an index"), CheckpointError);
}

TEST_CASE("A model in several files is downloaded with its index") {
  const HubServer hub;
  write_parts(hub.model());
  const TemporaryFolder cache;
  std::vector<std::pair<uint64_t, uint64_t>> told;
  DownloadOptions options = hub.options(cache.path());
  options.progress = [&](uint64_t done, uint64_t total) { told.emplace_back(done, total); };
  const fs::path snapshot = download_model(kTiny, options);
  for (const char* file : {kIndex, kParts[0], kParts[1], "config.json"}) {
    CHECK(read_file(snapshot / file) == read_file(hub.model() / file));
    CHECK(hub.requests("GET", file).size() == 1);
  }
  CHECK(told.back().first == told.back().second);
  CHECK(find_cached_model(cache.path(), kTiny) == snapshot);

  // Without one of its parts it is not whole, and the missing part alone is fetched.
  fs::remove(fs::canonical(snapshot / kParts[1]));
  CHECK_FALSE(find_cached_model(cache.path(), kTiny));
  CHECK_THAT(damage_in_cache(cache.path(), kTiny), ContainsSubstring(kParts[1]) && ContainsSubstring("is not there"));
  options.offline = true;
  CHECK_THROWS_WITH(download_model(kTiny, options),
                    ContainsSubstring("not whole in the Hub cache") && ContainsSubstring(kParts[1]));
  options.offline = false;
  CHECK(download_model(kTiny, options) == snapshot);
  CHECK(hub.requests("GET", kParts[0]).size() == 1);
  CHECK(hub.requests("GET", kParts[1]).size() == 2);
}

TEST_CASE("An index whose files a server lacks, or that leads elsewhere, is refused") {
  const HubServer hub;
  write_parts(hub.model());
  fs::remove(hub.model() / kParts[0]);
  const TemporaryFolder cache;
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())),
                    ContainsSubstring(std::string("lacks ") + kParts[0] + ", which its index of weights names"));
  write_file(hub.model() / kIndex, R"({"weight_map": {"a": "../config.json"}})");
  CHECK_THROWS_AS(download_model(kTiny, hub.options(cache.path())), CheckpointError);
  CHECK_FALSE(find_cached_model(cache.path(), kTiny));
}

TEST_CASE("Weights in other forms are named") {
  const HubServer hub;
  fs::remove(hub.model() / "model.safetensors");
  write_file(hub.model() / "tf_model.h5", "x");
  write_file(hub.model() / "model.fp16.safetensors", "x");
  const TemporaryFolder cache;
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())),
                    ContainsSubstring("; it has model.fp16.safetensors, tf_model.h5. Download it"));
}

}  // namespace
}  // namespace canine
