#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace canine {

/// Where an output goes that has a name on a command line or in a folder. Only regular files and names that are free
/// are written to: a rename onto anything else would replace it, be it a device, and a link would lose its target.
struct OutputPlace {
  enum class Kind {
    kFree,    ///< nothing is there, also where a link leads
    kFile,    ///< a regular file
    kFolder,  ///< a folder
    kOther,   ///< a device, a named pipe, a socket
  };
  Kind kind = Kind::kFree;
  std::filesystem::path file;  ///< where the bytes belong: the name itself, or the end of its links
  std::string description;     ///< of what is there, for messages: "a named pipe"
};

/// Looks at `name` and follows its links. Throws CannotWriteError for a link that leads into a folder that is not
/// there, or in a circle.
OutputPlace find_output_place(const std::filesystem::path& name);

/// The file that is written or replaced under `name`. Throws CannotWriteError where no regular file can be.
std::filesystem::path regular_output(const std::filesystem::path& name);

/// The open descriptor that a name means: "-" and /dev/stdout 1, /dev/stderr 2, /dev/fd/N and /proc/self/fd/N N.
std::optional<int> named_descriptor(const std::filesystem::path& name);

}  // namespace canine
