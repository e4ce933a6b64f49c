#include "canine/core/output_path.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as the kernel

std::string describe(fs::file_type type) {
  switch (type) {
    case fs::file_type::regular:
      return "a file";
    case fs::file_type::directory:
      return "a folder";
    case fs::file_type::fifo:
      return "a pipe";
    case fs::file_type::socket:
      return "a socket";
    case fs::file_type::character:
      return "a character device";
    case fs::file_type::block:
      return "a block device";
    default:
      return "something else";
  }
}

bool is_link(const fs::path& path) {
  std::error_code ignored;
  return fs::is_symlink(fs::symlink_status(path, ignored));
}

/// The end of a chain of links, which need not be there.
fs::path end_of_links(const fs::path& name) {
  fs::path path = name;
  for (int links = 0; is_link(path); ++links) {
    std::error_code error;
    const fs::path target = fs::read_symlink(path, error);
    if (error || links == kMostLinks) {
      throw CannotWriteError("{}: this link leads nowhere ({})", name.string(),
                             error ? error.message() : "links in a circle");
    }
    path = path.parent_path() / target;  // an absolute target stays
  }
  return path;
}

}  // namespace

OutputPlace find_output_place(const fs::path& name) {
  using Kind = OutputPlace::Kind;
  std::error_code ignored;
  const fs::file_type type = fs::status(name, ignored).type();
  // What cannot be looked at (a folder without permission) is left to whoever opens it.
  if (type == fs::file_type::not_found || type == fs::file_type::none || type == fs::file_type::unknown) {
    const fs::path file = end_of_links(name);
    const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
    if (is_link(name) && !fs::is_directory(folder, ignored)) {
      throw CannotWriteError(
          "{}: this is a link to {}, whose folder is not there; make that folder, or remove the link", name.string(),
          file.string());
    }
    return {Kind::kFree, file, "nothing"};
  }
  const Kind kind = type == fs::file_type::regular     ? Kind::kFile
                    : type == fs::file_type::directory ? Kind::kFolder
                                                       : Kind::kOther;
  return {kind, kind == Kind::kFile ? end_of_links(name) : name, describe(type)};
}

fs::path regular_output(const fs::path& name) {
  OutputPlace place = find_output_place(name);
  if (place.kind == OutputPlace::Kind::kFree || place.kind == OutputPlace::Kind::kFile) return std::move(place.file);
  throw CannotWriteError("cannot write {}: {} is there, and only a regular file or a new name can be written",
                         name.string(), place.description);
}

std::optional<int> named_descriptor(const fs::path& name) {
  const std::string text = name.string();
  if (text == "-" || text == "/dev/stdout") return 1;
  if (text == "/dev/stderr") return 2;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!text.starts_with(folder)) continue;
    int number = -1;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + folder.size(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end && number >= 0) return number;
  }
  return std::nullopt;
}

}  // namespace canine
