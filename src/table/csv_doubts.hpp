#pragma once

#include <bitset>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "csv_scanner.hpp"

namespace canine {

/// What looks wrong in the rows of a CSV file although they can be read: counted as they pass, told once.
///
/// A quote that is missing or stray makes all lines up to the next quote one text. Its signs are a text over more lines
/// than people write, or a text over several lines that goes on behind its closing quote (which was meant to open
/// another text), or short texts of which most begin like a whole row: `"smith,en,123` and what follows up to the next
/// stray quote.
class CsvDoubts {
 public:
  /// For the rows behind those that the scanner has given, which must live longer; `header`: the names as they stand in
  /// the file.
  CsvDoubts(const CsvScanner& scanner, std::vector<std::string> header);

  const std::vector<std::string>& header() const { return header_; }

  /// To be called for each row. Files that were put together have their header several times, also with a byte order
  /// mark in front, in another case, or with the columns in another order.
  void look_for_header() {
    if (scanner_.num_fields() == header_.size() && may_begin_name(scanner_.raw(0))) look_at_all_names();
  }

  /// To be called for each row with odd quotes.
  void look_at_quotes();

  /// To be called for each row with fewer fields than the header. A text with a line break outside quotes makes some.
  void look_at_short_row() {
    if (num_short_++ == 0) first_short_ = scanner_.line();
  }

  /// Warnings about all that was seen in a file of so many rows, at its end.
  void tell(const std::filesystem::path& path, int64_t num_rows) const;

 private:
  bool may_begin_name(std::string_view cell) const {
    return !cell.empty() && name_starts_[static_cast<unsigned char>(cell.front())];
  }
  void look_at_all_names();
  void look_for_rows_in_texts();

  const CsvScanner& scanner_;
  std::vector<std::string> header_;
  std::vector<std::string> plain_names_;  ///< of the header, without blanks around them and in lower case
  std::bitset<256> name_starts_;          ///< first bytes of cells that may be such names
  uint64_t lines_before_;
  int64_t num_long_ = 0;
  OddQuotes longest_;
  int64_t num_broken_ = 0;  ///< rows with a line break in a text
  int64_t num_merged_ = 0;  ///< of these, rows in which such a text begins like a whole row
  uint64_t first_merged_ = 0;
  int64_t num_headers_ = 0;
  uint64_t first_header_ = 0;        ///< its line
  uint64_t first_other_header_ = 0;  ///< the first line with the names in another order
  int64_t num_text_behind_ = 0;
  uint64_t first_text_behind_ = 0;  ///< its line
  int64_t num_short_ = 0;
  uint64_t first_short_ = 0;  ///< its line
};

}  // namespace canine
