#include "writer_progress.hpp"

#include <charconv>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"

namespace canine {
namespace {

constexpr std::string_view kFirstLine = "canine table progress 1\n";

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
  const bool known = text.starts_with(kFirstLine);
  if (known) text.remove_prefix(kFirstLine.size());
  if (!known || !take_number(text, "rows", progress.rows) || !take_number(text, "bytes", progress.bytes) ||
      !take_line(text, "settings", settings) || !take_line(text, "state", state) || !text.empty()) {
    throw DataError("{}: this is no progress file of an interrupted run, so the run cannot be continued. Start anew",
                    path.string());
  }
  progress.settings = settings;
  progress.state = state;
  return progress;
}

void WriterProgress::write(const std::filesystem::path& path) const {
  for (const std::string& line : {settings, state}) {
    if (line.find('\n') != std::string::npos) throw InternalError("expected a text without line breaks: {}", line);
  }
  write_file(path,
             fmt::format("{}rows {}\nbytes {}\nsettings {}\nstate {}\n", kFirstLine, rows, bytes, settings, state));
}

}  // namespace canine
