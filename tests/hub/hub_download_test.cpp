#include "canine/hub/hub_download.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"
#include "checks.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using testing::check_nothing_visible;
using testing::check_snapshot;
using testing::HubServer;
using testing::kServedCommit;
using testing::kTiny;
using testing::kWeightsBytes;
using testing::leave_incomplete;
using testing::TemporaryFolder;

TEST_CASE("A model is downloaded into the cache of huggingface_hub") {
  const HubServer hub;
  const TemporaryFolder cache;
  DownloadOptions options = hub.options(cache.path());
  std::vector<std::pair<uint64_t, uint64_t>> told;
  options.progress = [&](uint64_t done, uint64_t total) { told.emplace_back(done, total); };
  const fs::path snapshot = download_model(kTiny, options);

  const fs::path model = cache / "models--owner--tiny";
  CHECK(snapshot == model / "snapshots" / kServedCommit);
  CHECK(find_cached_model(cache.path(), kTiny) == snapshot);
  check_snapshot(snapshot, hub);
  CHECK(read_file(model / "refs" / "main") == kServedCommit);
  const std::string sha256 = sha256_of_file(hub.model() / "model.safetensors");
  CHECK(fs::read_symlink(snapshot / "model.safetensors") == fs::path("../../blobs") / sha256);
  CHECK(fs::exists(cache.path() / ".locks" / "models--owner--tiny" / (sha256 + ".lock")));
  for (const auto& blob : fs::directory_iterator(model / "blobs")) CHECK(blob.path().extension() != ".incomplete");

  REQUIRE_FALSE(told.empty());
  uint64_t total = kWeightsBytes;
  for (const char* file : {"config.json", "key.json", "canine.json"}) total += fs::file_size(snapshot / file);
  for (const auto& [done, of] : told) CHECK((done <= of && of == total));
  CHECK(told.back().first == total);

  for (const char* file : {"config.json", "model.safetensors", "key.json", "canine.json"}) {
    CHECK(hub.requests("HEAD", file).size() == 1);
    CHECK(hub.requests("GET", file).size() == 1);
  }
  for (const auto& request : hub.requests()) CHECK(request.authorization.empty());
}

TEST_CASE("pytorch_model.bin is taken where there is no model.safetensors, and key.json and canine.json are optional") {
  const HubServer hub;
  fs::rename(hub.model() / "model.safetensors", hub.model() / "pytorch_model.bin");
  fs::remove(hub.model() / "key.json");
  fs::remove(hub.model() / "canine.json");
  const TemporaryFolder cache;
  const fs::path snapshot = download_model(kTiny, hub.options(cache.path()));
  check_snapshot(snapshot, hub);
  CHECK(std::distance(fs::directory_iterator(snapshot), {}) == 2);
}

TEST_CASE("config.json alone is downloaded where that is all that is wanted, and is no whole model") {
  const HubServer hub;
  const TemporaryFolder cache;
  DownloadOptions options = hub.options(cache.path());
  options.files = HubFiles::kConfig;
  const fs::path snapshot = download_model(kTiny, options);
  CHECK(read_file(snapshot / "config.json") == read_file(hub.model() / "config.json"));
  CHECK(hub.requests().size() == 2);
  CHECK(find_cached_model(cache.path(), kTiny, HubFiles::kConfig) == snapshot);
  CHECK_FALSE(find_cached_model(cache.path(), kTiny));
  CHECK(download_model(kTiny, hub.options(cache.path())) == snapshot);
  check_snapshot(snapshot, hub);
  CHECK(hub.requests("GET", "config.json").size() == 1);
}

TEST_CASE("A revision that is asked for by name") {
  const HubServer hub;
  const TemporaryFolder cache;
  const HubName of_pull_request{"owner/tiny", "refs/pr/1"};
  const fs::path snapshot = download_model(of_pull_request, hub.options(cache.path()));
  CHECK(read_file(cache / "models--owner--tiny/refs/refs/pr/1") == kServedCommit);
  CHECK(find_cached_model(cache.path(), of_pull_request) == snapshot);

  const TemporaryFolder other;
  const HubName commit{"owner/tiny", kServedCommit};
  CHECK(download_model(commit, hub.options(other.path())).filename() == kServedCommit);
  CHECK(find_cached_model(other.path(), commit));
  CHECK_FALSE(fs::exists(other / "models--owner--tiny/refs"));
  CHECK_THROWS_WITH(download_model({"owner/tiny", "v9"}, hub.options(other.path())),
                    ContainsSubstring("no revision 'v9'"));
}

