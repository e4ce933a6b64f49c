#pragma once

#include <torch/nn/module.h>

#include <c10/util/Type.h>
#include <array>
#include <memory>
#include <optional>
#include <tuple>
#include <typeinfo>
#include <utility>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/dist/gradient_synchronizer.hpp"

namespace canine {

/// Tensors in what a module's forward returned, for find_unused_parameters: a tensor, and pairs, tuples, vectors,
/// arrays and optionals of anything that has tensors. For a type of your own, write a function of this name in its
/// namespace.
inline void collect_tensors(const at::Tensor& output, std::vector<at::Tensor>& tensors) { tensors.push_back(output); }
template <typename T>
void collect_tensors(const std::vector<T>& outputs, std::vector<at::Tensor>& tensors);
template <typename T, size_t N>
void collect_tensors(const std::array<T, N>& outputs, std::vector<at::Tensor>& tensors);
template <typename T>
void collect_tensors(const std::optional<T>& output, std::vector<at::Tensor>& tensors);
template <typename A, typename B>
void collect_tensors(const std::pair<A, B>& outputs, std::vector<at::Tensor>& tensors);
template <typename... T>
void collect_tensors(const std::tuple<T...>& outputs, std::vector<at::Tensor>& tensors);

template <typename T>
void collect_tensors(const std::vector<T>& outputs, std::vector<at::Tensor>& tensors) {
  for (const auto& output : outputs) collect_tensors(output, tensors);
}
template <typename T, size_t N>
void collect_tensors(const std::array<T, N>& outputs, std::vector<at::Tensor>& tensors) {
  for (const auto& output : outputs) collect_tensors(output, tensors);
}
template <typename T>
void collect_tensors(const std::optional<T>& output, std::vector<at::Tensor>& tensors) {
  if (output) collect_tensors(*output, tensors);
}
template <typename A, typename B>
void collect_tensors(const std::pair<A, B>& outputs, std::vector<at::Tensor>& tensors) {
  collect_tensors(outputs.first, tensors);
  collect_tensors(outputs.second, tensors);
}
template <typename... T>
void collect_tensors(const std::tuple<T...>& outputs, std::vector<at::Tensor>& tensors) {
  std::apply([&](const auto&... output) { (collect_tensors(output, tensors), ...); }, outputs);
}

/// A module whose gradients are averaged over the ranks of a group, in the way of
/// torch.nn.parallel.DistributedDataParallel.
///
///     auto group = canine::init_process_group();
///     Net net;  // a TORCH_MODULE holder
///     net->to(group->device());
///     canine::DistributedDataParallel<Net> ddp(net, group);
///     torch::optim::SGD optimizer(net->parameters(), 0.1);
///     ...
///     auto loss = torch::nn::functional::cross_entropy(ddp(input), target);
///     loss.backward();
///     optimizer.step();
///
/// `Holder` is a module holder or std::shared_ptr of a module. With one process it is the module and nothing else.
/// Freeze parameters before. Evaluate without grad mode, or on module(): ranks then need not run alike. With
/// gradient_as_bucket_view zero gradients by zero_grad() of this class: dropping them costs the copies that the option
/// saves, and zero_grad(false) of LibTorch's optimizers throws on views.
template <typename Holder>
class DistributedDataParallel {
 public:
  DistributedDataParallel(Holder module, std::shared_ptr<ProcessGroup> group, const DdpOptions& options = {})
      : module_(std::move(module)),
        synchronizer_(named(module_->named_parameters()), named(module_->named_buffers()), std::move(group), options),
        collect_outputs_(options.find_unused_parameters) {}

  template <typename... Args>
  auto forward(Args&&... args) {
    synchronizer_.before_forward(module_->is_training());
    auto output = module_->forward(std::forward<Args>(args)...);
    synchronizer_.after_forward(collect_outputs_ ? tensors_of(output) : std::vector<at::Tensor>());
    return output;
  }
  template <typename... Args>
  auto operator()(Args&&... args) {
    return forward(std::forward<Args>(args)...);
  }

  /// Gradients of backward passes accumulate locally while the returned object lives. Forward belongs inside, too.
  [[nodiscard]] NoSync no_sync() { return NoSync(synchronizer_); }

  /// Sets gradients to zero where they are.
  void zero_grad() { synchronizer_.zero_grad(); }

  Holder& module() { return module_; }
  GradientSynchronizer& synchronizer() { return synchronizer_; }

 private:
  template <typename Items>
  static std::vector<GradientSynchronizer::Named> named(const Items& items) {
    std::vector<GradientSynchronizer::Named> result;
    for (const auto& item : items) result.emplace_back(item.key(), item.value());
    return result;
  }

  template <typename Output>
  static std::vector<at::Tensor> tensors_of(const Output& output) {
    std::vector<at::Tensor> tensors;
    if constexpr (requires { collect_tensors(output, tensors); }) {
      collect_tensors(output, tensors);
    } else {
      throw UsageError(
          "find_unused_parameters needs to see the tensors that forward returns; write collect_tensors for {}",
          c10::demangle(typeid(Output).name()));
    }
    return tensors;
  }

  Holder module_;
  GradientSynchronizer synchronizer_;
  bool collect_outputs_;
};

}  // namespace canine
