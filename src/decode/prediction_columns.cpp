#include "canine/decode/prediction_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "canine/core/errors.hpp"
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
  using Type = OutputColumn::Type;
  for (const std::string& name : options_.kept) columns_.push_back({name, Type::kText});
  columns_.push_back({std::string(kTextColumn), Type::kText});
  for (int64_t place = 1; place <= options_.max_codes; ++place) {
    columns_.push_back({fmt::format("{}_{}", options_.name, place), Type::kText});
    if (has_probabilities()) columns_.push_back({fmt::format("prob_{}", place), Type::kNumber});
    if (options_.descriptions) columns_.push_back({fmt::format("desc_{}", place), Type::kText});
  }
  if (!has_probabilities()) columns_.push_back({kConfidence, Type::kNumber});
  std::set<std::string_view> names;
  for (const OutputColumn& column : columns_) {
    if (names.insert(column.name).second) continue;
    throw UsageError("--keep-cols: the output would have two columns called {}; rename the column of the input",
                     column.name);
  }
}

std::string_view PredictionColumns::description(const std::string& code) const {
  const auto found = options_.descriptions->find(code);
  return found == options_.descriptions->end() ? kUnknownCode : std::string_view(found->second);
}

std::vector<OutputCell> PredictionColumns::cells(const std::vector<std::string>& kept, const CodedText* text) const {
  std::vector<OutputCell> cells(columns_.size());
  std::ranges::copy(kept, cells.begin());
  if (text == nullptr) return cells;
  const Prediction& prediction = text->prediction;
  cells[options_.kept.size()] = std::string_view(text->text);
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
  return table.columns[options_.kept.size()].text(row);
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
