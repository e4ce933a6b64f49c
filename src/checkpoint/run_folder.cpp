#include "canine/checkpoint/run_folder.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <ctime>
#include <set>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "file_clone.hpp"
#include "run_manifest.hpp"
#include "torch_file_reader.hpp"
#include "torch_file_writer.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLast = "last.bin";

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

void check_free_space(const fs::path& folder, uint64_t bytes) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return;  // writing will tell
  const uint64_t free = uint64_t{info.f_bavail} * info.f_frsize;
  const uint64_t needed = bytes + bytes / 64 + (uint64_t{1} << 16);
  if (free < needed) {
    throw IoError("{}: a checkpoint needs {} MB and {} MB are free; make room, or keep fewer with --keep-last",
                  folder.string(), needed / 1'000'000 + 1, free / 1'000'000);
  }
}

/// Process of an aside file "<name>.tmp.<pid>" of something that runs write, or nullopt for other names.
std::optional<pid_t> owner_of_aside(const std::string& name) {
  constexpr std::string_view kMark = ".tmp.";
  const size_t mark = name.rfind(kMark);
  if (mark == std::string::npos || !RunFolder::is_run_file(name.substr(0, mark))) return std::nullopt;
  const char* end = name.data() + name.size();
  pid_t pid = 0;
  const auto parsed = std::from_chars(name.data() + mark + kMark.size(), end, pid);
  return parsed.ec == std::errc() && parsed.ptr == end && pid > 0 ? std::optional(pid) : std::nullopt;
}

/// Removes what processes that are gone (or had this one's number) were writing when they ended.
void remove_leftovers(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator(folder, ignored)) {
    const auto owner = owner_of_aside(item.path().filename().string());
    if (!owner || !item.is_regular_file(ignored)) continue;
    if (*owner != ::getpid() && (::kill(*owner, 0) == 0 || errno != ESRCH)) continue;
    log_note("removed {}, which an earlier process left unfinished", item.path().string());
    fs::remove(item.path(), ignored);
  }
}

/// True if a crash came between `newest`, a listed checkpoint, and the last.bin that should have followed it.
bool written_after_last(const fs::path& folder, const std::string& newest, const RunManifest& manifest) {
  std::error_code error;
  const auto newest_time = fs::last_write_time(folder / newest, error);
  return manifest.find(newest) != nullptr && !error && newest_time > fs::last_write_time(folder / kLast, error) &&
         !error;
}

/// Names of checkpoints in the order in which to try them: last.bin, then by falling step.
std::vector<std::string> candidates(const fs::path& folder, const RunManifest& manifest) {
  std::vector<std::pair<int64_t, std::string>> steps;
  std::error_code ignored;
  bool has_last = false;
  for (const auto& item : fs::directory_iterator(folder, ignored)) {
    const std::string name = item.path().filename().string();
    has_last = has_last || name == kLast;
    if (const auto step = step_of_name(name)) steps.emplace_back(*step, name);
  }
  std::sort(steps.rbegin(), steps.rend());
  std::vector<std::string> names;
  for (const auto& [step, name] : steps) names.push_back(name);
  if (has_last) {
    const bool last_is_older = !names.empty() && written_after_last(folder, names.front(), manifest);
    names.insert(names.begin() + (last_is_older ? 1 : 0), std::string(kLast));
  }
  return names;
}

/// Reads a checkpoint and holds it against the manifest. Throws CheckpointError or IoError.
PickleValue read_verified(const fs::path& path, const RunManifest& manifest) {
  const std::string name = path.filename().string();
  const ManifestEntry* entry = manifest.find(name);
  std::error_code ignored;
  if (const uint64_t bytes = fs::file_size(path, ignored); entry && entry->bytes != bytes) {
    throw CheckpointError("{}: it has {} bytes, {} were written", path.string(), bytes, entry->bytes);
  }
  HashedValue read = read_hashed_torch_file(path);
  if (entry && entry->sha256 != read.file.sha256) {
    throw CheckpointError("{}: its SHA-256 is not the one in checkpoints.json (was it overwritten through last.bin?)",
                          path.string());
  }
  if (name == kLast && !manifest.entries().empty() && !manifest.find_content(read.file.bytes, read.file.sha256)) {
    log_note("{} is whole, but was written by another program than this one; it is taken as it is", path.string());
  }
  return std::move(read.value);
}

