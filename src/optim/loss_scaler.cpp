#include "canine/optim/loss_scaler.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "canine/optim/gradients.hpp"

namespace canine {

LossScaler::LossScaler(const Options& options, c10::Device device)
    : options_(options),
      scale_(at::full({}, options.enabled ? options.initial_scale : 1.0, at::TensorOptions(at::kFloat).device(device))),
      growth_tracker_(at::zeros({}, at::TensorOptions(at::kInt).device(device))) {}

at::Tensor LossScaler::scale(const at::Tensor& loss) const { return enabled() ? loss * scale_ : loss; }

at::Tensor LossScaler::unscale_and_check(std::span<const at::Tensor> parameters) {
  if (!enabled()) return {};
  const at::NoGradGuard no_grad;
  at::Tensor found_inf = at::zeros_like(scale_);
  const std::vector<at::Tensor> gradients = defined_gradients(parameters);
  if (!gradients.empty()) {
    // The inverse goes through float64, as in Python, so that no power of two of it is lost.
    const at::Tensor inverse = scale_.to(at::kDouble).reciprocal().to(at::kFloat);
    at::_amp_foreach_non_finite_check_and_unscale_(gradients, found_inf, inverse);
  }
  return found_inf;
}

void LossScaler::update(const at::Tensor& found_inf) {
  if (!enabled()) return;
  at::_amp_update_scale_(scale_, growth_tracker_, found_inf, options_.growth_factor, options_.backoff_factor,
                         options_.growth_interval);
}

LossScaler::State LossScaler::state() const {
  return {.scale = scale_.item<double>(), .growth_tracker = growth_tracker_.item<int64_t>()};
}

void LossScaler::load(const State& state) {
  if (!enabled()) return;
  scale_.fill_(state.scale);
  growth_tracker_.fill_(state.growth_tracker);
}

}  // namespace canine
