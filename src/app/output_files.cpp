#include "canine/app/output_files.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// Also where neither is there yet, and through links.
bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code error;
  if (fs::equivalent(a, b, error)) return true;
  const fs::path whole_a = fs::weakly_canonical(fs::absolute(a), error);
  const fs::path whole_b = fs::weakly_canonical(fs::absolute(b), error);
  return !error && whole_a == whole_b;
}

void check_output_file(const NamedFile& output, std::span<const NamedFile> inputs) {
  const std::string path = output.path.string();
  if (output.path.filename().empty()) throw UsageError("--{} '{}': give the name of a file", output.option, path);
  for (const NamedFile& input : inputs) {
    if (input.path.empty() || !same_file(output.path, input.path)) continue;
    throw UsageError("--{} {}: this is the input of --{}; give another file", output.option, path, input.option);
  }
  std::error_code error;
  if (fs::is_directory(output.path, error)) {
    throw UsageError("--{} {}: this is a folder; give a file", output.option, path);
  }
}

}  // namespace

void check_output_files(std::span<const NamedFile> outputs, std::span<const NamedFile> inputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].path.empty()) continue;
    check_output_file(outputs[i], inputs);
    for (const NamedFile& other : outputs.first(i)) {
      if (other.path.empty() || !same_file(outputs[i].path, other.path)) continue;
      throw UsageError("--{} {}: --{} writes this file; give another one", outputs[i].option, outputs[i].path.string(),
                       other.option);
    }
  }
}

void require_output_folders(std::span<const NamedFile> outputs) {
  for (const NamedFile& output : outputs) {
    if (output.path.empty()) continue;
    const fs::path folder = output.path.has_parent_path() ? output.path.parent_path() : fs::path(".");
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
      throw CannotWriteError("--{} {}: there is no folder {}; make it first", output.option, output.path.string(),
                             folder.string());
    }
    if (::access(folder.c_str(), W_OK | X_OK) == 0) continue;
    throw CannotWriteError("--{} {}: cannot write into the folder {}: {}", output.option, output.path.string(),
                           folder.string(), std::generic_category().message(errno));
  }
}

}  // namespace canine
