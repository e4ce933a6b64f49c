// Saving and loading a checkpoint: seconds, MB per second, processor seconds, peak memory; beside a plain write of as
// many bytes, which tells what the disk allows.
//
//   checkpoint_benchmark [FOLDER] [MEGABYTES]       (default: the folder for temporary files, 1800)
//
// FOLDER on a tmpfs (/dev/shm) shows the speed without a disk. Files are read while they are in the page cache.

#include <ATen/ops/rand.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "canine/checkpoint/run_folder.hpp"
#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/clock.hpp"
#include "canine/core/file.hpp"

namespace {

namespace fs = std::filesystem;
using namespace canine;

constexpr int kRepeats = 3;

/// Peak resident memory in MiB, since reset_peak().
double peak_memory() {
  const std::string text = [] {
    std::string status(8192, '\0');
    const int fd = ::open("/proc/self/status", O_RDONLY);
    status.resize(static_cast<size_t>(std::max<ssize_t>(0, ::read(fd, status.data(), status.size()))));
    ::close(fd);
    return status;
  }();
  const size_t place = text.find("VmHWM:");
  return place == std::string::npos ? 0 : std::stod(text.substr(place + 6)) / 1024;
}

void reset_peak() {
  const int fd = ::open("/proc/self/clear_refs", O_WRONLY);
  if (fd < 0 || ::write(fd, "5", 1) != 1) fmt::print(stderr, "peak memory cannot be reset; it is of the whole run\n");
  if (fd >= 0) ::close(fd);
}

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Runs `body` some times and prints a line of medians.
void measure(const std::string& name, uint64_t bytes, const std::function<void()>& body) {
  std::vector<double> wall, processor, peak;
  for (int i = 0; i < kRepeats; ++i) {
    reset_peak();
    const double memory_before = peak_memory();
    const double processor_before = processor_seconds();
    const Stopwatch watch;
    body();
    wall.push_back(watch.seconds());
    processor.push_back(processor_seconds() - processor_before);
    peak.push_back(peak_memory() - memory_before);
  }
  fmt::print("{:<34} {:7.2f} s {:8.0f} MB/s   processor {:6.2f} s   memory +{:.0f} MiB\n", name, median(wall),
             static_cast<double>(bytes) / 1e6 / median(wall), median(processor), median(peak));
}

/// A state of weights and two moments in the shapes of a CANINE encoder.
PickleValue state_of(uint64_t bytes) {
  NamedTensors tensors;
  uint64_t made = 0;
  while (made < bytes) {
    for (const auto& sizes : {std::vector<int64_t>{3072, 768}, {768, 3072}, {768, 768}, {768, 768}, {768}, {768}}) {
      const at::Tensor tensor = at::rand(sizes);
      made += tensor.nbytes();
      tensors.emplace_back(fmt::format("layer.{}.weight", tensors.size()), tensor);
    }
  }
  return PickleValue::Dict{{{"model", state_dict_value(tensors)}, {"step", 1}}};
}

[[noreturn]] void usage() {
  fmt::print(stderr,
             "Usage: checkpoint_benchmark [FOLDER] [MEGABYTES]   (an existing folder; 1 to 100000, default 1800)\n");
  std::exit(2);
}

/// Folder and size of the state in MB.
std::pair<fs::path, uint64_t> arguments(int argc, char** argv) {
  const fs::path folder = argc > 1 ? fs::path(argv[1]) : fs::temp_directory_path();
  uint64_t megabytes = 1800;
  if (argc > 2) {
    const std::string_view text = argv[2];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), megabytes);
    if (error != std::errc() || end != text.data() + text.size()) usage();
  }
  if (argc > 3 || megabytes < 1 || megabytes > 100'000 || !fs::is_directory(folder)) usage();
  return {folder, megabytes};
}

}  // namespace

int main(int argc, char** argv) {
  const auto [parent, megabytes] = arguments(argc, argv);
  const fs::path folder = parent / ("checkpoint_benchmark_" + std::to_string(::getpid()));
  fs::create_directory(folder);
  const PickleValue state = state_of(megabytes * 1'000'000);
  const uint64_t bytes = write_torch_file(folder / "state.bin", state).bytes;
  fmt::print("{} MB in {}, medians of {}\n", bytes / 1'000'000, folder.string(), kRepeats);

  measure("plain write and fsync", bytes, [&] {
    AtomicFile file(folder / "plain");
    for (const auto& [name, value] : state.at("model", "").as_dict("").items) {
      const at::Tensor& tensor = value.as_tensor("");
      file.write(std::span(static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()));
    }
    file.commit();
  });
  fs::remove(folder / "plain");
  measure("write_torch_file (with fsync)", bytes, [&] { write_torch_file(folder / "state.bin", state); });
  measure("read_torch_file", bytes, [&] { read_torch_file(folder / "state.bin"); });
  fs::remove(folder / "state.bin");
  RunFolder run({.folder = folder, .keep_last = 1});
  measure("RunFolder::save", bytes, [&] { run.save(1, state); });
  measure("RunFolder::newest (with SHA-256)", bytes, [&] { run.newest(); });
  fs::remove_all(folder);
}
