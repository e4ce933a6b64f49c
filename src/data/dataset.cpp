#include "canine/data/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/parallel.hpp"
#include "canine/core/readable.hpp"
#include "canine/core/sha256.hpp"
#include "canine/data/columns.hpp"
#include "examples.hpp"
#include "label_fault.hpp"

namespace canine {
namespace {

constexpr uint32_t kMissingCell = std::numeric_limits<uint32_t>::max();
constexpr int64_t kRowsPerThread = 4096;

StringColumn take_column(Table& table, std::string_view name) {
  const auto found = std::find(table.names.begin(), table.names.end(), name);
  return std::move(table.columns[static_cast<size_t>(found - table.names.begin())]);
}

/// Collects the bytes of many short fields so that the hash gets them in large pieces.
class FieldHash {
 public:
  void add(std::string_view field) {
    add_number(field.size());
    buffer_.append(field);
    if (buffer_.size() >= kPiece) flush();
  }
  void add_missing() { add_number(std::numeric_limits<uint64_t>::max()); }
  void add_number(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) buffer_ += static_cast<char>(number >> shift);
  }
  std::string hex_digest() {
    flush();
    return hash_.hex_digest();
  }

 private:
  static constexpr size_t kPiece = size_t{1} << 16;

  void flush() {
    hash_.update(buffer_);
    buffer_.clear();
  }

  Sha256 hash_;
  std::string buffer_;
};

/// The first few of the rows that cannot be used, and how many there are. Threads may share one.
class FaultyRows {
 public:
  void add(int64_t row, std::string text) {
    const std::lock_guard lock(mutex_);
    ++count_;
    first_.emplace(row, std::move(text));
    if (first_.size() > kMostShown) first_.erase(std::prev(first_.end()));
  }

  void throw_if_any(int64_t num_rows) const {
    if (count_ == 0) return;
    if (count_ == 1) throw DataError("{}", first_.begin()->second);
    std::vector<std::string> examples;
    for (const auto& [row, fault] : first_) examples.push_back(fault);
    throw DataError("{} of {} rows cannot be used:{}", format_count(count_), format_count(num_rows),
                    examples_of(examples, count_));
  }

 private:
  static constexpr size_t kMostShown = 10;

  std::mutex mutex_;
  int64_t count_ = 0;
  std::map<int64_t, std::string> first_;
};

}  // namespace

/// Numbers distinct texts 0, 1, 2 ... in order of first appearance. The texts live in `texts`.
class Dataset::Interner {
 public:
  explicit Interner(std::deque<std::string>& texts) : texts_(texts) {}

  uint32_t number(std::string_view text) {
    const auto known = numbers_.find(text);
    if (known != numbers_.end()) return known->second;
    const auto next = static_cast<uint32_t>(texts_.size());
    numbers_.emplace(texts_.emplace_back(text), next);
    return next;
  }

 private:
  std::deque<std::string>& texts_;  // a deque, so that the keys below stay valid
  std::unordered_map<std::string_view, uint32_t> numbers_;
};

Dataset::Dataset(const Options& options) : system_(options.system) {
  if (options.files.empty()) throw UsageError("no data files were given");
  if (!system_) throw InternalError("a data set needs a system of codes");
  num_columns_ = system_->target_cols().size();
  Interner languages(languages_);
  Interner codes(codes_);
  for (const std::filesystem::path& path : options.files) append_file(path, options.num_threads, languages, codes);
}

void Dataset::append_file(const std::filesystem::path& path, int num_threads, Interner& languages, Interner& codes) {
  const std::vector<std::string>& target_cols = system_->target_cols();
  ReadOptions read;
  read.columns = {std::string(kTextColumn), std::string(kLanguageColumn)};
  read.columns.insert(read.columns.end(), target_cols.begin(), target_cols.end());
  read.raw_columns = {std::string(kTextColumn)};
  Table table = read_table(path, read);
  const int64_t first_row = size();
  const auto total_rows = static_cast<size_t>(first_row + table.num_rows);

  language_of_row_.reserve(total_rows);
  const StringColumn& language = table.column(kLanguageColumn);
  int64_t num_unknown = 0;
  for (int64_t row = 0; row < table.num_rows; ++row) {
    num_unknown += language.missing(row);
    const uint32_t number = languages.number(language.missing(row) ? kUnknownLanguage : language.text(row));
    if (number > std::numeric_limits<uint16_t>::max()) {
      throw DataError("{}, column {}: more than 65536 different languages; is it the right column?", table.where(row),
                      kLanguageColumn);
    }
    language_of_row_.push_back(static_cast<uint16_t>(number));
  }
  if (num_unknown > 0) {
    log_warning("{}: {} of {} rows have no language in column {}; they are read as '{}'", path.string(), num_unknown,
                table.num_rows, kLanguageColumn, kUnknownLanguage);
  }

  code_of_cell_.resize(total_rows * num_columns_);
  for (size_t column = 0; column < num_columns_; ++column) {
    const StringColumn& cells = table.column(target_cols[column]);
    uint32_t* out = code_of_cell_.data() + static_cast<size_t>(first_row) * num_columns_ + column;
    for (int64_t row = 0; row < table.num_rows; ++row, out += num_columns_) {
      const bool missing = cells.missing(row) || system_->is_missing(cells.text(row));
      *out = missing ? kMissingCell : codes.number(cells.text(row));
    }
  }

  StringColumn texts = take_column(table, kTextColumn);
  if (first_row == 0) {
    texts_ = std::move(texts);
  } else {
    for (int64_t row = 0; row < table.num_rows; ++row) texts_.append(texts.text(row));
  }
  assign_classes();
  check_rows(table, first_row, num_threads);
}

