#include "canine/objective/code_metrics.hpp"

#include <algorithm>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// Each code once, in ascending order.
std::vector<int64_t> set_of(std::span<const int64_t> codes) {
  std::vector<int64_t> set(codes.begin(), codes.end());
  std::ranges::sort(set);
  set.erase(std::unique(set.begin(), set.end()), set.end());
  return set;
}

bool contains(const std::vector<int64_t>& set, int64_t code) { return std::ranges::binary_search(set, code); }

}  // namespace

CodeCounts& CodeCounts::operator+=(const CodeCounts& other) {
  labels += other.labels;
  predicted += other.predicted;
  right += other.right;
  among_likeliest += other.among_likeliest;
  return *this;
}

double CodeCounts::precision() const { return ratio(right, predicted); }
double CodeCounts::recall() const { return ratio(right, labels); }
double CodeCounts::f1() const { return ratio(2 * right, predicted + labels); }
double CodeCounts::flat_recall() const { return ratio(among_likeliest, labels); }

void CodeMetrics::add(const RowCodes& row) {
  const std::vector<int64_t> labels = set_of(row.labels);
  const std::vector<int64_t> predicted = set_of(row.predicted);
  const auto likeliest = row.likeliest.first(std::min(row.likeliest.size(), top_k_rows_.size()));

  ++rows_;
  exact_rows_ += labels == predicted;
  for (const int64_t code : predicted) ++counts_of(code).predicted;
  size_t needed = 1;  // likeliest classes until all labels are among them
  for (const int64_t code : labels) {
    const auto place = static_cast<size_t>(std::ranges::find(likeliest, code) - likeliest.begin());
    const bool found = code >= 0 && place < likeliest.size();
    needed = std::max(needed, found ? place + 1 : top_k_rows_.size() + 1);
    CodeCounts& counts = counts_of(code);
    ++counts.labels;
    counts.right += contains(predicted, code);
    counts.among_likeliest += found;
  }
  for (size_t k = needed; k <= top_k_rows_.size(); ++k) ++top_k_rows_[k - 1];
}

CodeMetrics& CodeMetrics::operator+=(const CodeMetrics& other) {
  if (other.k() != k()) throw InternalError("metrics of {} and {} likeliest classes were added", k(), other.k());
  rows_ += other.rows_;
  exact_rows_ += other.exact_rows_;
  for (size_t i = 0; i < top_k_rows_.size(); ++i) top_k_rows_[i] += other.top_k_rows_[i];
  for (const auto& [code, counts] : other.codes_) codes_[code] += counts;
  classless_ += other.classless_;
  return *this;
}

double CodeMetrics::exact_match() const { return ratio(exact_rows_, rows_); }
double CodeMetrics::top_k(int64_t k) const { return ratio(top_k_rows_[static_cast<size_t>(k - 1)], rows_); }

MeanScores CodeMetrics::micro() const {
  const CodeCounts all = total();
  return {all.precision(), all.recall(), all.f1()};
}

MeanScores CodeMetrics::macro() const {
  MeanScores mean;
  for (const auto& [code, counts] : codes_) {
    mean.precision += counts.precision();
    mean.recall += counts.recall();
    mean.f1 += counts.f1();
  }
  const auto num_codes = static_cast<double>(std::max<size_t>(1, codes_.size()));
  for (double* figure : {&mean.precision, &mean.recall, &mean.f1}) *figure /= num_codes;
  return mean;
}

CodeCounts CodeMetrics::total() const {
  CodeCounts all = classless_;
  for (const auto& [code, counts] : codes_) all += counts;
  return all;
}

}  // namespace canine
