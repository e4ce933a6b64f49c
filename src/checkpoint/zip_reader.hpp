#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "canine/core/file.hpp"

namespace canine {

/// One entry of a zip file, its place checked: the data lie within the file and within no other entry.
struct ZipEntry {
  std::string name;
  bool deflated = false;
  uint32_t crc = 0;
  uint64_t stored_size = 0;   ///< bytes in the file
  uint64_t size = 0;          ///< bytes of the content
  uint64_t header = 0;        ///< place of the local header
  uint64_t data = 0;          ///< place of the first byte of data
  bool described = false;     ///< checksum and sizes stand behind the data
  std::string shared_fields;  ///< version needed, flags, method, time and date, which the local header repeats
};

/// Reads and checks the directory of a zip file and the local header of each entry, which must agree with it. Nothing
/// is allocated for data. Throws CheckpointError for a file that is torn, or that says one thing in two ways: duplicate
/// or travelling names, overlapping entries, false ZIP64 numbers, encryption, symbolic links, several disks, more than
/// a million entries, deflated sizes beyond 20 times the file.
std::vector<ZipEntry> read_zip_directory(const RandomAccessFile& file);

/// A wish to read one entry.
struct ZipRead {
  const ZipEntry* entry = nullptr;
  std::byte* out = nullptr;  ///< room for entry->size bytes; nullptr: the checksum is computed, the content dropped
};

/// Reads entries with several threads and compares each one's CRC-32. Throws CheckpointError naming the entry.
void read_zip_entries(const RandomAccessFile& file, const std::vector<ZipRead>& reads);

}  // namespace canine
