#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace canine {

/// CSV text as pandas' to_csv(index=False) writes it: LF (or CRLF), minimal quoting (',', '"' and LF; a field with a
/// lone CR is quoted too, see docs/differences.md D43), '"' doubled, missing = empty, a lone empty field = `""`; a
/// lone field of blanks is quoted too, because readers skip blank lines.
/// Another `separator` is quoted where the comma would be. Appends to a string that the caller writes with AtomicFile.
class CsvWriter {
 public:
  explicit CsvWriter(std::string& out, std::string_view line_end = "\n", char separator = ',')
      : out_(out), line_end_(line_end), separator_(separator) {}

  void row(std::span<const std::optional<std::string_view>> cells);
  void row(std::span<const std::string_view> cells);

 private:
  std::string& out_;
  std::string_view line_end_;
  char separator_;
};

}  // namespace canine
