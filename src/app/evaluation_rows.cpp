#include "canine/app/evaluation_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "canine/text/tokenizer.hpp"
#include "canine/train/loss_layout.hpp"

namespace canine {
namespace {

TableWriter::Options file_options(const std::filesystem::path& path, int64_t length, int64_t top_k) {
  TableWriter::Options options{.path = path, .columns = {}, .settings = {}};
  const auto add = [&](const char* name, int64_t count, OutputColumn::Type type) {
    for (int64_t i = 0; i < count; ++i) options.columns.push_back({fmt::format("{}_{}", name, i), type});
  };
  for (const char* name : {"input", "label", "pred_s2s"}) options.columns.push_back({name});
  add("pred_linear", top_k, OutputColumn::Type::kText);
  add("prob_s2s", length, OutputColumn::Type::kNumber);
  add("prob_linear", top_k, OutputColumn::Type::kNumber);
  return options;
}

/// The codes of one row as CodeMetrics takes them: their classes, and numbers below 0 for those that have none.
class CodeNumbers {
 public:
  explicit CodeNumbers(const CodeSystem& system) : system_(system) {}

  /// Of codes joined with '&'; an empty text between two '&' is no code.
  std::vector<int64_t> of(std::string_view joined) {
    std::vector<int64_t> numbers;
    while (!joined.empty()) {
      const std::string_view code = joined.substr(0, joined.find('&'));
      joined.remove_prefix(std::min(joined.size(), code.size() + 1));
      if (!code.empty()) numbers.push_back(number_of(code));
    }
    return numbers;
  }

  /// Of labels of which the model lacks some, or of none. What it lacks is nothing that it could have written, and a
  /// row without codes is not right because the model wrote none.
  static std::vector<int64_t> of(const std::vector<Dataset::Code>& codes) {
    std::vector<int64_t> numbers;
    int64_t unknown = std::numeric_limits<int64_t>::min();
    for (const Dataset::Code& code : codes) numbers.push_back(code.index >= 0 ? code.index : unknown++);
    if (codes.empty()) numbers.push_back(unknown);
    return numbers;
  }

 private:
  int64_t number_of(std::string_view code) {
    if (const int64_t index = system_.find(code); index >= 0) return index;
    const auto place = std::ranges::find(classless_, code) - classless_.begin();
    if (place == std::ssize(classless_)) classless_.push_back(code);
    return -1 - place;
  }

  const CodeSystem& system_;
  std::vector<std::string_view> classless_;
};

std::string joined(const std::vector<Dataset::Code>& codes) {
  std::string text;
  for (const Dataset::Code& code : codes) text += (text.empty() ? "" : "&") + code.text;
  return text;
}

template <typename T>
std::span<const T> row_of(const at::Tensor& tensor, int64_t row) {
  const auto width = static_cast<size_t>(tensor.size(1));
  return {tensor.const_data_ptr<T>() + static_cast<size_t>(row) * width, width};
}

}  // namespace

EvaluationRows::EvaluationRows(const Dataset& data, int64_t top_k, const std::filesystem::path& path)
    : data_(data), top_k_(top_k) {
  if (!path.empty()) file_.emplace(file_options(path, data.formatter().layout().sequence_length(), top_k));
}

void EvaluationRows::add(const EvaluatedBatch& batch) {
  const CodeSystem& system = data_.system();
  std::vector<int64_t> labels(static_cast<size_t>(data_.formatter().layout().sequence_length()));
  std::vector<float> flat(static_cast<size_t>(data_.num_classes()));
  const int64_t num_tokens = loss_layout(data_.formatter()).num_tokens();
  Row texts;
  for (int64_t i = 0; i < batch.size(); ++i) {
    const int64_t row = batch.first_row + i;
    data_.labels(row, labels, flat);
    texts.input = fmt::format("{}{}{}", data_.language(row), kLanguageSeparator, data_.text(row));
    texts.label = data_.has_labels(row) ? data_.formatter().decode(labels) : joined(data_.codes_of(row));
    texts.predicted = data_.formatter().decode(row_of<int64_t>(batch.tokens, i));
    texts.likeliest.clear();
    const auto likeliest = row_of<int64_t>(batch.likeliest.classes, i);
    for (const int64_t index : likeliest) texts.likeliest.push_back(system.code(index).value_or(""));
    count(row, texts, likeliest);
    HitCounts& hits = teacher_forced_[std::string(data_.language(row))];
    if (data_.has_labels(row)) hits.add(row_of<int64_t>(batch.hits, i), num_tokens);
    if (file_) write(texts, row_of<float>(batch.probabilities, i), row_of<float>(batch.likeliest.probabilities, i));
  }
}

void EvaluationRows::count(int64_t row, const Row& texts, std::span<const int64_t> likeliest) {
  CodeNumbers numbers(data_.system());
  const std::vector<int64_t> labels =
      data_.has_labels(row) ? numbers.of(texts.label) : CodeNumbers::of(data_.codes_of(row));
  const std::vector<int64_t> predicted = numbers.of(texts.predicted);
  auto group = metrics_.try_emplace(std::string(data_.language(row)), top_k_).first;
  group->second.add({labels, predicted, likeliest});
}

void EvaluationRows::write(const Row& texts, std::span<const float> token_probabilities,
                           std::span<const float> class_probabilities) {
  std::vector<OutputCell> cells = {std::string_view(texts.input), std::string_view(texts.label),
                                   std::string_view(texts.predicted)};
  for (const std::string& code : texts.likeliest) cells.emplace_back(std::string_view(code));
  cells.insert(cells.end(), token_probabilities.begin(), token_probabilities.end());
  cells.insert(cells.end(), class_probabilities.begin(), class_probabilities.end());
  file_->row(cells);
}

void EvaluationRows::finish() {
  if (file_) file_->finish();
}

}  // namespace canine