void Dataset::assign_classes() {
  for (size_t code = class_of_code_.size(); code < codes_.size(); ++code) {
    class_of_code_.push_back(system_->class_of_cell(codes_[code]));
  }
}

void Dataset::check_rows(const Table& table, int64_t first_row, int num_threads) const {
  FaultyRows faulty;
  parallel_chunks(table.num_rows, num_threads, kRowsPerThread, [&](int64_t begin, int64_t end, int) {
    Cells cells;
    std::vector<int64_t> sequence(static_cast<size_t>(formatter().layout().sequence_length()));
    for (int64_t row = begin; row < end; ++row) {
      if (const auto fault = fault_of(first_row + row, cells, sequence)) faulty.add(row, table.where(row) + *fault);
    }
  });
  faulty.throw_if_any(table.num_rows);
}

/// ", column C, 'code': what is wrong", or nullopt for a good row. `cells` and `sequence` are used meanwhile.
std::optional<std::string> Dataset::fault_of(int64_t row, Cells& cells, std::vector<int64_t>& sequence) const {
  const std::vector<std::string>& target_cols = system_->target_cols();
  cells_of(row, cells);
  if (const std::optional<std::string> reason = formatter().encode(cells, sequence)) {
    const LabelFault fault =
        find_fault(target_cols, cells, [&](size_t, LabelCells alone) { return !formatter().encode(alone, sequence); });
    return fmt::format(", column {}, '{}': {}", fault.column, fault.code, *reason);
  }
  const uint32_t* codes = code_of_cell_.data() + static_cast<size_t>(row) * num_columns_;
  for (size_t column = 0; column < num_columns_ && codes[column] != kMissingCell; ++column) {
    if (class_of_code_[codes[column]] >= 0) continue;
    return fmt::format(
        ", column {}: the code '{}' is none of the {} known classes; prepare the data again, or use the key.csv that "
        "was made together with this file",
        target_cols[column], codes_[codes[column]], num_classes());
  }
  return std::nullopt;
}

void Dataset::cells_of(int64_t row, Cells& cells) const {
  cells.resize(num_columns_);
  const uint32_t* codes = code_of_cell_.data() + static_cast<size_t>(row) * num_columns_;
  for (size_t column = 0; column < num_columns_; ++column) {
    if (codes[column] == kMissingCell) {
      cells[column].reset();
    } else {
      cells[column] = codes_[codes[column]];
    }
  }
}

void Dataset::labels(int64_t row, std::span<int64_t> sequence, std::span<float> flat) const {
  thread_local Cells cells;
  cells_of(row, cells);
  if (const std::optional<std::string> reason = formatter().encode(cells, sequence)) {
    throw InternalError("row {} was accepted when loading and cannot be encoded now: {}", row, *reason);
  }
  const uint32_t* codes = code_of_cell_.data() + static_cast<size_t>(row) * num_columns_;
  for (size_t column = 0; column < num_columns_ && codes[column] != kMissingCell; ++column) {
    flat[static_cast<size_t>(class_of_code_[codes[column]])] = 1.0f;
  }
}

std::shared_ptr<const WordSource> Dataset::word_source() const {
  // Each thread reads all texts and collects the words of its share of the hash values, so nothing is to be merged.
  constexpr int kMostShares = 4;
  const auto num_shares =
      static_cast<size_t>(size() < kRowsPerThread ? 1 : std::min(kMostShares, available_processors()));
  std::vector<std::unordered_set<std::string_view>> distinct(num_shares);
  parallel_chunks(static_cast<int64_t>(num_shares), static_cast<int>(num_shares), 1, [&](int64_t share, int64_t, int) {
    std::unordered_set<std::string_view>& own = distinct[static_cast<size_t>(share)];
    std::vector<std::string_view> words;
    for (int64_t row = 0; row < size(); ++row) {
      words.clear();
      append_words(text(row), words);
      for (const std::string_view word : words) {
        if (std::hash<std::string_view>{}(word) % num_shares == static_cast<size_t>(share)) own.insert(word);
      }
    }
  });
  std::vector<std::string> all;
  for (const auto& own : distinct) all.insert(all.end(), own.begin(), own.end());
  return std::make_shared<WordSource>(WordSource::uniform(std::move(all)));
}

std::string Dataset::fingerprint() const {
  FieldHash hash;
  hash.add_number(num_columns_);
  Cells cells;
  for (int64_t row = 0; row < size(); ++row) {
    hash.add(text(row));
    hash.add(language(row));
    cells_of(row, cells);
    for (const std::optional<std::string_view>& cell : cells) cell ? hash.add(*cell) : hash.add_missing();
  }
  return hash.hex_digest();
}

}  // namespace canine