/// The entry with the best value of `metric`, or nullptr.
const ManifestEntry* best_of(const std::vector<ManifestEntry>& entries, const std::string& metric) {
  const ManifestEntry* best = nullptr;
  for (const ManifestEntry& entry : entries) {
    if (metric.empty() || entry.metric_name != metric || !entry.metric) continue;
    if (!best || RunFolder::is_better(metric, *entry.metric, *best->metric)) best = &entry;
  }
  return best;
}

/// Files of the manifest to keep: the newest `keep_last`, and the best by `metric`.
std::set<std::string> kept_files(const RunManifest& manifest, size_t keep_last, const std::string& metric) {
  const auto& entries = manifest.entries();
  std::set<std::string> kept;
  for (size_t i = entries.size() - std::min(entries.size(), keep_last); i < entries.size(); ++i) {
    kept.insert(entries[i].file);
  }
  if (const ManifestEntry* best = best_of(entries, metric)) kept.insert(best->file);
  return kept;
}

struct Search {
  std::optional<RunFolder::Found> found;
  bool last_is_broken = false;
};

/// The newest checkpoint that verifies, and whether last.bin was found broken on the way.
Search search(const fs::path& folder) {
  const RunManifest manifest = RunManifest::read(folder);
  const std::vector<std::string> names = candidates(folder, manifest);
  if (names.empty()) return {};
  bool last_is_broken = false;
  std::string reasons;
  for (const std::string& name : names) {
    fs::path path = folder / name;
    try {
      RunFolder::Found found{path, read_verified(path, manifest)};
      if (!reasons.empty()) log_warning("going on from {} instead", path.string());
      return {std::move(found), last_is_broken};
    } catch (const Error& error) {
      if (error.exit_code() != ExitCode::kCheckpoint && error.exit_code() != ExitCode::kIo) throw;
      log_warning("a checkpoint is not usable: {}", error.what());
      reasons += fmt::format("\n  {}", error.what());
      last_is_broken = last_is_broken || name == kLast;
    }
  }
  throw CheckpointError("no checkpoint in {} is usable; restore one, or move them away to start anew:{}",
                        folder.string(), reasons);
}

}  // namespace

RunFolder::RunFolder(const Options& options) : options_(options) {
  if (options_.keep_last < 0) {
    throw UsageError("--keep-last {}: 0 (all) or a number of checkpoints was expected", options_.keep_last);
  }
}

bool RunFolder::is_run_file(const std::string& name) {
  constexpr std::string_view kBeside[] = {"checkpoints.json", "prepared.json", "args.yaml",      "result.json",
                                          "logs.csv",         "key.csv",       "data_train.csv", "data_val.csv",
                                          "bad_rows.csv",     ".lock"};
  return name == kLast || step_of_name(name) || std::ranges::find(kBeside, name) != std::end(kBeside);
}

std::vector<fs::path> RunFolder::checkpoints(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const std::string& name : candidates(folder, RunManifest::read(folder))) paths.push_back(folder / name);
  return paths;
}

bool RunFolder::has_checkpoint(const fs::path& folder) { return !candidates(folder, RunManifest()).empty(); }

