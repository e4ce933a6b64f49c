#pragma once

#include <filesystem>

#include "canine/checkpoint/torch_file.hpp"

namespace canine {

/// A torch file's value, and the size and SHA-256 of the file it was read from.
struct HashedValue {
  PickleValue value;
  WrittenFile file;
};

/// read_torch_file, with the hash computed by a thread of its own meanwhile.
HashedValue read_hashed_torch_file(const std::filesystem::path& path);

}  // namespace canine
