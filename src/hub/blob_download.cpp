#include "blob_download.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "attempts.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/core/sha256.hpp"
#include "canine/core/write_errors.hpp"
#include "canine/hub/file_lock.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

fs::path incomplete_path(const fs::path& blob) { return blob.string() + ".incomplete"; }

/// Size of a regular file, 0 if there is none.
uint64_t size_of(const fs::path& path) {
  std::error_code error;
  const uint64_t size = fs::is_regular_file(path, error) ? fs::file_size(path, error) : 0;
  return error ? 0 : size;
}

bool is_there(const fs::path& blob, const RemoteFile& file) {
  std::error_code ignored;
  return fs::is_regular_file(blob, ignored) && size_of(blob) == file.size;
}

/// What has come of a file so far; goes on at its end.
class IncompleteFile {
 public:
  explicit IncompleteFile(fs::path path) : path_(std::move(path)) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd_ < 0) fail("made", errno);
    size_ = size_of(path_);
  }
  ~IncompleteFile() { ::close(fd_); }
  IncompleteFile(const IncompleteFile&) = delete;
  IncompleteFile& operator=(const IncompleteFile&) = delete;

  uint64_t size() const { return size_; }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("written", errno);
      size_ += static_cast<uint64_t>(written);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
  }

  void clear() {
    if (::ftruncate(fd_, 0) != 0) fail("emptied", errno);
    size_ = 0;
  }

  /// Makes it the file of this name.
  void finish(const fs::path& name) {
    if (::fsync(fd_) != 0) fail("synced", errno);
    if (::rename(path_.c_str(), name.c_str()) != 0) fail("renamed", errno);
    sync_folder(name.parent_path());
  }

 private:
  [[noreturn]] void fail(std::string_view what, int error) const {
    throw CannotWriteError("{} cannot be {} (at byte {}): {}. Free some space there, or set HF_HOME to another folder",
                           path_.string(), what, size_, write_error_text(error));
  }

  fs::path path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

/// True if a range begins where it was asked for, in a file of the announced size.
bool is_wanted_range(const std::string& content_range, uint64_t from, uint64_t size) {
  return content_range.starts_with(fmt::format("bytes {}-", from)) &&
         (content_range.ends_with(fmt::format("/{}", size)) || content_range.ends_with("/*"));
}

/// Refuses what does not fit the announced size; otherwise appends.
void take_piece(IncompleteFile& incomplete, const RemoteFile& file, std::span<const std::byte> bytes) {
  if (bytes.size() > file.size - incomplete.size()) {
    incomplete.clear();
    throw FinalTrouble(fmt::format("the server sends more than the {} bytes that it announced", file.size));
  }
  incomplete.write(bytes);
}

/// One GET for what is missing.
void transfer(RemoteModel& remote, const RemoteFile& file, IncompleteFile& incomplete,
              const std::function<void(uint64_t)>& progress) {
  if (incomplete.size() > file.size) incomplete.clear();
  if (incomplete.size() == file.size) return;
  bool begun = false;
  const uint64_t from = incomplete.size();
  const HttpResponse response =
      remote.http().get(file.location, from, [&](const HttpResponse& head, std::span<const std::byte> bytes) {
        if (!begun && head.status == 206 && !is_wanted_range(head.header("content-range"), from, file.size)) {
          throw FinalTrouble(
              fmt::format("the server answered with another range ('{}') than the one from byte {} of {}",
                          head.header("content-range"), from, file.size));
        }
        if (!begun && head.status == 200) incomplete.clear();  // a server that knows no ranges
        begun = true;
        take_piece(incomplete, file, bytes);
        progress(incomplete.size());
      });
  if (response.status != 200 && response.status != 206) {
    if (remote.http().is_endpoint(response.url) && response.status != 416) remote.refuse(response, file.url);
    if (response.status == 416) incomplete.clear();  // a range that it does not have
    // An address on another host is signed and runs out; the next attempt asks for a new one.
    throw PassingTrouble(fmt::format("HTTP status {} of the host that has the file", response.status));
  }
  if (incomplete.size() < file.size) {
    throw PassingTrouble(fmt::format("the answer ended after {} of {} bytes", incomplete.size(), file.size));
  }
}

/// Hash of a file as the server names it, "" if its kind is not known.
std::string hash_like(const std::string& etag, const fs::path& path) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  const bool hex = std::all_of(etag.begin(), etag.end(), is_hex);
  if (hex && etag.size() == 64) return sha256_of_file(path);
  if (!hex || etag.size() != 40) return "";
  Digest blob(Digest::Algorithm::kSha1);  // git's name of a file
  blob.update(fmt::format("blob {}", size_of(path)));
  blob.update(std::string_view("\0", 1));
  blob.update_from_file(path);
  return blob.hex_digest();
}

/// True if the file is what the server announced.
bool is_right(const fs::path& path, const RemoteFile& file, std::string& found) {
  found = hash_like(file.etag, path);
  if (!found.empty()) return found == file.etag;
  log_note("{}: the server gives no hash that could be checked (ETag {}); only the size was", file.url, file.etag);
  return true;
}

}  // namespace

uint64_t bytes_there(const fs::path& blobs, const RemoteFile& file) {
  const fs::path blob = blobs / file.etag;
  return is_there(blob, file) ? file.size : std::min(size_of(incomplete_path(blob)), file.size);
}

void download_blob(RemoteModel& remote, const RemoteFile& file, const fs::path& blobs, const fs::path& locks,
                   const DownloadOptions& options, const std::function<void(uint64_t)>& progress) {
  const fs::path blob = blobs / file.etag;
  const FileLock lock = FileLock::acquire(locks / (file.etag + ".lock"), file.url);
  if (is_there(blob, file)) return;
  IncompleteFile incomplete(incomplete_path(blob));
  RemoteFile source = file;
  while (true) {
    const bool resumed = incomplete.size() > 0;
    with_attempts(
        remote.name(), options, file.url, [&] { return incomplete.size(); },
        [&](bool again) {
          if (again) source = remote.refreshed(file);
          transfer(remote, source, incomplete, progress);
        });
    std::string found;
    if (is_right(incomplete_path(blob), file, found)) return incomplete.finish(blob);
    incomplete.clear();
    if (!resumed) {
      throw IoError(
          "{}: the hash of the {} bytes that came is {}, {} was announced; they were thrown away. Start again; "
          "if it stays so, the server or a proxy on the way is at fault",
          file.url, file.size, found, file.etag);
    }
    log_note("{}: what an earlier attempt had left does not fit; starting from its beginning", file.url);
  }
}

}  // namespace canine
