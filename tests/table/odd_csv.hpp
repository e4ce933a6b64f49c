#pragma once

#include <cstdint>
#include <string>

#include "canine/core/random.hpp"

namespace canine::testing {

/// A small file with all that makes CSV hard: quotes in every place, each kind of line end, blank lines, too few and
/// too many fields, missing texts, NUL, names that repeat, a BOM. Equal rows give equal files.
inline std::string odd_csv(uint64_t row) {
  Philox random(20, 0, row);
  const auto one_in = [&](uint32_t n) { return random.below(n) == 0; };
  const auto pick = [&](auto&... texts) {
    const std::string_view all[] = {texts...};
    return all[random.below(sizeof...(texts))];
  };
  const bool with_lone_cr = one_in(3);
  const bool with_nul = one_in(6);
  const auto line_end = [&]() -> std::string {
    return with_lone_cr ? std::string(pick("\r", "\n", "\r\n")) : one_in(3) ? "\r\n" : "\n";
  };
  const auto field = [&]() -> std::string {
    std::string text;
    for (uint32_t i = 0, length = random.below(4); i < length; ++i) {
      text +=
          pick("a", "b", "12", " ", "\"\"", "\t", "\xC3\xA6", "\xE2\x80\xA8", "\xF0\x9F\x98\x80", "'", "\xC2\xA0", "x");
    }
    if (one_in(4))
      text = pick("NA", "nan", "None", "", "#N/A N/A", "null", "na", "<NA>", "-1.#QNAN", "1.#IND", "N/A", "n/a");
    if (with_nul && one_in(4)) text.insert(random.below(static_cast<uint32_t>(text.size()) + 1), 1, '\0');
    if (one_in(3)) {
      if (one_in(3)) text += pick(",", "\n", "\r\n", "\r", "\n\n", "a,b", " ");
      text.insert(0, 1, '"');
      text += '"';
      if (one_in(6)) text += pick("tail", " ", "\"", "x\"y", "2");
    } else if (one_in(8)) {
      text += pick("\"", "a\"b", "\"\"", " \"q\"");
    }
    return text;
  };
  const uint32_t num_columns = 1 + random.below(4);
  const auto line = [&](uint32_t num_fields) {
    std::string text;
    for (uint32_t i = 0; i < num_fields; ++i) {
      if (i > 0) text += ',';
      text += field();
    }
    return text;
  };
  std::string file = one_in(8) ? "\xEF\xBB\xBF" : "";
  if (one_in(8)) file += std::string(pick("", " ", "\t ")) + line_end();
  for (uint32_t i = 0; i < num_columns; ++i) {
    if (i > 0) file += ',';
    file += one_in(6) ? field() : std::string(pick("a", "b", "c", "a.1", "", "d"));
  }
  file += line_end();
  for (uint32_t i = 0, num_lines = random.below(6); i < num_lines; ++i) {
    const uint32_t surplus = one_in(12) ? 1 + random.below(2) : 0;
    if (one_in(8)) {
      file += pick("", " ", "  \t", ",", ",,");
    } else {
      file += line(one_in(5) ? 1 + random.below(num_columns) : num_columns + surplus);
    }
    file += line_end();
  }
  if (one_in(3)) file += line(num_columns);
  if (one_in(20)) file += pick("\"open", " ", ",\"\n", "\xFF", "\xE2\x80");
  return file;
}

}  // namespace canine::testing
