#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace canine {

/// AdamW of PyTorch 2.11 with decoupled weight decay on every parameter, by its fused kernel.
/// Source: torch/optim/adam.py (_fused_adam), Loshchilov and Hutter 2019.
///
/// State tensors are made at construction (zeros). A parameter without a gradient is left alone and keeps step 0:
/// torch.optim has no state for such a parameter, so a saved state leaves it out.
class AdamW {
 public:
  struct Options {
    double learning_rate = 2e-5;  ///< what the schedule multiplies, >= 0
    double beta1 = 0.9;           ///< in [0, 1)
    double beta2 = 0.999;         ///< in [0, 1)
    double eps = 1e-8;            ///< >= 0
    double weight_decay = 0.01;   ///< >= 0

    /// Throws UsageError naming the value and its range.
    void validate() const;
  };

  /// State of one parameter. `step` is a float32 scalar on the parameter's device, as torch keeps it when fused.
  struct State {
    at::Tensor step;
    at::Tensor exp_avg;     ///< like the parameter
    at::Tensor exp_avg_sq;  ///< like the parameter
  };

  /// Parameters in the order of torch.optim's numbering; all on one device, of one floating type.
  AdamW(std::vector<at::Tensor> parameters, const Options& options);

  /// One update at `learning_rate`. `found_inf` (float32 scalar on the device, may be undefined): where it is not 0 the
  /// update is skipped, steps included, without the host knowing. `grad_scale` (same, may be undefined): gradients are
  /// divided by it first.
  void step(double learning_rate, const at::Tensor& found_inf = {}, const at::Tensor& grad_scale = {});

  /// Sets gradients to zero in place (they keep their memory); undefined ones stay undefined.
  void zero_grad();

  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  std::vector<State>& states() { return states_; }
  const std::vector<State>& states() const { return states_; }
  const Options& options() const { return options_; }

 private:
  std::vector<at::Tensor> parameters_;
  std::vector<State> states_;
  Options options_;
};

}  // namespace canine
