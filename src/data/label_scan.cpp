#include "label_scan.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <utility>

#include "canine/core/log.hpp"
#include "canine/core/parallel.hpp"
#include "canine/core/readable.hpp"
#include "canine/table/csv_writer.hpp"
#include "canine/text/general_formatter.hpp"
#include "label_fault.hpp"

namespace canine {
namespace {

constexpr std::string_view kQuestionMark = "?";
constexpr std::string_view kBlank = " ";
constexpr size_t kMostExamples = 3;
constexpr int64_t kRowsPerThread = 1024;
constexpr int64_t kProgressFrom = 100'000;

using Cells = std::vector<std::optional<std::string_view>>;

/// The beginning of a text, for messages: cells may hold whole books by mistake.
std::string shortened(std::string_view text) {
  constexpr size_t kMostBytes = 200;
  if (text.size() <= kMostBytes) return std::string(text);
  size_t end = kMostBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;  // not inside a character
  return std::string(text.substr(0, end)) + " ...";
}

/// A line on stdout after each tenth of a long scan, by whichever thread gets there.
class ScanProgress {
 public:
  explicit ScanProgress(int64_t num_rows) : num_rows_(num_rows), step_(std::max(kProgressFrom, num_rows / 10)) {}

  void add(int64_t rows) {
    if (num_rows_ < kProgressFrom) return;
    const std::lock_guard lock(mutex_);
    const int64_t before = std::exchange(done_, done_ + rows);
    if (done_ / step_ > before / step_) {
      log_info("Scanned {} of {} rows", format_count(done_ / step_ * step_), format_count(num_rows_));
    }
  }

 private:
  const int64_t num_rows_;
  const int64_t step_;
  std::mutex mutex_;
  int64_t done_ = 0;
};

/// Scans one part of the table.
class PartScan {
 public:
  PartScan(const Table& table, const LabelColumns& labels, const FormatterOptions& codes, bool reject_short)
      : table_(table),
        labels_(labels),
        codes_(codes),
        formatter_(codes.num_columns, codes.block_size, codes.use_within_block_sep),
        layout_(formatter_.layout()),
        reject_short_(reject_short),
        cells_(labels.size()),
        sequence_(static_cast<size_t>(layout_.sequence_length())) {
    result.forms = CodeForms(labels.size());
  }

  void scan(int64_t row) {
    bool is_changed = false;
    for (size_t column = 0; column < cells_.size(); ++column) {
      cells_[column] = labels_.cell(row, column);
      if (!cells_[column]) continue;
      const CodeForm form = form_of(*cells_[column], codes_);
      is_changed = is_changed || is_damaged(form);
      result.forms.add(form, *cells_[column], column, row);
    }
    if (!is_changed)
      result.longest_code = std::max(result.longest_code, longest_code(cells_, codes_.use_within_block_sep));
    if (const std::optional<std::string> reason = formatter_.encode(cells_, sequence_)) {
      reject_bad(row, *reason);
      return;
    }
    result.usable.push_back(row);
    count_oddities();
    if (!has_short_code(layout_, sequence_, cells_[0] == kQuestionMark)) return;
    ++result.num_short;
    if (reject_short_) reject_short(row);
  }

  LabelScan result;

 private:
  void reject_bad(int64_t row, const std::string& reason) {
    ++result.num_bad;
    ++result.bad_reasons[reason.substr(0, reason.find(':'))];
    const LabelFault fault = find_fault(labels_.names(), cells_,
                                        [&](size_t, LabelCells alone) { return !formatter_.encode(alone, sequence_); });
    note(row, fault, reason, result.bad_examples);
  }

  void reject_short(int64_t row) {
    const LabelFault fault = find_fault(labels_.names(), cells_, [&](size_t column, LabelCells alone) {
      formatter_.encode(alone, sequence_);
      const bool first_is_question_mark = column == 0 && alone[0] == kQuestionMark;
      return !has_short_code(layout_, sequence_, first_is_question_mark);
    });
    note(row, fault, fmt::format("short code: '{}' has fewer than {} tokens", fault.code, layout_.block_size),
         result.short_examples);
  }

