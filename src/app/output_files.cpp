#include "canine/app/output_files.hpp"

#include <algorithm>
#include <system_error>

#include "canine/core/errors.hpp"
#include "canine/core/file_system.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/output_stream.hpp"
#include "canine/exchange/model_files.hpp"
#include "canine/table/table_format.hpp"
#include "canine/table/table_writer.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

/// Also where neither is there yet, and through links. Descriptors are what their numbers say.
bool same_file(const fs::path& a, const fs::path& b) {
  if (named_descriptor(a) || named_descriptor(b)) return named_descriptor(a) == named_descriptor(b);
  std::error_code error;
  if (fs::equivalent(a, b, error)) return true;
  const fs::path whole_a = fs::weakly_canonical(fs::absolute(a), error);
  const fs::path whole_b = fs::weakly_canonical(fs::absolute(b), error);
  return !error && whole_a == whole_b;
}

bool is_stream(const NamedFile& output) { return named_descriptor(output.path).has_value(); }

/// What is written must be a regular file, or an open descriptor where that is of use.
void check_place(const NamedFile& output, Streams streams) {
  const std::string path = output.path.string();
  if (is_stream(output)) {
    if (streams == Streams::kRefused) {
      throw UsageError("--{} {}: this cannot be written to an open stream; give the name of a file", output.option,
                       path);
    }
    OutputStream(output.path);  // throws
    return;
  }
  if (output.path.filename().empty()) throw UsageError("--{} '{}': give the name of a file", output.option, path);
  const OutputPlace place = find_output_place(output.path);
  if (place.kind == OutputPlace::Kind::kFolder) {
    throw UsageError("--{} {}: this is a folder; give a file", output.option, path);
  }
  if (place.kind == OutputPlace::Kind::kOther) {
    throw UsageError("--{} {}: {} is there, and a file would take its place; give another name{}", output.option, path,
                     place.description,
                     streams == Streams::kTaken ? fmt::format(", or --{} - > {}", output.option, path) : "");
  }
  if (belongs_to_model(output.path)) {
    throw UsageError(
        "--{} {}: in the folder {}, which holds a model or a run, a file of this name is a part of it; give "
        "another name",
        output.option, path, folder_of(place.file).string());
  }
}

void check_output_file(const NamedFile& output, std::span<const NamedFile> inputs, Streams streams) {
  check_place(output, streams);
  for (const NamedFile& input : inputs) {
    if (input.path.empty()) continue;
    if (same_file(output.path, input.path)) {
      throw UsageError("--{} {}: this is the input of --{}; give another file", output.option, output.path.string(),
                       input.option);
    }
    for (const char* ending : {".partial", ".progress"}) {  // TableWriter's
      if (!same_file(output.path.string() + ending, input.path)) continue;
      throw UsageError("--{} {}: until it is whole its rows are kept in {}, the input of --{}; give another file",
                       output.option, output.path.string(), input.path.string(), input.option);
    }
  }
}

}  // namespace

void check_output_files(std::span<const NamedFile> outputs, std::span<const NamedFile> inputs, Streams streams) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].path.empty()) continue;
    check_output_file(outputs[i], inputs, streams);
    for (const NamedFile& other : outputs.first(i)) {
      if (other.path.empty() || !same_file(outputs[i].path, other.path)) continue;
      throw UsageError("--{} {}: --{} writes this file; give another one", outputs[i].option, outputs[i].path.string(),
                       other.option);
    }
  }
}

void require_output_folders(std::span<const NamedFile> outputs) {
  for (const NamedFile& output : outputs) {
    if (output.path.empty() || is_stream(output)) continue;
    const fs::path folder = folder_of(find_output_place(output.path).file);
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
      throw CannotWriteError("--{} {}: there is no folder {}; make it first", output.option, output.path.string(),
                             folder.string());
    }
    try {
      probe_folder(folder);
    } catch (const CannotWriteError& refusal) {
      throw CannotWriteError("--{} {}: {}", output.option, output.path.string(), refusal.what());
    }
  }
}

void require_new_files(std::span<const NamedFile> outputs, bool overwrite) {
  for (const NamedFile& output : outputs) {
    std::error_code ignored;
    if (overwrite || output.path.empty() || is_stream(output) || !fs::exists(output.path, ignored)) continue;
    throw UsageError("--{} {}: this file is there already; --overwrite replaces it", output.option,
                     output.path.string());
  }
}

void require_new_table(const NamedFile& output, bool overwrite, std::string_view other_way) {
  if (output.path.empty() || is_stream(output)) return;
  const OutputState state = output_state(output.path);
  if (!overwrite && state == OutputState::kInterrupted) {
    throw UsageError("--{} {}: an interrupted run has left rows; {}--overwrite starts anew", output.option,
                     output.path.string(), other_way);
  }
  require_new_files({&output, 1}, overwrite);
}

void check_table_name(const NamedFile& output) {
  if (output.path.empty() || is_stream(output) || table_format(output.path)) return;
  throw UsageError("--{} {}: the end of the name says how the table is written; expected {}", output.option,
                   output.path.string(), kTableEndings);
}

std::string name_of_output(const fs::path& path) {
  return named_descriptor(path) == 1 ? "the standard output" : path.string();
}

void keep_standard_output(std::span<const NamedFile> outputs) {
  if (std::ranges::any_of(outputs, [](const NamedFile& output) { return named_descriptor(output.path) == 1; })) {
    keep_standard_output_for_data();
  }
}

}  // namespace canine
