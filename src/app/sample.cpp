#include "canine/app/sample.hpp"

#include <fmt/format.h>

#include "canine/core/errors.hpp"

namespace canine {

namespace fs = std::filesystem;

fs::path find_sample_config(const fs::path& program) {
  const fs::path folder = program.parent_path();
  const fs::path name = fs::path("configs") / "sample.yaml";
  const fs::path beside = (folder / ".." / "share" / "canine" / name).lexically_normal();
  const fs::path above = (folder / ".." / ".." / name).lexically_normal();
  for (const fs::path& path : {beside, above}) {
    if (fs::exists(path)) return path;
  }
  throw UsageError(
      "the settings of the sample run were expected in {} or {}; give --dataset and --target-cols to train on data of "
      "your "
      "own (--help)",
      beside.string(), above.string());
}

fs::path running_program() { return fs::read_symlink("/proc/self/exe"); }

fs::path sample_folder(const fs::path& parent) {
  for (int number = 1;; ++number) {
    fs::path folder = parent / (number == 1 ? "canine-sample" : fmt::format("canine-sample-{}", number));
    if (!is_finished(folder)) return folder;
  }
}

bool is_finished(const fs::path& folder) { return fs::exists(folder / "result.json"); }

}  // namespace canine