TEST_CASE("Files that are there already are not asked for again") {
  const HubServer hub;
  const TemporaryFolder cache;
  const fs::path snapshot = download_model(kTiny, hub.options(cache.path()));
  fs::remove_all(snapshot);
  check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
  CHECK(hub.requests("GET", "model.safetensors").size() == 1);

  // A blob of another size is none.
  const fs::path blob = fs::canonical(snapshot / "model.safetensors");
  write_file(blob, "short", false);
  check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
  CHECK(hub.requests("GET", "model.safetensors").size() == 2);
}

// ------------------------------------------------------------------------------------------ trouble that passes

TEST_CASE("A server in trouble is asked again") {
  const HubServer hub({"fail-twice"});
  const TemporaryFolder cache;
  check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
  CHECK(hub.requests("HEAD", "config.json").size() == 3);
}

TEST_CASE("A server that stays in trouble is given up") {
  const HubServer hub({"fail"});
  const TemporaryFolder cache;
  CHECK_THROWS_AS(download_model(kTiny, hub.options(cache.path())), IoError);
  CHECK(hub.requests("HEAD", "config.json").size() == 5);
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())),
                    ContainsSubstring(hub.endpoint() + "/owner/tiny/resolve/main/config.json") &&
                        ContainsSubstring("HTTP status 503") && ContainsSubstring("attempt 5 of 5") &&
                        ContainsSubstring(".venv/bin/hf download owner/tiny"));
  check_nothing_visible(cache);
}

TEST_CASE("A download that breaks off or stalls goes on where it was") {
  const HubServer hub({GENERATE("cut", "stall")});
  const TemporaryFolder cache;
  check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
  const auto gets = hub.requests("GET", "model.safetensors");
  REQUIRE(gets.size() == 2);
  CHECK(gets[0].range.empty());
  CHECK(gets[1].range == "bytes=150000-");
}

TEST_CASE("What an interrupted program has left is gone on with") {
  const HubServer hub;
  const TemporaryFolder cache;
  const std::string weights = read_file(hub.model() / "model.safetensors");

  SECTION("the beginning of the file") {
    leave_incomplete(cache, hub, weights.substr(0, 1000));
    check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
    REQUIRE(hub.requests("GET", "model.safetensors").size() == 1);
    CHECK(hub.requests("GET", "model.safetensors")[0].range == "bytes=1000-");
  }
  SECTION("the whole file") {
    leave_incomplete(cache, hub, weights);
    check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
    CHECK(hub.requests("GET", "model.safetensors").empty());
  }
  SECTION("something else: it starts again") {
    leave_incomplete(cache, hub, GENERATE(std::string(1000, 'x'), std::string(kWeightsBytes, 'x')));
    check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
    CHECK(hub.requests("GET", "model.safetensors").back().range.empty());
  }
  SECTION("more than the file: it starts again") {
    leave_incomplete(cache, hub, weights + "x");
    check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
    CHECK(hub.requests("GET", "model.safetensors").size() == 1);
  }
}

TEST_CASE("A server that knows no ranges sends everything again") {
  const HubServer hub({"no-ranges"});
  const TemporaryFolder cache;
  leave_incomplete(cache, hub, "beginning");
  check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
}

TEST_CASE("A signed address that has run out is asked for again, and what came before is kept") {
  const HubServer hub({"expired"});
  const TemporaryFolder cache;
  leave_incomplete(cache, hub, read_file(hub.model() / "model.safetensors").substr(0, 1000));
  check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
  CHECK(hub.requests("GET", "model.safetensors").back().range == "bytes=1000-");
  CHECK(hub.requests("HEAD", "model.safetensors").size() == 2);
}

TEST_CASE("No network: the message says so and what to look at") {
  const TemporaryFolder cache;
  const DownloadOptions options = HubServer().options(cache.path());  // nobody listens there any more
  CHECK_THROWS_AS(download_model(kTiny, options), IoError);
  CHECK_THROWS_WITH(download_model(kTiny, options),
                    ContainsSubstring(options.endpoint) && ContainsSubstring("Check the network, the proxy"));
  CHECK(fs::is_empty(cache.path()));
}

TEST_CASE("Two programs that download the same file do it once") {
  const HubServer hub;
  const TemporaryFolder cache;
  const auto download = [&] { check_snapshot(download_model(kTiny, hub.options(cache.path())), hub); };
  const pid_t other = ::fork();
  if (other == 0) {
    try {
      download();
      ::_exit(0);
    } catch (...) {
      ::_exit(1);
    }
  }
  download();
  int status = -1;
  ::waitpid(other, &status, 0);
  CHECK(status == 0);
  CHECK(hub.requests("GET", "model.safetensors").size() == 1);
  CHECK(hub.requests("GET", "config.json").size() == 1);
}

}  // namespace
}  // namespace canine
