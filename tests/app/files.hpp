#pragma once

#include <filesystem>
#include <string>

#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace canine {

/// A fresh folder that is easily filled.
class Folder : public testing::TemporaryFolder {
 public:
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path() / name).parent_path());
    write_file(path() / name, text);
    return path() / name;
  }
};

}  // namespace canine
