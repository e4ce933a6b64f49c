// Data preparation, loading and batches: medians, rows per second, peak memory.
//
//   data_benchmark [ROWS...]       (default 10000 1000000)
//
// Each file holds distinct descriptions of about 27 characters, one of 300 five-digit codes, and a language.

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "canine/core/clock.hpp"
#include "canine/core/file.hpp"
#include "canine/core/parallel.hpp"
#include "canine/core/random.hpp"
#include "canine/data/code_system.hpp"
#include "canine/data/loader.hpp"
#include "canine/data/prepare.hpp"

namespace {

namespace fs = std::filesystem;
using namespace canine;

constexpr int kRepeats = 5;
constexpr int64_t kMostBatches = 1000;

/// A field of /proc/self/status in MiB.
double memory(const std::string& field) {
  const int fd = ::open("/proc/self/status", O_RDONLY);
  std::string text(8192, '\0');
  text.resize(static_cast<size_t>(std::max<ssize_t>(0, ::read(fd, text.data(), text.size()))));
  ::close(fd);
  const size_t at = text.find(field + ":");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + field.size() + 1)) / 1024;
}

void reset_peak() {
  const int fd = ::open("/proc/self/clear_refs", O_WRONLY);
  if (fd < 0) return;
  if (::write(fd, "5", 1) != 1) fmt::print(stderr, "peak memory cannot be reset; it is of the whole run\n");
  ::close(fd);
}

/// Processor time of all threads, which says more than the clock where other programs run.
double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Measured {
  double seconds;
  double processor_seconds;
  double peak;  // MiB above what was resident before
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// Median times of several runs; the memory of the first.
Measured measure(int repeats, const std::function<void()>& body) {
  std::vector<double> times;
  std::vector<double> processor_times;
  double peak = 0;
  for (int i = 0; i < repeats; ++i) {
    const double before = memory("VmRSS");
    reset_peak();
    const Stopwatch watch;
    const double start = processor_seconds();
    body();
    times.push_back(watch.seconds());
    processor_times.push_back(processor_seconds() - start);
    if (i == 0) peak = memory("VmHWM") - before;
  }
  return {median(times), median(processor_times), peak};
}

void print_row(const std::string& what, int64_t rows, const Measured& measured) {
  fmt::print("{:<48} {:>9.4f} {:>9.4f} {:>8.2f} {:>12.0f} {:>10.0f}\n", what, measured.seconds,
             measured.processor_seconds, 1e6 * measured.seconds / static_cast<double>(rows),
             static_cast<double>(rows) / measured.seconds, measured.peak);
  std::fflush(stdout);
}

void write_source(const fs::path& path, int64_t num_rows) {
  static constexpr std::array kWords = {"farmer",    "of",      "wheat",   "labourer",  "carpenter", "master",
                                        "shoemaker", "clerk",   "in",      "the",       "railway",   "office",
                                        "widow",     "servant", "retired", "apprentice"};
  Philox random(1, 0, 0);
  std::string text = "occ1,code,lang\n";
  for (int64_t row = 0; row < num_rows; ++row) {
    for (int word = 0; word < 3; ++word) text.append(kWords[random.below(kWords.size())]).append(" ");
    text += fmt::format("{},{},en\n", row, 10000 + random.below(300) * 7);
  }
  write_file(path, text, false);
}

/// Runs `body` with stdout going nowhere.
void quietly(const std::function<void()>& body) {
  std::fflush(stdout);
  const int saved = ::dup(STDOUT_FILENO);
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, STDOUT_FILENO);
  body();
  ::dup2(saved, STDOUT_FILENO);
  ::close(nowhere);
  ::close(saved);
}

void time_batches(const Dataset& data, int num_workers, Padding padding, bool augment, int repeats) {
  const DistributedSampler sampler({.num_rows = data.size()});
  const auto augmentation =
      augment ? std::make_shared<Augmentation>(Augmentation::Options{}, data.word_source()) : nullptr;
  BatchLoader::Options options{.num_workers = num_workers};
  options.collate.padding = padding;
  BatchLoader loader(data, sampler, augmentation, options);
  int64_t rows = 0;
  uint64_t epoch = 0;
  const Measured measured = measure(repeats, [&] {
    rows = 0;
    loader.seek(epoch++);
    for (int64_t i = 0; i < kMostBatches; ++i) {
      const std::optional<Batch> batch = loader.next();
      if (!batch) break;
      rows += batch->size();
    }
  });
  print_row(fmt::format("batches of 128, {} workers{}{}", num_workers, augment ? ", augmentation" : "",
                        padding == Padding::kMask ? ", trimmed" : ""),
            rows, measured);
}

void run(int64_t num_rows, const fs::path& folder) {
  const int repeats = num_rows > 100'000 ? 3 : kRepeats;
  PrepareOptions prepare_options;
  prepare_options.dataset = folder / "source.csv";
  prepare_options.target_cols = {"code"};
  prepare_options.language_col = "lang";
  prepare_options.overwrite_prepared = true;
  write_source(prepare_options.dataset, num_rows);
  fmt::print("\n{} rows, {:.1f} MB\n", num_rows, static_cast<double>(fs::file_size(prepare_options.dataset)) / 1e6);

  PreparedData prepared;
  Measured measured{};
  quietly([&] { measured = measure(repeats, [&] { prepared = prepare(prepare_options, folder); }); });
  print_row("prepare", num_rows, measured);
  prepare_options.overwrite_prepared = false;
  quietly([&] { measured = measure(repeats, [&] { prepared = prepare(prepare_options, folder); }); });
  print_row("use prepared data again", num_rows, measured);

  Dataset::Options options;
  options.files = {prepared.train, prepared.val};
  options.system =
      std::make_shared<CodeSystem>(CodeSystem::Options{.formatter = {.block_size = prepare_options.block_size},
                                                       .target_cols = prepare_options.target_cols,
                                                       .key = std::make_shared<LabelKey>(prepared.key)});
  std::unique_ptr<Dataset> data;
  print_row("load", num_rows, measure(repeats, [&] { data = std::make_unique<Dataset>(options); }));
  print_row("words for insertion", num_rows, measure(repeats, [&] { data->word_source(); }));
  print_row("fingerprint", num_rows, measure(repeats, [&] { data->fingerprint(); }));
  const DistributedSampler sampler({.num_rows = num_rows});
  print_row("permutation of an epoch", num_rows, measure(repeats, [&] { sampler.epoch(0); }));
  for (const int num_workers : {0, 2}) {
    time_batches(*data, num_workers, Padding::kReference, true, repeats);
  }
  time_batches(*data, 0, Padding::kReference, false, repeats);
  time_batches(*data, 0, Padding::kMask, true, repeats);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<int64_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::max<int64_t>(1, std::atoll(argv[i])));
  if (sizes.empty()) sizes = {10'000, 1'000'000};
  std::string folder = (fs::temp_directory_path() / "canine-benchmark-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  fmt::print("{} processors\n{:<48} {:>9} {:>9} {:>8} {:>12} {:>10}\n", available_processors(), "medians", "seconds",
             "CPU s", "us/row", "rows/s", "peak MiB");
  for (const int64_t size : sizes) run(size, folder);
  fs::remove_all(folder);
  return 0;
}
