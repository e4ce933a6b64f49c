#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace canine {

/// A file and the option (without hyphens) that names it; an empty path = not given.
struct NamedFile {
  std::string_view option;
  std::filesystem::path path;
};

/// Whether outputs may be named "-" or /dev/stdout, or be another open descriptor (core/output_path.hpp).
enum class Streams { kRefused, kTaken };

/// Before any work: throws UsageError naming option and path where an output names no file, a folder, a device or a
/// pipe; where it is one of the inputs or another output, under whatever name; where it is, or would be taken for, a
/// file of the model or run in its folder (exchange/model_files.hpp). `--overwrite` changes nothing about that.
void check_output_files(std::span<const NamedFile> outputs, std::span<const NamedFile> inputs,
                        Streams streams = Streams::kRefused);

/// Throws CannotWriteError unless the folder of each output is there and can be written to (core/file_system.hpp).
/// Apart from the check above, because only the process that writes needs it.
void require_output_folders(std::span<const NamedFile> outputs);

/// Throws UsageError where a file is there already and `overwrite` does not say that it may be replaced. For the
/// process that writes.
void require_new_files(std::span<const NamedFile> outputs, bool overwrite);

/// The same for the file of a TableWriter, and for what an earlier one has left of it; `other_way` ("--resume goes on,
/// ") stands in the message in front of --overwrite. Throws UsageError also where files of others are in its way.
void require_new_table(const NamedFile& output, bool overwrite, std::string_view other_way = "");

/// Throws UsageError unless the name's end says how a table is written (table/table_format.hpp).
void check_table_name(const NamedFile& output);

/// "the standard output", or the path, for messages.
std::string name_of_output(const std::filesystem::path& path);

/// If one of the outputs is the standard output, lines for people go to stderr from now on.
void keep_standard_output(std::span<const NamedFile> outputs);

}  // namespace canine
