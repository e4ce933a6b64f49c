#include "canine/data/dataset.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/field_hash.hpp"
#include "canine/core/log.hpp"
#include "canine/core/parallel.hpp"
#include "canine/core/readable.hpp"
#include "canine/data/columns.hpp"
#include "canine/data/description_survey.hpp"
#include "canine/text/readable_text.hpp"
#include "examples.hpp"
#include "label_fault.hpp"
#include "label_oddities.hpp"
#include "missing_language.hpp"

namespace canine {
namespace {

constexpr uint32_t kMissingCell = std::numeric_limits<uint32_t>::max();
constexpr int64_t kRowsPerThread = 4096;

StringColumn take_column(Table& table, std::string_view name) {
  const auto found = std::find(table.names.begin(), table.names.end(), name);
  return std::move(table.columns[static_cast<size_t>(found - table.names.begin())]);
}

/// "a.csv", "a.csv and 2 more files".
std::string first_and_number(const std::vector<std::filesystem::path>& files) {
  const std::string first = files.front().string();
  if (files.size() == 1) return first;
  return fmt::format("{} and {}", first, counted(std::ssize(files) - 1, "more file"));
}

/// The first few of the rows that cannot be used, and how many there are. Threads may share one.
class FaultyRows {
 public:
  void add(int64_t row, std::string text) {
    const std::lock_guard lock(mutex_);
    ++count_;
    first_.emplace(row, std::move(text));
    if (first_.size() > kMostShown) first_.erase(std::prev(first_.end()));
  }

  int64_t count() const { return count_; }

  /// The first `most`, one in a line, and how many more there are.
  std::string text(size_t most = kMostShown) const {
    std::vector<std::string> examples;
    for (const auto& [row, fault] : first_) {
      if (examples.size() < most) examples.push_back(fault);
    }
    return examples_of(examples, count_);
  }

