#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "canine/objective/mixer_loss.hpp"

namespace canine::test {

inline constexpr int64_t kPad = 1;

/// The definition of the loss (model.md section 6) as loops over single numbers.
struct LiteralLoss {
  double order = 0;
  double padding = 0;
  double total() const { return order + padding; }
};

inline LiteralLoss literal_loss(const at::Tensor& logits, const at::Tensor& targets, const LossLayout& layout) {
  const at::Tensor values = logits.to(at::kDouble).contiguous();
  const auto y = values.accessor<double, 3>();
  const auto target = targets.accessor<int64_t, 2>();
  const int64_t B = logits.size(0), V = logits.size(2), nb = layout.num_blocks, bs = layout.block_size;

  const auto cross_entropy = [&](int64_t row, int64_t position, int64_t token) {
    double largest = y[row][position][0], sum = 0;
    for (int64_t v = 0; v < V; ++v) largest = std::max(largest, y[row][position][v]);
    for (int64_t v = 0; v < V; ++v) sum += std::exp(y[row][position][v] - largest);
    return largest + std::log(sum) - y[row][position][token];
  };
  const auto token = [&](int64_t row, int64_t position) { return target[row][position + 1]; };
  const auto num_codes = [&](int64_t row) {
    int64_t first = 0;
    while (first < nb * bs && token(row, first) != kPad) ++first;
    return first == 0 || first == nb * bs ? nb : first / bs;
  };

  LiteralLoss loss;
  int64_t blocks = 0;
  for (int64_t j = 0; j < nb; ++j) {
    bool filled = false;
    for (int64_t row = 0; row < B; ++row) {
      for (int64_t t = 0; t < bs; ++t) filled = filled || token(row, j * bs + t) != kPad;
    }
    if (!filled) break;
    ++blocks;
    for (int64_t row = 0; row < B; ++row) {
      double best = std::numeric_limits<double>::infinity();
      for (int64_t c = 0; c < num_codes(row); ++c) {
        double sum = 0;
        for (int64_t t = 0; t < bs; ++t) {
          const int64_t wanted = token(row, j * bs + t);
          if (wanted != kPad) sum += cross_entropy(row, c * bs + t, wanted);
        }
        best = std::min(best, sum / static_cast<double>(bs));
      }
      loss.order += best / static_cast<double>(B);
    }
  }
  if (blocks > 0) loss.order /= static_cast<double>(blocks);
  for (int64_t row = 0; row < B; ++row) {
    for (int64_t c = num_codes(row); c < nb; ++c) {
      for (int64_t t = 0; t < bs; ++t) {
        loss.padding += cross_entropy(row, c * bs + t, kPad) / static_cast<double>(bs * B * nb);
      }
    }
  }
  return loss;
}

}  // namespace canine::test
