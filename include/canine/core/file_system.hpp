#pragma once

#include <filesystem>

namespace canine {

// What a file system can do. Those that show an object store, an archive or a remote machine as a folder often cannot
// rename, add to a file that is there, or remove one; better known at the start than after hours of work.

/// Proves with two small files that `folder` can take what is written here: files are made, added to, renamed over
/// others, and removed. Throws CannotWriteError that says what cannot be done there and what to do instead. Nothing is
/// left behind. Needs none of: links, locks, fsync (see below), truncation.
void probe_folder(const std::filesystem::path& folder);

/// fsync. Returns 0 or errno. A file system without fsync is no error but a note, once: what was written is then as
/// safe from a power cut as the system makes it.
int sync_descriptor(int fd);

}  // namespace canine
