#pragma once

#include <ATen/ops/equal.h>

#include <memory>
#include <string>
#include <utility>

#include "canine/data/dataset.hpp"
#include "support.hpp"
#include "support/general_system.hpp"

namespace canine::testing {

/// A data set of one label column whose texts are given.
inline std::unique_ptr<Dataset> dataset_of(const std::vector<std::string>& texts,
                                           std::shared_ptr<const Formatter> formatter = nullptr) {
  const TemporaryFolder folder;
  auto key = std::make_shared<LabelKey>();
  std::string csv = "occ1,a,lang\n";
  for (size_t row = 0; row < texts.size(); ++row) {
    const std::string code = std::to_string(100 + row % 7);
    key->add(code);
    csv += "\"" + texts[row] + "\"," + code + ",en\n";
  }
  Dataset::Options options;
  options.files = {write_text(folder / "data.csv", csv)};
  options.system = std::make_shared<CodeSystem>(general_system({"a"}, 5, key), std::move(formatter));
  return std::make_unique<Dataset>(options);
}

/// Descriptions of different lengths.
inline std::vector<std::string> many_texts(int count) {
  std::vector<std::string> texts;
  for (int row = 0; row < count; ++row) {
    texts.push_back("worker number " + std::to_string(row) + std::string(static_cast<size_t>(row * 7 % 31), 'x'));
  }
  return texts;
}

/// True if every tensor is equal bit by bit and the rows are the same.
inline bool equal_batches(const Batch& a, const Batch& b) {
  return a.rows == b.rows && at::equal(a.input_ids, b.input_ids) && at::equal(a.attention_mask, b.attention_mask) &&
         at::equal(a.targets_seq2seq, b.targets_seq2seq) && at::equal(a.targets_linear, b.targets_linear);
}

}  // namespace canine::testing
