#include "canine/decode/prediction_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/data/columns.hpp"

namespace canine {
namespace {

constexpr const char* kConfidence = "conf";

float number_in(std::string_view text) {
  float number = std::nanf("");  // what an empty cell stands for
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

PredictionColumns::PredictionColumns(Options options) : options_(std::move(options)) {
  std::vector<OutputColumn> codes = code_columns();
  const bool taken = std::ranges::find(codes, options_.text_col, &OutputColumn::name) != codes.end();
  if (options_.text_as_it_stood && taken) {
    log_note("the column '{}' of the input is called '{}' in the output, where codes have its name", options_.text_col,
             kTextColumn);
    options_.text_col = kTextColumn;
  }
  for (const std::string& name : options_.kept) columns_.push_back({name, OutputColumn::Type::kText});
  add_text_column(/*may_be_kept=*/options_.text_as_it_stood && !taken);
  columns_.insert(columns_.end(), codes.begin(), codes.end());
  std::set<std::string_view> names;
  for (const OutputColumn& column : columns_) {
    if (names.insert(column.name).second) continue;
    throw UsageError("--keep-cols: the output would have two columns called {}; rename the column of the input",
                     column.name);
  }
}

std::vector<OutputColumn> PredictionColumns::code_columns() const {
  using Type = OutputColumn::Type;
  std::vector<OutputColumn> columns;
  for (int64_t place = 1; place <= options_.max_codes; ++place) {
    columns.push_back({fmt::format("{}_{}", options_.name, place), Type::kText});
    if (has_probabilities()) columns.push_back({fmt::format("prob_{}", place), Type::kNumber});
    if (options_.descriptions) columns.push_back({fmt::format("desc_{}", place), Type::kText});
  }
  if (!has_probabilities()) columns.push_back({kConfidence, Type::kNumber});
  return columns;
}

void PredictionColumns::add_text_column(bool may_be_kept) {
  const auto kept = std::ranges::find(options_.kept, options_.text_col);
  text_place_ = static_cast<size_t>(kept - options_.kept.begin());
  if (kept != options_.kept.end() && may_be_kept) return;
  text_place_ = options_.kept.size();
  columns_.push_back({options_.text_col, OutputColumn::Type::kText});
}

std::string_view PredictionColumns::description(const std::string& code) const {
  const auto found = options_.descriptions->find(code);
  return found == options_.descriptions->end() ? kUnknownCode : std::string_view(found->second);
}

std::vector<OutputCell> PredictionColumns::cells(const std::vector<std::string>& kept, std::string_view written,
                                                 const CodedText* coded) const {
  std::vector<OutputCell> cells(columns_.size());
  std::ranges::copy(kept, cells.begin());
  if (!written.empty()) cells[text_place_] = written;
  if (coded == nullptr) return cells;
  const Prediction& prediction = coded->prediction;
  size_t at = first_code();
  for (size_t place = 0; place < prediction.codes.size(); ++place) {
    const std::string& code = prediction.codes[place];
    cells.at(at++) = std::string_view(code);
    if (has_probabilities()) cells.at(at++) = prediction.probabilities[place];
    if (options_.descriptions) cells.at(at++) = description(code);
  }
  if (!has_probabilities()) cells.back() = prediction.confidence;
  return cells;
}

std::string_view PredictionColumns::text(const Table& table, int64_t row) const {
  return table.columns[text_place_].text(row);
}

Prediction PredictionColumns::prediction(const Table& table, int64_t row) const {
  Prediction prediction;
  for (int64_t place = 0; place < options_.max_codes; ++place) {
    const size_t column = first_code() + static_cast<size_t>(place) * columns_per_code();
    const std::string_view code = table.columns[column].text(row);
    if (code.empty()) break;
    prediction.codes.emplace_back(code);
    if (has_probabilities()) prediction.probabilities.push_back(number_in(table.columns[column + 1].text(row)));
  }
  if (!has_probabilities()) prediction.confidence = number_in(table.columns.back().text(row));
  return prediction;
}

std::vector<std::string> PredictionColumns::unused(int64_t most) const {
  std::vector<std::string> names;
  const size_t begin = first_code() + static_cast<size_t>(std::max<int64_t>(most, 1)) * columns_per_code();
  const size_t end = first_code() + static_cast<size_t>(options_.max_codes) * columns_per_code();
  for (size_t column = begin; column < end; ++column) names.push_back(columns_[column].name);
  return names;
}

}  // namespace canine
