#pragma once

#include <ATen/core/grad_mode.h>
#include <torch/nn/module.h>

namespace canine {

/// While it lives: no gradients are recorded and the module's dropout is off. Restores both.
class EvaluationMode {
 public:
  explicit EvaluationMode(torch::nn::Module& module) : module_(module), was_training_(module.is_training()) {
    module_.eval();
  }
  ~EvaluationMode() { module_.train(was_training_); }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  at::NoGradGuard no_grad_;
  torch::nn::Module& module_;
  bool was_training_;
};

}  // namespace canine
