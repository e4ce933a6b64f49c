#include "markup_kind.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>

#include "canine/core/ascii_lower.hpp"

#include "csv_scanner.hpp"

namespace canine {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> starts) {
  return std::ranges::any_of(starts, [&](std::string_view start) { return text.starts_with(start); });
}

/// What stands behind the comments in front; the text itself where there is nothing else.
std::string_view behind_comments(std::string_view text) {
  std::string_view rest = text;
  while (rest.starts_with("<!--")) {
    const size_t end = rest.find("-->");
    if (end == std::string_view::npos) return text;
    rest.remove_prefix(end + 3);
    rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  }
  return rest.empty() ? text : rest;
}

bool is_html(std::string_view lower) {
  return starts_with_any(lower,
                         {"<!doctype html", "<html", "<head", "<body", "<table", "<title", "<meta", "<script"}) ||
         (lower.starts_with("<?xml") && lower.find("<html") != std::string_view::npos);
}

/// An object with members, or a list of objects, lists or texts. A description in brackets, such as ['smith'], is none.
bool is_json(std::string_view text) {
  const size_t next = text.find_first_not_of(kBlanks, 1);
  if (next == std::string_view::npos) return false;
  return (text[0] == '{' && text[next] == '"') ||
         (text[0] == '[' && (text[next] == '{' || text[next] == '[' || text[next] == '"'));
}

/// What servers send in place of a file that they do not have; nothing else is in the file.
bool is_server_message(std::string_view lower) {
  constexpr auto kMessages =
      std::to_array<std::string_view>({"404: not found", "404 not found", "404 page not found", "not found",
                                       "entry not found", "403 forbidden", "forbidden", "access denied", "unauthorized",
                                       "invalid username or password.", "bad gateway", "internal server error"});
  return std::ranges::find(kMessages, lower) != kMessages.end();
}

}  // namespace

FileKind markup_kind(std::string_view start) {
  const std::string_view text = trimmed(start);
  if (text.empty()) return {};
  const std::string lower = ascii_lower(text);
  if (lower.starts_with("version https://git-lfs.github.com/")) {
    return FileKind::foreign("a Git LFS pointer, not the file itself",
                             "Fetch the file: 'git lfs pull' in its repository");
  }
  if (text.starts_with("/annex/objects/")) {
    return FileKind::foreign("a git-annex pointer, not the file itself", "Fetch the file: git annex get FILE");
  }
  if (is_server_message(lower)) {
    return FileKind::foreign("a server's error message", "Look at it, and download the file again");
  }
  if (is_html(behind_comments(lower))) {
    return FileKind::foreign("a web page (HTML)",
                             "It may be a server's error or sign-in page that was saved in place of the file: look at "
                             "it, and download the file again");
  }
  if (starts_with_any(lower, {"<?xml", "<error>", "<svg", "<!--"})) {
    return FileKind::foreign("an XML file",
                             "If it is a server's error message, download the file again; otherwise write its table as "
                             "CSV (UTF-8) or Parquet with the program that it belongs to");
  }
  if (is_json(text)) {
    return FileKind::foreign("a JSON file",
                             "Make it CSV: python3 -c \"import pandas; pandas.read_json('FILE', dtype=False)"
                             ".to_csv('NEW.csv', index=False)\" (with lines=True for one object a line)");
  }
  return {};
}

}  // namespace canine
