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
using testing::kTiny;
using testing::leave_incomplete;
using testing::TemporaryFolder;

TEST_CASE("A server that does not send what it announces is refused, and nothing of it stays") {
  struct Case {
    const char* behaviour;
    const char* message;
  };
  const auto [behaviour, message] = GENERATE(Case{"flip", "was announced; they were thrown away"},
                                             Case{"flip-config", "the hash of the 24 bytes that came is"},
                                             Case{"endless", "sends more than the 300000 bytes that it announced"});
  INFO(behaviour);
  const HubServer hub({behaviour});
  const TemporaryFolder cache;
  CHECK_THROWS_AS(download_model(kTiny, hub.options(cache.path())), IoError);
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())),
                    ContainsSubstring(message) && ContainsSubstring(hub.endpoint()));
  check_nothing_visible(cache);
  for (const auto& file : fs::directory_iterator(hub_model_folder(cache.path(), kTiny) / "blobs")) {
    CHECK((file.path().extension() != ".incomplete" || fs::file_size(file) == 0));
  }
}

TEST_CASE("A server that drips is given up, and what came is kept") {
  const HubServer hub({"cut-always"});
  const TemporaryFolder cache;
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())), ContainsSubstring("what has come is kept"));
  check_nothing_visible(cache);
}

TEST_CASE("Another range than the one asked for is refused") {
  const HubServer hub({"other-range"});
  const TemporaryFolder cache;
  leave_incomplete(cache, hub, read_file(hub.model() / "model.safetensors").substr(0, 1000));
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())),
                    ContainsSubstring("another range ('bytes 0-299999/300000') than the one from byte 1000 of 300000"));
}

TEST_CASE("Headers that are no Hub's, or mean harm, are refused before anything is written") {
  struct Case {
    const char* behaviour;
    const char* message;
  };
  const auto [behaviour, message] = GENERATE(
      Case{"path-commit", "'../../../../outside' as commit"}, Case{"path-etag", "'../../../../outside' as hash"},
      Case{"no-commit", "no commit (X-Repo-Commit), so it comes from no Hugging Face Hub"},
      Case{"no-etag", "no hash (ETag)"}, Case{"no-size", "no size ("},
      Case{"huge-size", "'9223372036854775808' as size"}, Case{"huge-headers", "bytes of headers"},
      Case{"head-loop", "more than 5 redirects"});
  INFO(behaviour);
  const HubServer hub({behaviour});
  const TemporaryFolder cache;
  CHECK_THROWS_AS(download_model(kTiny, hub.options(cache.path())), IoError);
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())), ContainsSubstring(message));
  CHECK(fs::is_empty(cache.path()));
}

TEST_CASE("Redirects of the weights in a loop, or to a file of this machine") {
  struct Case {
    const char* behaviour;
    const char* message;
  };
  const auto [behaviour, message] = GENERATE(Case{"get-loop", "redirects"}, Case{"file-address", "rotocol"});
  INFO(behaviour);
  const HubServer hub({behaviour});
  const TemporaryFolder cache;
  CHECK_THROWS_AS(download_model(kTiny, hub.options(cache.path())), IoError);
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())), ContainsSubstring(message));
  check_nothing_visible(cache);
}

TEST_CASE("A hash of a kind that nobody knows is no obstacle") {
  const HubServer hub({"odd-etag"});
  for (const char* other : {"key.json", "canine.json"}) fs::remove(hub.model() / other);
  fs::copy_file(hub.model() / "config.json", hub.model() / "model.safetensors", fs::copy_options::overwrite_existing);
  const TemporaryFolder cache;
  check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
}

}  // namespace
}  // namespace canine
