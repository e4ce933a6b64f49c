#include "canine/hub/hub_cache.hpp"

#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "canine/core/file.hpp"
#include "support/environment_variable.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using testing::EnvironmentVariable;
using testing::TemporaryFolder;

const HubName kName{"google/canine-s", "main"};

/// A cached snapshot with these files.
fs::path add_snapshot(const fs::path& cache, const std::string& commit, const std::vector<std::string>& files) {
  const fs::path snapshot = hub_model_folder(cache, kName) / "snapshots" / commit;
  fs::create_directories(snapshot);
  for (const auto& file : files) write_file(snapshot / file, "", false);
  return snapshot;
}

void set_ref(const fs::path& cache, const std::string& revision, const std::string& commit) {
  const fs::path ref = hub_model_folder(cache, kName) / "refs" / revision;
  fs::create_directories(ref.parent_path());
  write_file(ref, commit, false);
}

TEST_CASE("The Hub cache is where huggingface_hub has it") {
  const EnvironmentVariable clear[] = {
      {"HF_HUB_CACHE", {}}, {"HUGGINGFACE_HUB_CACHE", {}}, {"HF_HOME", {}}, {"XDG_CACHE_HOME", {}}};
  const EnvironmentVariable home("HOME", "/people/anna");
  CHECK(hub_cache_folder() == "/people/anna/.cache/huggingface/hub");
  const EnvironmentVariable xdg("XDG_CACHE_HOME", "/xdg");
  CHECK(hub_cache_folder() == "/xdg/huggingface/hub");
  const EnvironmentVariable hf("HF_HOME", "~/hf");
  CHECK(hub_cache_folder() == "/people/anna/hf/hub");
  const EnvironmentVariable old("HUGGINGFACE_HUB_CACHE", "/old");
  CHECK(hub_cache_folder() == "/old");
  const EnvironmentVariable cache("HF_HUB_CACHE", "/cache");
  CHECK(hub_cache_folder() == "/cache");
  const EnvironmentVariable empty("HF_HUB_CACHE", "");
  CHECK(hub_cache_folder() == "/old");
}

TEST_CASE("Names of the Hub") {
  struct Case {
    const char* text;
    const char* repository;
    const char* revision;
  };
  for (const Case& good : {Case{"google/canine-s", "google/canine-s", "main"}, Case{"bert", "bert", "main"},
                           Case{"a/b@v1.0", "a/b", "v1.0"}, Case{"a/b@refs/pr/1", "a/b", "refs/pr/1"}}) {
    INFO(good.text);
    const auto name = parse_hub_name(good.text);
    REQUIRE(name);
    CHECK(name->repository == good.repository);
    CHECK(name->revision == good.revision);
  }
  for (const char* bad :
       {"", "/no/such/folder", "../x", "a/b/c", "x y", "google/..", "~/x", "a/.b", "a//b", "a/", "a--b/c", "a/b@",
        "a/b@../c", "a/b@x/../../y", "a/b@/x", "a/b@x@y", "a/b?c", "a/b#c", "a/b%2f"}) {
    INFO(bad);
    CHECK_FALSE(parse_hub_name(bad));
  }
  CHECK_FALSE(parse_hub_name(std::string(300, 'a')));
}

TEST_CASE("The snapshot of a revision") {
  const TemporaryFolder cache;
  CHECK_FALSE(find_cached_model(cache.path(), kName));
  const fs::path old = add_snapshot(cache.path(), "aaaa", {"config.json", "model.safetensors"});
  const fs::path fresh = add_snapshot(cache.path(), "bbbb", {"config.json", "pytorch_model.bin"});
  const fs::path torn = add_snapshot(cache.path(), "cccc", {"config.json"});
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(old, now - std::chrono::hours(2));
  fs::last_write_time(fresh, now - std::chrono::hours(1));
  fs::last_write_time(torn, now);
  CHECK(find_cached_model(cache.path(), kName) == fresh);  // the newest that is complete
  set_ref(cache.path(), "main", "aaaa\n");
  CHECK(find_cached_model(cache.path(), kName) == old);
  for (const char* unusable : {"cccc", "../../../../etc", "", "dddd"}) {
    set_ref(cache.path(), "main", unusable);
    CHECK(find_cached_model(cache.path(), kName) == fresh);
  }

  // Of a revision that was asked for by name nothing else will do.
  CHECK_FALSE(find_cached_model(cache.path(), {"google/canine-s", "v2"}));
  set_ref(cache.path(), "refs/pr/1", "aaaa");
  CHECK(find_cached_model(cache.path(), {"google/canine-s", "refs/pr/1"}) == old);
  CHECK(find_cached_model(cache.path(), {"google/canine-s", "bbbb"}) == fresh);
  CHECK_FALSE(find_cached_model(cache.path(), {"google/canine-s", "cccc"}));
}

}  // namespace
}  // namespace canine
