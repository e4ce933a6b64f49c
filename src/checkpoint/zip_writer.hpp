#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hashed_file.hpp"

namespace canine {

/// Writes a zip file byte for byte as torch.save of PyTorch 2.11 does: stored entries under one top folder, each one's
/// data at a multiple of 64 bytes (filled up by the extra field "FB"), sizes and CRC-32 in a descriptor behind the
/// data, no times, ZIP64 fields where a size or place needs them, and always a ZIP64 end record.
class ZipWriter {
 public:
  struct Entry {
    std::string name;  ///< without the top folder
    uint32_t crc = 0;
    uint64_t size = 0;
    uint64_t offset = 0;  ///< of the local header
  };

  ZipWriter(HashedFile& file, std::string_view top_folder) : file_(file), prefix_(std::string(top_folder) + '/') {}

  void add(const std::string& name, std::string_view content);

  /// An entry whose bytes are not copied; `owner` keeps them alive.
  void add(const std::string& name, std::span<const std::byte> content, const std::shared_ptr<const void>& owner);

  const std::vector<Entry>& entries() const { return entries_; }

  /// Writes the directory; nothing may be added afterwards.
  void finish();

 private:
  void write_local_header(const Entry& entry);
  void write_descriptor(const Entry& entry);
  std::string directory_record(const Entry& entry) const;

  HashedFile& file_;
  std::string prefix_;
  std::vector<Entry> entries_;
};

}  // namespace canine
