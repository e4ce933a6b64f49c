#include "canine/app/hub_model.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <optional>

#include "canine/core/clock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/hub/hub_download.hpp"
#include "canine/report/progress.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr double kSecondsBetweenLines = 10;
constexpr uint64_t kMegabyte = 1'000'000;

/// What a download tells people: a bar on a terminal, a line every ten seconds elsewhere.
class DownloadReport {
 public:
  explicit DownloadReport(std::string name) : name_(std::move(name)) {}

  void update(uint64_t done, uint64_t total) {
    total_ = total;
    const auto megabytes = static_cast<int64_t>(done / kMegabyte);
    if (!bar_) bar_.emplace("download (MB)", static_cast<int64_t>(total / kMegabyte), megabytes);
    bar_->update(megabytes);
    if (::isatty(STDERR_FILENO) != 0 || since_line_.seconds() < kSecondsBetweenLines) return;
    since_line_.restart();
    log_info("{}: {} of {} MB ({} %)", name_, format_count(megabytes),
             format_count(static_cast<int64_t>(total / kMegabyte)), 100 * done / total);
  }

  void conclude() {
    bar_.reset();
    log_info("{}: {:.1f} MB are there after {}", name_, static_cast<double>(total_) / kMegabyte,
             format_duration(whole_.seconds()));
  }

 private:
  std::string name_;
  uint64_t total_ = 0;
  std::optional<ProgressBar> bar_;
  Stopwatch since_line_;
  Stopwatch whole_;
};

fs::path find_or_download(const HubName& name) {
  DownloadOptions options = DownloadOptions::from_environment();
  if (const auto cached = find_cached_model(options.cache, name)) return *cached;
  if (!options.offline) {
    log_info("Downloading {} (revision {}) from {} to {}", name.repository, name.revision, options.endpoint,
             options.cache.string());
  }
  DownloadReport report(name.repository);
  options.progress = [&](uint64_t done, uint64_t total) { report.update(done, total); };
  const fs::path folder = download_model(name, options);
  report.conclude();
  return folder;
}

/// What `body` throws, with flag and value in front.
template <typename Body>
fs::path naming_flag(const std::string& flag, const std::string& value, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw Error(error.exit_code(), fmt::format("--{} {}: {}", flag, value, error.what()));
  }
}

}  // namespace

fs::path find_model_folder(const std::string& flag, const std::string& name_or_folder) {
  std::error_code ignored;
  if (fs::is_directory(name_or_folder, ignored)) return name_or_folder;
  return naming_flag(flag, name_or_folder, [&] {
    const std::optional<HubName> name = parse_hub_name(name_or_folder);
    if (!name) throw UsageError("there is no such folder, and it is no Hub name such as google/canine-s");
    return find_or_download(*name);
  });
}

fs::path find_model_folder(const std::string& flag, const std::string& name_or_folder, Job& job) {
  job.in_first_process(fmt::format("model files (--{})", flag), [&] { find_model_folder(flag, name_or_folder); });
  return find_model_folder(flag, name_or_folder);
}

}  // namespace canine
