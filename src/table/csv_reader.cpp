#include <algorithm>
#include <limits>
#include <string>
#include <unordered_map>

#include "canine/core/errors.hpp"
#include "canine/table/column_hints.hpp"
#include "csv_doubts.hpp"
#include "csv_scanner.hpp"
#include "readers.hpp"
#include "separators.hpp"

namespace canine {
namespace {

/// Makes the header's names distinct as pandas does: the k-th further `a` becomes `a.k`, with the next k where such a
/// column is there already; an empty name becomes "Unnamed: i" and gives way to columns that are really called so.
void make_distinct(std::vector<std::string>& names) {
  std::vector<size_t> order;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) order.push_back(i);
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) continue;
    names[i] = "Unnamed: " + std::to_string(i);
    order.push_back(i);
  }
  std::unordered_map<std::string, int64_t> in_header;
  for (const std::string& name : names) ++in_header[name];
  std::unordered_map<std::string, int64_t> next_suffix;  // 0: the name is free
  for (const size_t i : order) {
    const std::string original = names[i];
    std::string name = original;
    int64_t suffix = next_suffix[name];
    while (suffix > 0) {
      name = original + "." + std::to_string(suffix);
      next_suffix[original] = suffix + 1;
      suffix = in_header[name] > 0 ? suffix + 1 : next_suffix[name];
    }
    next_suffix[name] = 1;
    --in_header[original];
    ++in_header[name];
    names[i] = std::move(name);
  }
}

std::vector<std::string> next_names(CsvScanner& scanner, const std::filesystem::path& path) {
  if (!scanner.next_row(std::numeric_limits<size_t>::max())) {
    throw DataError("{}: the file is empty; expected a line with the names of the columns, then one line per row",
                    path.string());
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < scanner.num_fields(); ++i) names.emplace_back(scanner.text(i));
  return names;
}

std::vector<std::string> read_header(CsvScanner& scanner, const std::filesystem::path& path) {
  std::vector<std::string> names = next_names(scanner, path);
  return is_separator_line(path, names) ? next_names(scanner, path) : names;
}

std::vector<std::string> distinct(std::vector<std::string> names) {
  make_distinct(names);
  return names;
}

/// Where a column of the file goes.
struct Target {
  size_t field;  ///< position in the file
  bool raw;      ///< no text counts as missing
  StringColumn* column;
};

void append_cell(const Target& target, CsvScanner& scanner, size_t num_fields) {
  const std::string_view text = target.field < num_fields ? scanner.text(target.field) : std::string_view();
  if (!target.raw && is_missing_text(text)) {
    target.column->append_missing();
  } else {
    target.column->append(text);
  }
}

/// Room for the whole file, judged by the rows read so far, so that columns do not grow by copying.
void reserve_rest(const std::vector<Target>& targets, Table& table, double share_read) {
  const double factor = 1.02 / share_read;
  const auto rows = static_cast<int64_t>(static_cast<double>(table.num_rows) * factor);
  for (const Target& target : targets) {
    const auto bytes = static_cast<double>(target.column->num_bytes());
    target.column->reserve(rows, static_cast<int64_t>(bytes * factor));
  }
  if (!table.line_of_row.empty()) table.line_of_row.reserve(static_cast<size_t>(rows));
}

/// What may have given a row its further fields, as sentences.
std::string surplus_advice(const std::filesystem::path& path, const CsvScanner& scanner,
                           const std::vector<std::string>& names, bool first_row) {
  if (std::string hint = separator_hint(path, names); !hint.empty()) return hint;
  if (const OddQuotes& odd = scanner.odd_quotes(); odd.first_line > 0) {
    return fmt::format(
        "In this row a text in quotes goes from line {} to line {}: is a quote missing there, or one too many?",
        odd.first_line, odd.last_line);
  }
  for (size_t i = 0; i < names.size(); ++i) {  // all of them are there, as this row has more
    if (scanner.raw(i).find("\\\"") == std::string_view::npos) continue;
    return "A quote within a text in quotes is written twice (\"\"), not with a backslash (\\\")";
  }
  return fmt::format("Put quotes around a text that holds a comma{}",
                     first_row ? ", and give every column a name in the header" : "");
}

class CsvReader : public TableReader {
 public:
  CsvReader(std::unique_ptr<ByteSource> source, const ReadOptions& read_options)
      : TableReader(source->path(), read_options),
        source_(std::move(source)),
        scanner_(*source_, separator_of(path())),
        doubts_(scanner_, read_header(scanner_, path())),
        names_in_file_(distinct(doubts_.header())) {
    choose_columns(names_in_file_);
  }

  int64_t skip(int64_t max_rows) override {
    int64_t rows = 0;
    while (rows < max_rows && next_row()) ++rows;
    return rows;
  }

  double share_read() const override { return scanner_.share_read(); }

 private:
  void append_rows(Table& table, int64_t max_rows) override {
    constexpr int64_t kRowsForEstimate = 10'000;
    const bool size_is_known = source_->size() != UINT64_MAX;
    std::vector<Target> targets;
    for (size_t i = 0; i < wanted().size(); ++i) {
      targets.push_back({wanted()[i].index, wanted()[i].raw, &table.columns[i]});
    }
    while (table.num_rows < max_rows && next_row()) {
      for (const Target& target : targets) append_cell(target, scanner_, scanner_.num_fields());
      if (options().keep_lines) table.line_of_row.push_back(scanner_.line());
      ++table.num_rows;
      if (table.num_rows == kRowsForEstimate && max_rows == kAllRows && size_is_known) {
        reserve_rest(targets, table, share_read());
      }
    }
  }

  bool next_row() {
    if (!scanner_.next_row(names_in_file_.size())) {
      tell_doubts();
      return false;
    }
    if (scanner_.num_fields() > names_in_file_.size()) refuse_surplus();
    if (scanner_.num_fields() < names_in_file_.size()) doubts_.look_at_short_row();
    doubts_.look_for_header();
    if (scanner_.odd_quotes().any()) doubts_.look_at_quotes();
    count_rows(1);
    return true;
  }

  [[noreturn]] void refuse_surplus() const {
    const size_t expected = names_in_file_.size();
    throw DataError("{}: expected {} field{} as in the header, this row has {}. {}", scanner_.where_surplus(), expected,
                    expected == 1 ? "" : "s", scanner_.num_fields(),
                    surplus_advice(path(), scanner_, names_in_file_, num_rows() == 0));
  }

  void tell_doubts() {
    if (options().warn && !told_) doubts_.tell(path(), num_rows());
    told_ = true;
  }

  std::unique_ptr<ByteSource> source_;
  CsvScanner scanner_;
  CsvDoubts doubts_;
  std::vector<std::string> names_in_file_;
  bool told_ = false;
};

}  // namespace

std::unique_ptr<TableReader> make_csv_reader(std::unique_ptr<ByteSource> source, const ReadOptions& options) {
  return std::make_unique<CsvReader>(std::move(source), options);
}

std::vector<std::string> csv_column_names(ByteSource& source) {
  CsvScanner scanner(source, separator_of(source.path()));
  return distinct(read_header(scanner, source.path()));
}

}  // namespace canine