std::string RunFolder::fingerprint() const {
  const RunManifest manifest = RunManifest::read(options_.folder);
  std::set<std::string> files;
  for (const auto& file : fs::directory_iterator(options_.folder)) {
    if (file.path().extension() != ".bin") continue;
    const std::string name = file.path().filename().string();
    const ManifestEntry* entry = manifest.find(name);
    std::error_code error;
    const uint64_t bytes = file.file_size(error);
    const std::string size = error ? error.message() : fmt::format("{} bytes", bytes);  // a link may lead to nothing
    files.insert(fmt::format("{} ({}{})", name, size, entry ? ", SHA-256 " + entry->sha256 : ""));
  }
  return files.empty() ? "none" : fmt::format("{}", fmt::join(files, ", "));
}

fs::path RunFolder::save(int64_t step, const PickleValue& content, std::optional<double> metric) {
  check_free_space(options_.folder, torch_file_bytes(content));
  const std::string name = fmt::format("{}.bin", step);
  fs::path path = options_.folder / name;
  const WrittenFile written = write_torch_file(path, content);
  RunManifest manifest = RunManifest::read(options_.folder);
  const bool has_metric = metric && std::isfinite(*metric);
  manifest.add({.file = name,
                .bytes = written.bytes,
                .sha256 = written.sha256,
                .step = step,
                .metric_name = has_metric ? options_.keep_best : "",
                .metric = has_metric ? metric : std::nullopt,
                .time = utc_now()});
  manifest.write(options_.folder);
  clone_over(path, options_.folder / kLast);
  prune();
  return path;
}

void RunFolder::set_metric(int64_t step, double metric) {
  RunManifest manifest = RunManifest::read(options_.folder);
  if (!std::isfinite(metric) || !manifest.set_metric(fmt::format("{}.bin", step), options_.keep_best, metric)) return;
  manifest.write(options_.folder);
  prune();
}

std::optional<double> RunFolder::best_metric() const {
  const RunManifest manifest = RunManifest::read(options_.folder);
  const ManifestEntry* best = best_of(manifest.entries(), options_.keep_best);
  return best != nullptr ? best->metric : std::nullopt;
}

bool RunFolder::is_better(const std::string& metric, double value, double other) {
  return metric == "val_loss" ? value < other : value > other;
}

void RunFolder::prune() const {
  if (options_.keep_last == 0) return;
  RunManifest manifest = RunManifest::read(options_.folder);
  const size_t listed = manifest.entries().size();
  for (const ManifestEntry& entry : std::vector(manifest.entries())) {
    if (!fs::exists(options_.folder / entry.file)) manifest.remove(entry.file);  // someone removed it
  }
  const auto kept = kept_files(manifest, static_cast<size_t>(options_.keep_last), options_.keep_best);
  for (const ManifestEntry& entry : std::vector(manifest.entries())) {
    if (kept.contains(entry.file)) continue;
    std::error_code error;
    fs::remove(options_.folder / entry.file, error);
    if (error) {
      log_warning("{} could not be removed: {}", (options_.folder / entry.file).string(), error.message());
    } else {
      manifest.remove(entry.file);
    }
  }
  if (manifest.entries().size() < listed) manifest.write(options_.folder);
}

void RunFolder::finish() {
  const fs::path last = options_.folder / kLast;
  try {
    separate(last);
  } catch (const Error& error) {
    log_warning("{} stays a second name of a numbered checkpoint: {}", last.string(), error.what());
  }
}

std::optional<RunFolder::Found> RunFolder::newest() {
  remove_leftovers(options_.folder);
  Search newest = search(options_.folder);
  if (newest.found && newest.last_is_broken) mend_last(newest.found->path);
  return std::move(newest.found);
}

/// Other readers take last.bin, so it must not stay broken.
void RunFolder::mend_last(const fs::path& good) const {
  const fs::path last = options_.folder / kLast;
  try {
    clone_over(good, last);
    separate(last);  // nobody may come to the clean end of this run
    log_note("{} now holds what {} holds", last.string(), good.filename().string());
  } catch (const Error& error) {
    log_warning("{} stays as it is: {}", last.string(), error.what());
  }
}

std::optional<RunFolder::Found> RunFolder::find_newest(const fs::path& folder) { return search(folder).found; }

}  // namespace canine
