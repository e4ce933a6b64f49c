#include "canine/app/hub_model.hpp"

#include <fmt/format.h>

#include <optional>

#include "canine/core/clock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/core/stand_in.hpp"
#include "canine/exchange/model_content.hpp"
#include "canine/hub/hub_download.hpp"
#include "canine/report/progress.hpp"
#include "canine/report/progress_lines.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMegabyte = 1'000'000;

/// What a download tells people: a bar on a terminal, lines elsewhere.
class DownloadReport {
 public:
  explicit DownloadReport(std::string name) : name_(std::move(name)) {}

  void update(uint64_t done, uint64_t total) {
    total_ = total;
    const auto megabytes = static_cast<int64_t>(done / kMegabyte);
    if (!bar_) bar_.emplace("download (MB)", static_cast<int64_t>(total / kMegabyte), megabytes);
    bar_->update(megabytes);
    if (!lines_.due()) return;
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
  ProgressLines lines_;
  Stopwatch whole_;
};

fs::path find_or_download(const HubName& name, HubFiles files) {
  DownloadOptions options = DownloadOptions::from_environment();
  options.files = files;
  if (const auto cached = find_cached_model(options.cache, name, files)) return *cached;
  if (!options.offline) {
    log_info("Downloading {}{} (revision {}) from {} to {}", files == HubFiles::kConfig ? "config.json of " : "",
             name.repository, name.revision, options.endpoint, options.cache.string());
  }
  DownloadReport report(name.repository);
  options.progress = [&](uint64_t done, uint64_t total) { report.update(done, total); };
  const fs::path folder = download_model(name, options);
  report.conclude();
  return folder;
}

bool is_there(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

void require_model(const std::string& flag, const std::string& name_or_path) {
  if (is_there(name_or_path)) return;
  if (const std::string why = stand_in(name_or_path); !why.empty()) {
    throw UsageError("--{} {}: {}", flag, name_or_path, why);
  }
  if (names_hub_model(name_or_path)) return;
  throw UsageError("--{} {}: there is no such file or folder, and it is no Hub name such as google/canine-s", flag,
                   name_or_path);
}

fs::path find_model_path(const std::string& flag, const std::string& name_or_path, HubFiles files) {
  require_model(flag, name_or_path);
  if (is_there(name_or_path)) return name_or_path;
  try {
    return find_or_download(*parse_hub_name(name_or_path), files);
  } catch (const Error& error) {
    throw Error(error.exit_code(),
                fmt::format("--{} {}: there is no such file or folder here, and as the name of a model on the Hub: {}",
                            flag, name_or_path, error.what()));
  }
}

fs::path find_model_path(const std::string& flag, const std::string& name_or_path, Job& job, HubFiles files) {
  job.in_first_process(fmt::format("model files (--{})", flag), [&] { find_model_path(flag, name_or_path, files); });
  return find_model_path(flag, name_or_path, files);
}

fs::path find_model_folder(const std::string& flag, const std::string& name_or_folder, Job& job, HubFiles files) {
  const fs::path path = find_model_path(flag, name_or_folder, job, files);
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return path;
  throw UsageError("--{} {}: a folder was expected, this is a file", flag, name_or_folder);
}

}  // namespace canine
