#include "canine/optim/adamw.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/_foreach_zero.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <optional>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/optim/gradients.hpp"

namespace canine {
namespace {

std::optional<at::Tensor> if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

}  // namespace

void AdamW::Options::validate() const {
  // Comparisons are written so that NaN fails them.
  if (!(learning_rate >= 0)) throw UsageError("learning rate: expected a number >= 0, got {}", learning_rate);
  if (!(beta1 >= 0 && beta1 < 1)) throw UsageError("AdamW beta1: expected a number in [0, 1), got {}", beta1);
  if (!(beta2 >= 0 && beta2 < 1)) throw UsageError("AdamW beta2: expected a number in [0, 1), got {}", beta2);
  if (!(eps >= 0)) throw UsageError("AdamW eps: expected a number >= 0, got {}", eps);
  if (!(weight_decay >= 0)) throw UsageError("weight decay: expected a number >= 0, got {}", weight_decay);
}

AdamW::AdamW(std::vector<at::Tensor> parameters, const Options& options)
    : parameters_(std::move(parameters)), options_(options) {
  options_.validate();
  const at::NoGradGuard no_grad;
  states_.reserve(parameters_.size());
  for (const at::Tensor& parameter : parameters_) {
    states_.push_back({.step = at::zeros({}, parameter.options().dtype(at::kFloat)),
                       .exp_avg = at::zeros_like(parameter),
                       .exp_avg_sq = at::zeros_like(parameter)});
  }
}

void AdamW::step(double learning_rate, const at::Tensor& found_inf, const at::Tensor& grad_scale) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> parameters, gradients, exp_avgs, exp_avg_sqs, steps;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& gradient = parameters_[i].grad();
    if (!gradient.defined()) continue;
    parameters.push_back(parameters_[i]);
    gradients.push_back(gradient);
    exp_avgs.push_back(states_[i].exp_avg);
    exp_avg_sqs.push_back(states_[i].exp_avg_sq);
    steps.push_back(states_[i].step);
  }
  if (parameters.empty()) return;
  // The kernel takes steps that count this update; where it skips the update they are taken back.
  at::_foreach_add_(steps, 1);
  at::_fused_adamw_(parameters, gradients, exp_avgs, exp_avg_sqs, /*max_exp_avg_sqs=*/{}, steps, learning_rate,
                    options_.beta1, options_.beta2, options_.weight_decay, options_.eps, /*amsgrad=*/false,
                    /*maximize=*/false, if_defined(grad_scale), if_defined(found_inf));
  if (found_inf.defined()) at::_foreach_sub_(steps, std::vector<at::Tensor>(steps.size(), found_inf));
}

void AdamW::zero_grad() {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = defined_gradients(parameters_);
  if (!gradients.empty()) at::_foreach_zero_(gradients);
}

}  // namespace canine
