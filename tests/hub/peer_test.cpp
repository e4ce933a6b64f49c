#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <thread>

#include "canine/core/file.hpp"
#include "canine/hub/file_lock.hpp"
#include "canine/hub/hub_download.hpp"
#include "hub_server.hpp"
#include "support/environment_variable.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using testing::EnvironmentVariable;
using testing::HubServer;
using testing::kServedCommit;
using testing::run_python;
using testing::TemporaryFolder;

const HubName kTiny{"owner/tiny", "main"};

TEST_CASE("huggingface_hub finds in the cache what was downloaded here") {
  const HubServer hub;
  const TemporaryFolder cache;
  const fs::path snapshot = download_model(kTiny, hub.options(cache.path()));
  const EnvironmentVariable offline("HF_HUB_OFFLINE", "1");
  const std::string printed = run_python(R"(
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache
print(snapshot_download("owner/tiny", cache_dir=".", local_files_only=True))
print(hf_hub_download("owner/tiny", "model.safetensors", cache_dir="."))
print(try_to_load_from_cache("owner/tiny", "key.json", cache_dir="."))
cache = scan_cache_dir(".")
assert not cache.warnings, cache.warnings
[repository] = cache.repos
[revision] = repository.revisions
print(repository.repo_id, revision.commit_hash, sorted(revision.refs), len(revision.files))
)",
                                         cache.path());
  const std::string relative = "./" + fs::relative(snapshot, cache.path()).string();
  CHECK(printed == relative + "\n" + relative + "/model.safetensors\n" + relative + "/key.json\n" + "owner/tiny " +
                       kServedCommit + " ['main'] 4\n");
}

TEST_CASE("What huggingface_hub has downloaded is found here, and gone on with") {
  const HubServer hub;
  const TemporaryFolder cache;
  const EnvironmentVariable endpoint("HF_ENDPOINT", hub.endpoint());
  const EnvironmentVariable online("HF_HUB_OFFLINE", {});
  const EnvironmentVariable of_transformers("TRANSFORMERS_OFFLINE", {});
  run_python("from huggingface_hub import snapshot_download; snapshot_download('owner/tiny', cache_dir='.')",
             cache.path());
  const auto snapshot = find_cached_model(cache.path(), kTiny);
  REQUIRE(snapshot);
  CHECK(snapshot->filename() == kServedCommit);
  CHECK(read_file(*snapshot / "config.json") == read_file(hub.model() / "config.json"));

  // One file is lacking: the others stay as they are.
  const size_t before = hub.requests("GET", "model.safetensors").size();
  fs::remove(fs::canonical(*snapshot / "config.json"));
  CHECK_FALSE(find_cached_model(cache.path(), kTiny));
  CHECK(download_model(kTiny, hub.options(cache.path())) == *snapshot);
  CHECK(hub.requests("GET", "model.safetensors").size() == before);
}

TEST_CASE("Locks are those of huggingface_hub") {
  const TemporaryFolder folder;
  const std::string take = R"(
from filelock import FileLock, Timeout
from huggingface_hub.utils import WeakFileLock
try:
    with WeakFileLock("x.lock", timeout=0.01): print("free")
except Timeout:
    print("taken")
)";
  {
    const auto held = FileLock::try_acquire(folder / "x.lock");
    REQUIRE(held);
    CHECK_FALSE(FileLock::try_acquire(folder / "x.lock"));
    CHECK(run_python(take, folder.path()) == "taken\n");
  }
  CHECK(run_python(take, folder.path()) == "free\n");

  // Held by Python until it is told to go on through a named pipe.
  REQUIRE(::mkfifo((folder / "held").c_str(), 0600) == 0);
  REQUIRE(::mkfifo((folder / "go").c_str(), 0600) == 0);
  std::thread other([&] {
    run_python(
        "from huggingface_hub.utils import WeakFileLock\n"
        "with WeakFileLock('x.lock'):\n  open('held', 'w').close(); open('go').close()\n",
        folder.path());
  });
  std::ifstream(folder / "held").get();
  CHECK_FALSE(FileLock::try_acquire(folder / "x.lock"));
  std::ofstream(folder / "go").close();
  other.join();
  CHECK(FileLock::try_acquire(folder / "x.lock"));
}

}  // namespace
}  // namespace canine
