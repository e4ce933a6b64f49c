#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace canine {

/// Dynamic loss scaling for float16 training: torch.amp.GradScaler on LibTorch's own kernels. The scale lives on the
/// device; nothing here waits for it, except state(). A disabled scaler has scale 1, which never changes.
class LossScaler {
 public:
  struct Options {
    bool enabled = false;
    double initial_scale = 65536.0;
    double growth_factor = 2.0;
    double backoff_factor = 0.5;
    int64_t growth_interval = 2000;  ///< good steps in a row before the scale grows
  };

  LossScaler(const Options& options, c10::Device device);

  /// loss * scale (the loss itself when disabled).
  at::Tensor scale(const at::Tensor& loss) const;

  /// Divides the gradients by the scale in place and returns found_inf: float32 scalar on the device, 1 if any gradient
  /// is not finite, else 0. When disabled it does nothing and returns an undefined tensor: nonfinite_flag
  /// (gradients.hpp) finds the same in the norm, for nothing.
  at::Tensor unscale_and_check(std::span<const at::Tensor> parameters);

  /// Backs off the scale if found_inf is not 0, grows it after growth_interval good steps in a row. Nothing if
  /// disabled.
  void update(const at::Tensor& found_inf);

  bool enabled() const { return options_.enabled; }

  /// What a checkpoint keeps; state() waits for the device.
  struct State {
    double scale = 65536.0;
    int64_t growth_tracker = 0;  ///< good steps since the scale last changed
  };
  State state() const;
  void load(const State& state);

 private:
  Options options_;
  at::Tensor scale_;           // float32 scalar
  at::Tensor growth_tracker_;  // int32 scalar
};

}  // namespace canine