  /// `advice` is a line of its own, or "".
  void throw_if_any(int64_t num_rows, const std::string& advice) const {
    if (count_ == 0) return;
    if (count_ == 1) throw DataError("{}{}", first_.begin()->second, advice);
    throw DataError("{} of {} rows cannot be used:{}{}", format_count(count_), format_count(num_rows), text(), advice);
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
  require_separate_columns(system_->target_cols(), options.text_col, options.language ? "" : options.language_col);
  num_columns_ = system_->target_cols().size();
  Interner languages(languages_);
  Interner codes(codes_);
  for (const std::filesystem::path& path : options.files) append_file(path, options, languages, codes);
  if (size() > 0 && num_without_labels() == size()) {
    throw DataError("no row has codes that the model knows; are they in {}, and is it the model for them?",
                    fmt::join(system_->target_cols(), ", "));
  }
  if (options.tell_oddities && !log_is_quiet()) tell_of_descriptions(options);
}

int64_t Dataset::num_without_labels() const { return std::ranges::count(without_labels_, 1); }

void Dataset::append_languages(const Table& table, const Options& options, Interner& languages) {
  language_of_row_.reserve(language_of_row_.size() + static_cast<size_t>(table.num_rows));
  if (options.language) {
    const bool unknown = says_no_language(*options.language);
    const auto number = static_cast<uint16_t>(languages.number(unknown ? kUnknownLanguage : *options.language));
    language_of_row_.insert(language_of_row_.end(), static_cast<size_t>(table.num_rows), number);
    return;
  }
  const StringColumn& language = table.column(options.language_col);
  int64_t num_unknown = 0;
  for (int64_t row = 0; row < table.num_rows; ++row) {
    const bool unknown = language.missing(row) || says_no_language(language.text(row));
    num_unknown += unknown;
    const uint32_t number = languages.number(unknown ? kUnknownLanguage : language.text(row));
    if (number > std::numeric_limits<uint16_t>::max()) {
      throw DataError("{}, column {}: more than 65536 different languages; is it the right column?", table.where(row),
                      options.language_col);
    }
    language_of_row_.push_back(static_cast<uint16_t>(number));
  }
  if (num_unknown > 0 && options.tell_oddities) {
    log_warning("{}: {} no language in column {}, which is read as '{}'", table.path.string(),
                rows_have(num_unknown, table.num_rows), options.language_col, kUnknownLanguage);
  }
}

void Dataset::append_file(const std::filesystem::path& path, const Options& options, Interner& languages,
                          Interner& codes) {
  const std::vector<std::string>& target_cols = system_->target_cols();
  ReadOptions read;
  read.columns = {options.text_col};
  if (!options.language) read.columns.push_back(options.language_col);
  read.columns.insert(read.columns.end(), target_cols.begin(), target_cols.end());
  read.raw_columns = {options.text_col};
  Table table = read_table(path, read);
  const int64_t first_row = size();
  const auto total_rows = static_cast<size_t>(first_row + table.num_rows);
  append_languages(table, options, languages);
  code_of_cell_.resize(total_rows * num_columns_);
  for (size_t column = 0; column < num_columns_; ++column) {
    const StringColumn& cells = table.column(target_cols[column]);
    uint32_t* out = code_of_cell_.data() + static_cast<size_t>(first_row) * num_columns_ + column;
    for (int64_t row = 0; row < table.num_rows; ++row, out += num_columns_) {
      const bool missing = cells.missing(row) || system_->is_missing(cells.text(row));
      *out = missing ? kMissingCell : codes.number(cells.text(row));
    }
  }

  StringColumn texts = take_column(table, options.text_col);
  if (first_row == 0) {
    texts_ = std::move(texts);
  } else {
    for (int64_t row = 0; row < table.num_rows; ++row) texts_.append(texts.text(row));
  }
  assign_classes();
  check_rows(table, first_row, options);
  if (options.tell_oddities && !log_is_quiet()) {
    warn_of(find_label_oddities(table, *system_), table, *system_,
            options.keep_unknown_codes ? LabelUse::kEvaluation : LabelUse::kTraining);
  }
}

std::vector<LanguageRows> Dataset::languages() const {
  std::vector<int64_t> rows(languages_.size());
  for (const uint16_t number : language_of_row_) ++rows[number];
  std::map<std::string_view, int64_t> rows_of;  // mended ones may be equal
  for (size_t number = 0; number < rows.size(); ++number) rows_of[languages_[number]] += rows[number];
  std::vector<LanguageRows> languages;
  for (const auto& [language, count] : rows_of) languages.push_back({std::string(language), count});
  sort_by_rows(languages);
  return languages;
}

std::optional<std::string> Dataset::mend_languages(const KnownLanguages& known, const std::string& where) {
  LanguageTally tally(known);
  for (const LanguageRows& each : languages()) tally.add(each.language, each.rows);
  for (std::string& language : languages_) language = tally.add(language, 0).language;
  return tally.note(where);
}

void Dataset::assign_classes() {
  for (size_t code = class_of_code_.size(); code < codes_.size(); ++code) {
    class_of_code_.push_back(system_->class_of_cell(codes_[code]));
  }
}

void Dataset::check_rows(const Table& table, int64_t first_row, const Options& options) {
  FaultyRows faulty;
  if (options.keep_unknown_codes) without_labels_.resize(static_cast<size_t>(size()));
  parallel_chunks(table.num_rows, options.num_threads, kRowsPerThread, [&](int64_t begin, int64_t end, int) {
    Cells cells;
    std::vector<int64_t> sequence(static_cast<size_t>(formatter().layout().sequence_length()));
    for (int64_t row = begin; row < end; ++row) {
      const auto fault = fault_of(first_row + row, options, cells, sequence);
      if (!fault) continue;
      faulty.add(row, table.where(row) + *fault);
      if (options.keep_unknown_codes) without_labels_[static_cast<size_t>(first_row + row)] = 1;
    }
  });
  if (!options.keep_unknown_codes) {
    faulty.throw_if_any(table.num_rows,
                        faulty.count() == 0 ? "" : advice_on(find_label_oddities(table, *system_), table, *system_));
  } else if (faulty.count() > 0 && !log_is_quiet()) {
    constexpr size_t kMostShown = 3;
    log_warning("{}: {} a code that the model does not have, or none, and {} as wrong:{}", table.path.string(),
                rows_have(faulty.count(), table.num_rows), faulty.count() == 1 ? "counts" : "count",
                faulty.text(kMostShown));
  }
}

/// ", column C, 'code': what is wrong", or nullopt for a good row. `cells` and `sequence` are used meanwhile.
std::optional<std::string> Dataset::fault_of(int64_t row, const Options& options, Cells& cells,
                                             std::vector<int64_t>& sequence) const {
  const std::vector<std::string>& target_cols = system_->target_cols();
  cells_of(row, cells);
  if (const std::optional<std::string> reason = formatter().encode(cells, sequence)) {
    const LabelFault fault =
        find_fault(target_cols, cells, [&](size_t, LabelCells alone) { return !formatter().encode(alone, sequence); });
    return fmt::format(", column {}, '{}': {}", fault.column, readable_text(fault.code), *reason);
  }
  const uint32_t* codes = code_of_cell_.data() + static_cast<size_t>(row) * num_columns_;
  const bool has_no_code = codes[0] == kMissingCell && system_->options().formatter.kind == FormatterKind::kGeneral;
  if (has_no_code && options.keep_unknown_codes) {  // training learns to write nothing, which nobody can judge
    return fmt::format(", column {}: no code: the first label column is empty", target_cols[0]);
  }
  for (size_t column = 0; column < num_columns_ && codes[column] != kMissingCell; ++column) {
    if (class_of_code_[codes[column]] >= 0) continue;
    return fmt::format(", column {}: the code '{}' is none of the {} known classes{}{}", target_cols[column],
                       readable_text(codes_[codes[column]]), num_classes(),
                       options.unknown_code_advice.empty() ? "" : "; ", options.unknown_code_advice);
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
  if (!has_labels(row)) {
    std::ranges::fill(sequence, LabelIndex::kPad);
    sequence.front() = LabelIndex::kBos;
    sequence.back() = LabelIndex::kEos;
    return;
  }
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

void Dataset::tell_of_descriptions(const Options& options) const {
  DescriptionSurvey survey;
  for (int64_t row = 0; row < size(); ++row) survey.add(text(row));
  if (survey.empty() > 0) {
    log_warning("{}: {} {}", first_and_number(options.files), rows_have(survey.empty(), size()), kNoDescription);
  }
  survey.tell(fmt::format("column {}", options.text_col));
}

std::vector<Dataset::Code> Dataset::codes_of(int64_t row) const {
  std::vector<Code> codes;
  Cells cells;
  cells_of(row, cells);
  for (const std::optional<std::string_view>& cell : cells) {
    if (!cell) break;
    if (system_->options().formatter.kind != FormatterKind::kGeneral) {
      const int64_t index = system_->class_of_cell(*cell);
      codes.push_back({index < 0 ? std::string(*cell) : system_->code(index).value_or(""), index});
      continue;
    }
    for (std::string_view rest = *cell; !rest.empty();) {  // several codes where there is a '&'
      const std::string_view code = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), code.size() + 1));
      if (!code.empty()) codes.push_back({std::string(code), system_->find(code)});
    }
  }
  return codes;
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
