#include "canine/decode/flat.hpp"

#include <ATen/ops/sigmoid.h>
#include <ATen/ops/topk.h>

#include <algorithm>

namespace canine {

FlatTopK flat_top_k(const at::Tensor& flat_logits, int64_t k) {
  const auto [probabilities, classes] =
      at::topk(at::sigmoid(flat_logits.to(at::kFloat)), std::min(k, flat_logits.size(1)));
  return {classes, probabilities};
}

}  // namespace canine
