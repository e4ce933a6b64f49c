#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "remote_model.hpp"

namespace canine {

/// Bytes of a file that are in the cache already, whole or from an interrupted download.
uint64_t bytes_there(const std::filesystem::path& blobs, const RemoteFile& file);

/// Brings a file into `blobs`, where it gets its name when size and hash are right; until then it is
/// `<etag>.incomplete`. `locks` is the folder of locks shared with other programs. `progress` is told the bytes that
/// are there. Throws UsageError, CannotWriteError or IoError.
void download_blob(RemoteModel& remote, const RemoteFile& file, const std::filesystem::path& blobs,
                   const std::filesystem::path& locks, const DownloadOptions& options,
                   const std::function<void(uint64_t)>& progress);

}  // namespace canine
