#pragma once

#include <cstdint>
#include <filesystem>

#include "csv_scanner.hpp"

namespace canine {

/// What looks wrong in the rows of a CSV file although they can be read: counted as they pass, told once.
///
/// A quote that is missing or stray makes all lines up to the next quote one text. Its signs are a text over more lines
/// than people write, or a text over several lines that goes on behind its closing quote (which was meant to open
/// another text).
class CsvDoubts {
 public:
  /// For the rows behind those that the scanner has given. It must live longer.
  explicit CsvDoubts(const CsvScanner& scanner) : scanner_(scanner), lines_before_(scanner.num_lines()) {}

  /// To be called for each row with odd quotes.
  void look_at_quotes();

  /// To be called for each row with fewer fields than the header. A text with a line break outside quotes makes some.
  void look_at_short_row() {
    if (num_short_++ == 0) first_short_ = scanner_.line();
  }

  /// Warnings about all that was seen in a file of so many rows, at its end.
  void tell(const std::filesystem::path& path, int64_t num_rows) const;

 private:
  const CsvScanner& scanner_;
  uint64_t lines_before_;
  int64_t num_long_ = 0;
  OddQuotes longest_;
  int64_t num_text_behind_ = 0;
  uint64_t first_text_behind_ = 0;  ///< its line
  int64_t num_short_ = 0;
  uint64_t first_short_ = 0;  ///< its line
};

}  // namespace canine
