#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"
#include "checks.hpp"
#include "support/environment_variable.hpp"
#include "support/file_size_limit.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using testing::check_nothing_visible;
using testing::check_snapshot;
using testing::EnvironmentVariable;
using testing::FileSizeLimit;
using testing::HubServer;
using testing::incomplete_weights;
using testing::kTiny;
using testing::TemporaryFolder;

TEST_CASE("The token goes to the endpoint and to nobody else") {
  const HubServer hub({"token", "redirect-get"});
  const TemporaryFolder cache;
  DownloadOptions options = hub.options(cache.path());
  options.token = "hf_secret";
  check_snapshot(download_model(kTiny, options), hub);
  size_t of_storage = 0;
  for (const auto& request : hub.requests()) {
    INFO(request.method << " " << request.path);
    CHECK(request.authorization == (request.host == "storage" ? "" : "Bearer hf_secret"));
    of_storage += request.host == "storage" ? 1 : 0;
  }
  CHECK(of_storage == 2);
}

TEST_CASE("Proxies are those of the environment") {
  const HubServer hub;
  const TemporaryFolder cache;
  const EnvironmentVariable proxy("http_proxy", hub.endpoint());
  DownloadOptions options = hub.options(cache.path());
  options.endpoint = "http://hub.invalid";
  check_snapshot(download_model(kTiny, options), hub);
  CHECK(hub.requests("GET", "config.json").at(0).path == "http://hub.invalid/owner/tiny/resolve/main/config.json");
  CHECK(hub.requests("GET", "model.safetensors").at(0).host == "storage");  // without a proxy, by no_proxy
}

TEST_CASE("Refusals say what to do") {
  struct Case {
    const char* behaviour;
    const char* repository;
    const char* token;
    const char* message;
  };
  const auto [behaviour, repository, token, message] = GENERATE(
      Case{"token", "owner/tiny", "",
           "no such model, or it is private (HTTP status 401). Check the name; no token was sent"},
      Case{"token", "owner/tiny", "wrong", "the token that was sent (HF_TOKEN or its file) gives no access"},
      Case{"", "owner/absent", "", "/owner/absent: there is no such model, or it is private (HTTP status 401)"},
      Case{"", "owner/absent", "t", "/owner/absent: there is no such model, or it is private (HTTP status 404)"},
      Case{"gated", "owner/tiny", "", "/owner/tiny is given only to those who accept its conditions"},
      Case{"forbidden", "owner/tiny", "t", "access is forbidden (HTTP status 403)"});
  INFO(behaviour << " " << repository << " " << token);
  const HubServer hub({behaviour});
  const TemporaryFolder cache;
  DownloadOptions options = hub.options(cache.path());
  options.token = token;
  CHECK_THROWS_AS(download_model({repository, "main"}, options), UsageError);
  CHECK_THROWS_WITH(download_model({repository, "main"}, options), ContainsSubstring(message));
  CHECK(fs::is_empty(cache.path()));
}

TEST_CASE("Files that a model must have") {
  const HubServer hub;
  const TemporaryFolder cache;
  fs::remove(hub.model() / "model.safetensors");
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())),
                    ContainsSubstring("neither model.safetensors nor pytorch_model.bin"));
  fs::remove(hub.model() / "config.json");
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())),
                    ContainsSubstring("no config.json of 'owner/tiny'"));
}

TEST_CASE("A renamed model is followed on the same host, with the token") {
  const HubServer hub({"renamed", "token"});
  const TemporaryFolder cache;
  DownloadOptions options = hub.options(cache.path());
  options.token = "hf_secret";
  const fs::path snapshot = download_model({"owner/old", "main"}, options);
  check_snapshot(snapshot, hub);
  CHECK(snapshot.parent_path().parent_path().filename() == "models--owner--old");
}

// ------------------------------------------------------------------------------------------ this side

TEST_CASE("Offline: the message has the command that fetches the model") {
  DownloadOptions options;
  options.cache = "/cache";
  options.offline = true;
  CHECK_THROWS_AS(download_model(kTiny, options), UsageError);
  CHECK_THROWS_WITH(download_model(kTiny, options), ContainsSubstring(".venv/bin/hf download owner/tiny") &&
                                                        ContainsSubstring("/cache/models--owner--tiny"));
  CHECK_THROWS_WITH(download_model({"owner/tiny", "v2"}, options),
                    ContainsSubstring("hf download owner/tiny --revision v2"));
}

