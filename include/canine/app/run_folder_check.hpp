#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "canine/app/output_files.hpp"

namespace canine {

/// The program whose run is to lie in a folder, and the flag (without hyphens) that names the folder.
struct RunProgram {
  std::string_view name;
  std::string_view folder_flag;
  bool prepares;  ///< writes prepared data
};

inline constexpr RunProgram kFinetune{"finetune", "save-path", true};
inline constexpr RunProgram kTrainMixer{"train_mixer", "save-dir", false};

/// Before anything is written: throws UsageError where a run of `program` in `folder` would destroy something. That is
/// a run or prepared data of the other program (known by args.yaml, prepared.json, or the card of the checkpoint), a
/// file under the name of one that runs write, which no run has written (known by its first bytes), and one of
/// the command's inputs. Says nothing about checkpoints, which are only read at first, and about prepared files
/// (data/prepare.hpp).
void check_run_folder(const std::filesystem::path& folder, const RunProgram& program,
                      std::span<const NamedFile> inputs);

}  // namespace canine
