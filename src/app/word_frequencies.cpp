#include "canine/app/word_frequencies.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/readable.hpp"
#include "canine/table/table.hpp"

namespace canine {

WordSource read_word_frequencies(const std::filesystem::path& path) {
  ReadOptions options;
  options.columns = {"word", "freq"};
  options.raw_columns = {"word"};
  const Table table = read_table(path, options);
  if (table.num_rows == 0) {
    throw DataError("--fn-word-freq {}: the file has no rows; expected words and how often they occur", path.string());
  }
  const StringColumn& word = table.column("word");
  const StringColumn& frequency = table.column("freq");
  std::vector<std::string> words;
  std::vector<double> frequencies;
  for (int64_t row = 0; row < table.num_rows; ++row) {
    const std::string_view text = frequency.text(row);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number =
        error == std::errc() && end == text.data() + text.size() && std::isfinite(number) && number >= 0;
    if (!frequency.missing(row) && !is_number) {
      throw DataError("{}, column freq: expected a number of at least 0, got '{}'", table.where(row), text);
    }
    words.emplace_back(word.text(row));
    frequencies.push_back(number);
  }
  if (std::ranges::none_of(frequencies, [](double each) { return each > 0; })) {
    throw DataError("--fn-word-freq {}: expected at least one word with a frequency above 0; none of {} has one",
                    path.string(), counted(table.num_rows, "word"));
  }
  return WordSource::weighted(std::move(words), frequencies);
}

}  // namespace canine