  void note(int64_t row, const LabelFault& fault, std::string_view reason, std::vector<std::string>& examples) {
    if (examples.size() < kMostExamples) {
      examples.push_back(fmt::format("{}, column {}: {}", table_.where(row), fault.column, shortened(reason)));
    }
    const std::string line = std::to_string(table_.line_of_row.empty() ? static_cast<uint64_t>(row) + 1
                                                                       : table_.line_of_row[static_cast<size_t>(row)]);
    CsvWriter(result.rejected_lines).row(std::array<std::string_view, 4>{line, fault.column, fault.code, reason});
  }

  void count_oddities() {
    result.num_without_code += cells_[0] == kQuestionMark;
    const auto gap = std::ranges::find_if(cells_, [](const auto& cell) { return !cell.has_value(); });
    result.num_gaps += std::any_of(gap, cells_.end(), [](const auto& cell) { return cell.has_value(); });
    result.num_split_codes +=
        std::any_of(cells_.begin(), gap, [](const auto& cell) { return cell->find('&') != std::string_view::npos; });
  }

  const Table& table_;
  const LabelColumns& labels_;
  const FormatterOptions codes_;
  const GeneralFormatter formatter_;
  const BlockLayout layout_;
  const bool reject_short_;
  Cells cells_;
  std::vector<int64_t> sequence_;
};

void append_examples(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (size_t i = 0; i < from.size() && to.size() < kMostExamples; ++i) to.push_back(from[i]);
}

void append(LabelScan& to, const LabelScan& from) {
  to.usable.insert(to.usable.end(), from.usable.begin(), from.usable.end());
  to.num_bad += from.num_bad;
  to.num_short += from.num_short;
  to.num_split_codes += from.num_split_codes;
  to.num_gaps += from.num_gaps;
  to.num_without_code += from.num_without_code;
  to.longest_code = std::max(to.longest_code, from.longest_code);
  to.forms.append(from.forms);
  for (const auto& [reason, count] : from.bad_reasons) to.bad_reasons[reason] += count;
  append_examples(to.bad_examples, from.bad_examples);
  append_examples(to.short_examples, from.short_examples);
  to.rejected_lines += from.rejected_lines;
}

}  // namespace

LabelColumns::LabelColumns(const Table& table, const std::vector<std::string>& names) : names_(names) {
  for (const std::string& name : names) columns_.push_back(&table.column(name));
}

bool LabelColumns::is_empty(int64_t row, size_t column) const {
  return is_missing(row, column) || columns_[column]->text(row) == kBlank;
}

std::optional<std::string_view> LabelColumns::cell(int64_t row, size_t column) const {
  if (!is_empty(row, column)) return columns_[column]->text(row);
  return column == 0 ? std::optional(kQuestionMark) : std::nullopt;
}

LabelScan scan_labels(const Table& table, const LabelColumns& labels, const FormatterOptions& codes, bool reject_short,
                      int num_threads) {
  LabelScan total;
  total.forms = CodeForms(labels.size());
  total.num_rows = table.num_rows;
  ScanProgress progress(table.num_rows);
  const int most_parts = num_threads > 0 ? num_threads : available_processors();
  std::vector<LabelScan> parts(static_cast<size_t>(most_parts));
  parallel_chunks(table.num_rows, most_parts, kRowsPerThread, [&](int64_t begin, int64_t end, int chunk) {
    PartScan part(table, labels, codes, reject_short);
    part.result.usable.reserve(static_cast<size_t>(end - begin));
    while (begin < end) {
      const int64_t stop = std::min(end, begin + kRowsPerThread);
      for (int64_t row = begin; row < stop; ++row) part.scan(row);
      progress.add(stop - begin);
      begin = stop;
    }
    parts[static_cast<size_t>(chunk)] = std::move(part.result);
  });
  total.usable.reserve(static_cast<size_t>(table.num_rows));
  for (LabelScan& part : parts) append(total, std::exchange(part, {}));
  return total;
}

}  // namespace canine