TEST_CASE("An endpoint that is no web address, a cache that cannot be made") {
  const TemporaryFolder cache;
  for (const char* endpoint : {"", "huggingface.co", "ftp://a", "file:///etc", "http://", "http://a b"}) {
    INFO(endpoint);
    DownloadOptions options;
    options.cache = cache.path();
    options.endpoint = endpoint;
    CHECK_THROWS_WITH(download_model(kTiny, options), ContainsSubstring("HF_ENDPOINT: expected an address"));
  }
  const HubServer hub;
  write_file(cache / "file", "", false);
  CHECK_THROWS_AS(download_model(kTiny, hub.options(cache / "file")), CannotWriteError);
}

TEST_CASE("A disk without room for the model is found out before anything is asked for") {
  const HubServer hub({"large-size"});
  const TemporaryFolder cache;
  CHECK_THROWS_AS(download_model(kTiny, hub.options(cache.path())), CannotWriteError);
  CHECK_THROWS_WITH(download_model(kTiny, hub.options(cache.path())),
                    ContainsSubstring("more bytes are to be downloaded to " + cache.path().string()));
  CHECK(hub.requests("GET", "config.json").empty());
}

TEST_CASE("A disk that fills up is told with the file and what to do") {
  const HubServer hub;
  const TemporaryFolder cache;
  {
    const FileSizeLimit limit(100'000);
    CHECK_THROWS_AS(download_model(kTiny, hub.options(cache.path())), CannotWriteError);
    CHECK_THROWS_WITH(
        download_model(kTiny, hub.options(cache.path())),
        ContainsSubstring(incomplete_weights(cache, hub).string() + " cannot be written (at byte 100000)") &&
            ContainsSubstring("Free some space"));
    check_nothing_visible(cache);
  }
  check_snapshot(download_model(kTiny, hub.options(cache.path())), hub);
  CHECK(hub.requests("GET", "model.safetensors").back().range == "bytes=100000-");
}

TEST_CASE("Nothing is written through a link that lies in the cache") {
  const HubServer hub;
  const TemporaryFolder cache;
  const fs::path left = incomplete_weights(cache, hub);
  fs::create_directories(left.parent_path());
  write_file(cache / "other", "mine", false);
  fs::create_symlink(cache / "other", left);
  CHECK_THROWS_AS(download_model(kTiny, hub.options(cache.path())), CannotWriteError);
  CHECK(read_file(cache / "other") == "mine");
}

TEST_CASE("The environment is read as huggingface_hub reads it") {
  const TemporaryFolder home;
  const EnvironmentVariable variables[] = {{"HF_HOME", home.path()},
                                           {"HF_HUB_CACHE", {}},
                                           {"HUGGINGFACE_HUB_CACHE", {}},
                                           {"HF_ENDPOINT", {}},
                                           {"HF_TOKEN", {}},
                                           {"HF_TOKEN_PATH", {}},
                                           {"HF_HUB_OFFLINE", {}},
                                           {"TRANSFORMERS_OFFLINE", {}},
                                           {"HF_HUB_DISABLE_IMPLICIT_TOKEN", {}}};
  DownloadOptions options = DownloadOptions::from_environment();
  CHECK(options.cache == home / "hub");
  CHECK(options.endpoint == "https://huggingface.co");
  CHECK(options.token.empty());
  CHECK_FALSE(options.offline);

  write_file(home / "token", " of_file\n", false);
  CHECK(DownloadOptions::from_environment().token == "of_file");
  write_file(home / "other", "of_other_file", false);
  const EnvironmentVariable path("HF_TOKEN_PATH", home / "other");
  CHECK(DownloadOptions::from_environment().token == "of_other_file");
  const EnvironmentVariable token("HF_TOKEN", "of_variable ");
  const EnvironmentVariable endpoint("HF_ENDPOINT", "https://mirror.example/hub/");
  const EnvironmentVariable offline("TRANSFORMERS_OFFLINE", "yes");
  options = DownloadOptions::from_environment();
  CHECK(options.token == "of_variable");
  CHECK(options.endpoint == "https://mirror.example/hub");
  CHECK(options.offline);
  const EnvironmentVariable online("HF_HUB_OFFLINE", "0");
  CHECK_FALSE(DownloadOptions::from_environment().offline);

  const EnvironmentVariable split("HF_TOKEN", "a\r\nX-Evil: 1");
  CHECK_THROWS_WITH(DownloadOptions::from_environment(),
                    ContainsSubstring("HF_TOKEN: the token") && !ContainsSubstring("Evil"));
  const EnvironmentVariable none("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
  CHECK(DownloadOptions::from_environment().token.empty());
}

}  // namespace
}  // namespace canine
