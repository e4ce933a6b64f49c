#include "dates.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "canine/core/ascii_lower.hpp"

namespace canine {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// As spreadsheets shorten them in English, German, French, Spanish, Dutch and the Scandinavian languages.
bool is_month(std::string_view word) {
  constexpr auto kMonths = std::to_array<std::string_view>(
      {"jan", "feb",  "mar", "apr", "may",  "jun",  "jul",  "aug",  "sep",  "oct", "nov",
       "dec", "sept", "mrz", "mai", "maj",  "mei",  "mrt",  "okt",  "des",  "dez", "dic",
       "ene", "abr",  "ago", "avr", "janv", "mars", "juin", "juil", "juni", "juli"});
  return std::ranges::find(kMonths, ascii_lower(word)) != kMonths.end();
}

/// "05", "Jan", "2011" of a date.
struct Parts {
  static constexpr size_t kMost = 3;
  std::array<std::string_view, kMost> parts;
  size_t count = 0;
  char separator = '\0';  ///< the first one

  /// False if the text has too many, or something else between two of them.
  bool split(std::string_view text) {
    constexpr std::string_view kSeparators = "-/. ";
    while (!text.empty()) {
      const size_t length = std::min(text.find_first_of(kSeparators), text.size());
      if (length == 0 || count == kMost) return false;
      parts[count++] = text.substr(0, length);
      text.remove_prefix(length);
      if (text.empty()) break;
      if (separator == '\0') separator = text.front();
      text.remove_prefix(text.starts_with(". ") ? 2 : 1);
      if (text.empty()) return false;
    }
    return count >= 2;
  }
};

/// Digits of a number of a date, 0 if it is none.
size_t num_digits(std::string_view part) { return std::ranges::all_of(part, is_digit) ? part.size() : 0; }

bool is_small_number(std::string_view part) { return num_digits(part) == 1 || num_digits(part) == 2; }

bool is_year(std::string_view part) { return num_digits(part) == 4 && (part[0] == '1' || part[0] == '2'); }

std::string_view without_time(std::string_view text) {
  const size_t end = text.find_first_of(" T");
  const bool has_time = end != std::string_view::npos && text.find(':', end) != std::string_view::npos;
  return has_time ? text.substr(0, end) : text;
}

}  // namespace

bool is_date(std::string_view text) {
  constexpr size_t kLongest = 40;
  if (text.size() > kLongest || std::ranges::none_of(text, is_digit)) return false;
  Parts date;
  if (!date.split(without_time(text))) return false;
  const auto parts = std::span(date.parts).first(date.count);
  if (const auto months = std::ranges::count_if(parts, is_month); months > 0) {
    return months == 1 && std::ranges::all_of(parts, [](std::string_view part) {
             return is_month(part) || is_small_number(part) || is_year(part);
           });
  }
  if (parts.size() != Parts::kMost || !is_small_number(parts[1])) return false;
  if (is_year(parts[0])) return is_small_number(parts[2]);
  return is_small_number(parts[0]) && (is_year(parts[2]) || (date.separator == '/' && is_small_number(parts[2])));
}

}  // namespace canine
