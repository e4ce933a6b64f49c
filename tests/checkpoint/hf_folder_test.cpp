#include "canine/checkpoint/hf_folder.hpp"

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <optional>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "temp_folder.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

const fs::path kEncoder = CANINE_FIXTURES "/tiny_a/encoder";

/// Sets a variable (or takes it away) for the length of a test.
class Variable {
 public:
  Variable(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    set(value);
  }
  ~Variable() { set(old_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const std::optional<std::string>& value) const {
    if (value) {
      ::setenv(name_, value->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  const char* name_;
  std::optional<std::string> old_;
};

/// A cached model with a snapshot that has these files of the fixture.
fs::path add_snapshot(const fs::path& hub, const std::string& revision, const std::vector<std::string>& files) {
  const fs::path snapshot = hub / "models--google--canine-s" / "snapshots" / revision;
  fs::create_directories(snapshot);
  for (const auto& file : files) fs::create_symlink(kEncoder / file, snapshot / file);
  return snapshot;
}

void set_main(const fs::path& hub, const std::string& revision) {
  fs::create_directories(hub / "models--google--canine-s" / "refs");
  write_file(hub / "models--google--canine-s" / "refs" / "main", revision, false);
}

TEST_CASE("hf folder: both weight files of the fixture give the same tensors") {
  const EncoderFolder encoder = find_encoder(kEncoder.string());
  CHECK(encoder.config_json.find("\"num_hash_buckets\"") != std::string::npos);
  const NamedTensors safetensors = encoder.read_weights();
  REQUIRE(safetensors.size() > 20);
  const TempFolder folder;
  fs::copy(kEncoder / "config.json", folder / "config.json");
  fs::copy(kEncoder / "pytorch_model.bin", folder / "pytorch_model.bin");
  const NamedTensors torch_file = find_encoder(folder.path().string()).read_weights();
  REQUIRE(torch_file.size() == safetensors.size());
  const PickleValue by_name = state_dict_value(torch_file);
  for (const auto& [name, tensor] : safetensors) {
    INFO(name);
    CHECK_FALSE(name.starts_with("canine."));
    CHECK(at::equal(tensor, by_name.at(name, "").as_tensor(name)));
  }
}

TEST_CASE("hf folder: a model with a head gives its encoder only") {
  const TempFolder folder;
  write_file(folder / "config.json", "{}", false);
  const at::Tensor tensor = at::ones({2});
  write_safetensors(folder / "model.safetensors",
                    {{"canine.a.weight", tensor}, {"canine.b.position_ids", tensor}, {"classifier.weight", tensor}});
  const NamedTensors weights = find_encoder(folder.path().string()).read_weights();
  REQUIRE(weights.size() == 1);
  CHECK(weights[0].first == "a.weight");
  write_safetensors(folder / "model.safetensors", {{"a.weight", tensor}, {"position_ids", tensor}});
  CHECK(find_encoder(folder.path().string()).read_weights().size() == 1);
  write_safetensors(folder / "model.safetensors", {{"position_ids", tensor}});
  CHECK_THROWS_AS(find_encoder(folder.path().string()).read_weights(), CheckpointError);
}

TEST_CASE("hf folder: a weights file that is no dict of tensors is refused") {
  const TempFolder folder;
  write_file(folder / "config.json", "{}", false);
  write_torch_file(folder / "pytorch_model.bin", PickleValue::Dict{{{"a", 1}}});
  CHECK_THROWS_WITH(find_encoder(folder.path().string()).read_weights(),
                    ContainsSubstring("pytorch_model.bin/a': a tensor was expected, a whole number was found"));
}

TEST_CASE("hf folder: the Hub cache is where huggingface_hub has it") {
  const Variable clear[] = {
      {"HF_HUB_CACHE", {}}, {"HUGGINGFACE_HUB_CACHE", {}}, {"HF_HOME", {}}, {"XDG_CACHE_HOME", {}}};
  const Variable home("HOME", "/people/anna");
  CHECK(hub_cache_folder() == "/people/anna/.cache/huggingface/hub");
  const Variable xdg("XDG_CACHE_HOME", "/xdg");
  CHECK(hub_cache_folder() == "/xdg/huggingface/hub");
  const Variable hf("HF_HOME", "~/hf");
  CHECK(hub_cache_folder() == "/people/anna/hf/hub");
  const Variable old("HUGGINGFACE_HUB_CACHE", "/old");
  CHECK(hub_cache_folder() == "/old");
  const Variable cache("HF_HUB_CACHE", "/cache");
  CHECK(hub_cache_folder() == "/cache");
  const Variable empty("HF_HUB_CACHE", "");
  CHECK(hub_cache_folder() == "/old");
}

TEST_CASE("hf folder: a Hub name is found in the cache") {
  const TempFolder hub;
  const Variable cache("HF_HUB_CACHE", hub.path().string());
  const std::vector<std::string> all = {"config.json", "model.safetensors"};
  const fs::path old = add_snapshot(hub.path(), "aaaa", all);
  const fs::path fresh = add_snapshot(hub.path(), "bbbb", all);
  const fs::path torn = add_snapshot(hub.path(), "cccc", {"config.json"});
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(old, now - std::chrono::hours(2));
  fs::last_write_time(fresh, now - std::chrono::hours(1));
  fs::last_write_time(torn, now);
  CHECK(find_encoder("google/canine-s").folder == fresh);  // newest that is complete
  set_main(hub.path(), "aaaa\n");
  CHECK(find_encoder("google/canine-s").folder == old);
  CHECK(find_encoder("google/canine-s").read_weights().size() > 20);
  set_main(hub.path(), "cccc");
  CHECK(find_encoder("google/canine-s").folder == fresh);
  set_main(hub.path(), "../../../../etc");
  CHECK(find_encoder("google/canine-s").folder == fresh);
}

TEST_CASE("hf folder: what is missing is named with what to do") {
  const TempFolder hub;
  const Variable cache("HF_HUB_CACHE", hub.path().string());
  CHECK_THROWS_AS(find_encoder("google/canine-s"), UsageError);
  CHECK_THROWS_WITH(find_encoder("google/canine-s"), ContainsSubstring(".venv/bin/hf download google/canine-s") &&
                                                         ContainsSubstring(hub.path().string()));
  add_snapshot(hub.path(), "cccc", {"config.json"});
  CHECK_THROWS_WITH(find_encoder("google/canine-s"), ContainsSubstring("cccc has no model.safetensors"));
  for (const char* name : {"", "/no/such/folder", "../x", "a/b/c", "x y", "google/..", "~/x"}) {
    INFO(name);
    CHECK_THROWS_WITH(find_encoder(name), ContainsSubstring("no Hub name"));
  }
  const TempFolder folder;
  CHECK_THROWS_WITH(find_encoder(folder.path().string()), ContainsSubstring("has no config.json"));
  write_file(folder / "config.json", "{}", false);
  CHECK_THROWS_WITH(find_encoder(folder.path().string()),
                    ContainsSubstring("no model.safetensors or pytorch_model.bin"));
}

}  // namespace
}  // namespace canine
