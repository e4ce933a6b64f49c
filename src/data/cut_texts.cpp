#include "canine/data/cut_texts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "canine/core/parallel.hpp"
#include "canine/core/readable.hpp"
#include "canine/core/utf8.hpp"
#include "canine/text/tokenizer.hpp"

namespace canine {
namespace {

constexpr int64_t kMarks = 2;  // CLS and SEP
constexpr int64_t kRowsPerThread = 16384;

int64_t num_characters(std::string_view text) {
  int64_t count = 0;
  for (size_t i = 0; i < text.size(); ++count) next_code_point(text, i);
  return count;
}

}  // namespace

void CutTexts::add(std::string_view prefix, std::string_view text, int64_t max_len, int64_t num_rows) {
  rows += num_rows;
  const auto bytes = static_cast<int64_t>(prefix.size() + text.size()) + kMarks;
  if (bytes <= max_len) return;  // no text has more characters than bytes
  const int64_t length = num_characters(prefix) + num_characters(text) + kMarks;
  if (length <= max_len) return;
  longest = std::max(longest, length);
  cut += num_rows;
}

void CutTexts::add(const CutTexts& others) {
  rows += others.rows;
  cut += others.cut;
  longest = std::max(longest, others.longest);
}

std::optional<std::string> CutTexts::warning(const std::string& what, int64_t max_len, int64_t most) const {
  if (cut == 0) return std::nullopt;
  const std::string advice =
      longest <= most
          ? fmt::format("--max-len {} would hold all", longest)
          : fmt::format("the longest has {}, and the encoder takes {} at most (--max-len {})", longest, most, most);
  const std::string_view are = cut == 1 ? "is" : "are";
  return fmt::format("{} of {} {} {} longer than --max-len {} and {} cut there, language and marks included; {}",
                     format_count(cut), format_count(rows), what, are, max_len, are, advice);
}

CutTexts find_cut_texts(const Dataset& data, const TextCleaning& cleaning, TextUse use, int64_t max_len,
                        int num_threads) {
  CutTexts all;
  std::mutex mutex;
  parallel_chunks(data.size(), num_threads, kRowsPerThread, [&](int64_t begin, int64_t end, int) {
    CutTexts own;
    std::string prefix, text;
    for (int64_t row = begin; row < end; ++row) {
      prefix.assign(data.language(row)).append(kLanguageSeparator);
      text.assign(data.text(row));
      cleaning.apply(text, use);
      own.add(prefix, text, max_len);
    }
    const std::lock_guard lock(mutex);
    all.add(own);
  });
  return all;
}

}  // namespace canine
