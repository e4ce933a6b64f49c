#include "writer_progress.hpp"

#include <charconv>
#include <span>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/sha256.hpp"

namespace canine {
namespace {

constexpr std::string_view kFirstLine = "canine table progress 2\n";
constexpr std::string_view kFormerFirstLine = "canine table progress 1\n";  // the same without the header

/// The first bytes of a file, fewer if it is shorter.
std::string start_of(const std::filesystem::path& path, uint64_t size) {
  const RandomAccessFile file(path);
  std::string start(std::min(size, file.size()), '\0');
  file.read(0, std::as_writable_bytes(std::span(start)));
  return start;
}

/// Takes "<name> <value>\n" off the front of `text`. False if it does not begin so.
bool take_line(std::string_view& text, std::string_view name, std::string_view& value) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(name) || text.substr(name.size(), 1) != " ") return false;
  value = text.substr(name.size() + 1, end - name.size() - 1);
  text.remove_prefix(end + 1);
  return true;
}

template <typename Number>
bool take_number(std::string_view& text, std::string_view name, Number& number) {
  std::string_view value;
  if (!take_line(text, name, value)) return false;
  const auto end = std::from_chars(value.data(), value.data() + value.size(), number);
  return end.ec == std::errc() && end.ptr == value.data() + value.size() && number >= 0;
}

}  // namespace

WriterProgress WriterProgress::read(const std::filesystem::path& path) {
  constexpr uint64_t kLargest = uint64_t{1} << 24;
  const std::string content = read_file(path, kLargest);
  std::string_view text = content;
  WriterProgress progress;
  std::string_view settings;
  std::string_view state;
  const bool has_header = text.starts_with(kFirstLine);
  const bool known = has_header || text.starts_with(kFormerFirstLine);
  if (known) text.remove_prefix(kFirstLine.size());
  std::string_view hash;
  if (!known || !take_number(text, "rows", progress.rows) || !take_number(text, "bytes", progress.bytes) ||
      !take_line(text, "settings", settings) || !take_line(text, "state", state) ||
      (has_header && (!take_number(text, "header", progress.header_bytes) || !take_line(text, "sha256", hash))) ||
      !text.empty()) {
    throw DataError("{}: this is no progress file of an interrupted run, so the run cannot be continued. Start anew",
                    path.string());
  }
  progress.header_sha256 = hash;
  progress.settings = settings;
  progress.state = state;
  return progress;
}

bool WriterProgress::is_one(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) return false;
  const std::string start = start_of(path, kFirstLine.size());
  return start == kFirstLine || start == kFormerFirstLine;
}

bool WriterProgress::belongs_to(const std::filesystem::path& partial) const {
  if (header_bytes == 0) return true;
  const std::string start = start_of(partial, header_bytes);
  return start.empty() || sha256_of(start) == header_sha256;
}

void WriterProgress::write(const std::filesystem::path& path) const {
  for (const std::string& line : {settings, state}) {
    if (line.find('\n') != std::string::npos) throw InternalError("expected a text without line breaks: {}", line);
  }
  write_file(path, fmt::format("{}rows {}\nbytes {}\nsettings {}\nstate {}\nheader {}\nsha256 {}\n", kFirstLine, rows,
                               bytes, settings, state, header_bytes, header_sha256));
}

}  // namespace canine
