#include "canine/app/run_folder_check.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <string>

#include "canine/checkpoint/run_folder.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/output_path.hpp"
#include "canine/exchange/model_content.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

std::string start_of(const fs::path& path) {
  constexpr uint64_t kMost = 4096;
  const RandomAccessFile file(path);
  std::string start(std::min(kMost, file.size()), '\0');
  file.read(0, std::as_writable_bytes(std::span(start)));
  return start;
}

/// Name of the program that has written these settings; "" if it was neither.
std::string_view program_of_settings(const fs::path& args_yaml) {
  constexpr uint64_t kMost = uint64_t{1} << 20;
  try {
    const YAML::Node root = YAML::Load(read_file(args_yaml, kMost));
    if (!root.IsMap()) return "";
    if (root["save_dir"].IsDefined()) return kTrainMixer.name;
    return root["save_path"].IsDefined() ? kFinetune.name : "";
  } catch (const YAML::Exception&) {
    return "";
  }
}

/// Whether a file of this name begins as those of runs do.
bool is_of_a_run(const fs::path& file) {
  const std::string name = file.filename().string();
  const std::string start = start_of(file);
  const auto holds = [&](std::string_view text) { return start.find(text) != std::string::npos; };
  if (name == "args.yaml") return !program_of_settings(file).empty();
  if (name == "logs.csv") return start.empty() || start.starts_with("step,");
  if (name == "bad_rows.csv") return start.starts_with("line,column,code,reason");
  if (name == "result.json") return holds("\"first_validation\"");
  if (name == "checkpoints.json") return holds("\"checkpoints\"");
  if (name == "prepared.json") return holds("\"source\"");
  return true;
}

void refuse_files_of_others(const fs::path& folder, const RunProgram& program) {
  for (const char* name :
       {"args.yaml", "logs.csv", "result.json", "checkpoints.json", "bad_rows.csv", "prepared.json"}) {
    const fs::path file = folder / name;
    if (!is_there(file)) continue;
    const OutputPlace place = find_output_place(file);
    if (place.kind == OutputPlace::Kind::kFree) continue;  // behind a link
    if (place.kind == OutputPlace::Kind::kFile && is_of_a_run(file)) continue;
    throw UsageError(
        "--{} {}: {} is there and is not from a run, which would write a file of this name; choose another folder, or "
        "move it away",
        program.folder_flag, folder.string(), file.string());
  }
}

/// The program whose run or data lies in the folder, and what shows it.
struct Owner {
  std::string_view program;
  fs::path evidence;
};

std::optional<Owner> find_owner(const fs::path& folder, const RunProgram& program) {
  if (is_there(folder / "args.yaml")) return Owner{program_of_settings(folder / "args.yaml"), folder / "args.yaml"};
  if (is_there(folder / "prepared.json")) return Owner{kFinetune.name, folder / "prepared.json"};
  if (!program.prepares || is_there(folder / "data_train.csv") || !RunFolder::has_checkpoint(folder))
    return std::nullopt;
  const ModelContent content = read_model_content(folder.string());
  if (!content.card || content.card->formatter.kind == FormatterKind::kGeneral) return std::nullopt;
  return Owner{kTrainMixer.name, content.path};
}

void refuse_inputs(const fs::path& folder, const RunProgram& program, std::span<const NamedFile> inputs) {
  for (const NamedFile& input : inputs) {
    const std::string name = input.path.filename().string();
    const bool is_prepared = name.starts_with("data_") || name == "prepared.json" || name == "bad_rows.csv";
    if (input.path.empty() || !RunFolder::is_run_file(name) || (is_prepared && !program.prepares)) continue;
    std::error_code ignored;
    if (!fs::equivalent(input.path, folder / name, ignored)) continue;
    throw UsageError(
        "--{} {}: the run writes a file of this name into --{} {}, so it would be lost; choose another --{}",
        input.option, input.path.string(), program.folder_flag, folder.string(), program.folder_flag);
  }
}

}  // namespace

void check_run_folder(const fs::path& folder, const RunProgram& program, std::span<const NamedFile> inputs) {
  refuse_inputs(folder, program, inputs);
  refuse_files_of_others(folder, program);
  const std::optional<Owner> owner = find_owner(folder, program);
  if (!owner || owner->program == program.name) return;
  throw UsageError(
      "--{} {}: a run of {} lies in this folder (so {} says), and {} would mix its own into it; choose "
      "another --{}, or go on with {}",
      program.folder_flag, folder.string(), owner->program, owner->evidence.string(), program.name, program.folder_flag,
      owner->program);
}

}  // namespace canine
