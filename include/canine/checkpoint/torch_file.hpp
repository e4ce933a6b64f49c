#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "canine/checkpoint/pickle_value.hpp"

namespace canine {

/// What writing a file gave.
struct WrittenFile {
  uint64_t bytes = 0;
  std::string sha256;  ///< of the whole file, computed while writing
};

/// Reads a file of torch.save (zip format; also files no torch.load(weights_only=True) would take) as a value tree with
/// CPU tensors in memory aligned to 64 bytes. Nothing in the file is ever executed. Every record's CRC-32 is checked.
/// Throws CheckpointError naming the record or pickle position: torn, hostile or unsupported files; IoError.
PickleValue read_torch_file(const std::filesystem::path& path);

/// The same without reading tensors: they have type and shape, and no certain numbers. Quick for files of any size.
PickleValue read_torch_outline(const std::filesystem::path& path);

/// Writes a value as torch.save would (zip, stored entries, storages at multiples of 64 bytes, pickle protocol 2,
/// device "cpu"), so that torch.load(weights_only=True) reads it; atomically, streaming, without a second copy of the
/// tensors (device tensors are copied to the host one at a time). Equal values give equal bytes. `top_folder` is the
/// name inside the zip (the file's stem if empty).
WrittenFile write_torch_file(const std::filesystem::path& path, const PickleValue& value,
                             const std::string& top_folder = "");

}  // namespace canine
