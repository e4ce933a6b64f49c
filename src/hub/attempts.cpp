#include "attempts.hpp"

#include <thread>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "http_client.hpp"

namespace canine {
namespace {

/// An attempt that brings less counts as fruitless, so a server that drips cannot keep a program for ever.
constexpr uint64_t kFruitfulBytes = uint64_t{1} << 20;

}  // namespace

std::string fetch_advice(const HubName& name) {
  const std::string revision = name.revision == HubName().revision ? "" : " --revision " + name.revision;
  return "fetch the model where there is a network: .venv/bin/hf download " + name.repository + revision;
}

void with_attempts(const HubName& name, const DownloadOptions& options, const std::string& url,
                   const std::function<uint64_t()>& bytes_there, const std::function<void(bool)>& attempt) {
  int fruitless = 0;
  for (bool again = false;; again = true) {
    const uint64_t before = bytes_there();
    try {
      return attempt(again);
    } catch (const FinalTrouble& trouble) {
      throw IoError("{}: {}", url, trouble.what());
    } catch (const PassingTrouble& trouble) {
      if (bytes_there() >= before + kFruitfulBytes) fruitless = 0;
      if (++fruitless >= options.max_attempts) {
        throw IoError(
            "{}: {} (attempt {} of {}). Check the network, the proxy (https_proxy) and HF_ENDPOINT, and start "
            "again: what has come is kept; or {}",
            url, trouble.what(), fruitless, options.max_attempts, fetch_advice(name));
      }
      const auto pause = options.first_pause * (1 << (fruitless - 1));
      log_note("{}: {}; next attempt in {} s", url, trouble.what(), std::chrono::duration<double>(pause).count());
      std::this_thread::sleep_for(pause);
    }
  }
}

}  // namespace canine
