#include "canine/model/affine.hpp"

#include <ATen/Context.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <string_view>

#include "canine/model/layers.hpp"

namespace canine {
namespace {

/// oneDNN's matrix product as LibTorch registers it for compiled graphs (aten/src/ATen/native/mkldnn/Linear.cpp).
using OneDnnLinear = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                                std::string_view, c10::List<std::optional<at::Scalar>>,
                                std::optional<std::string_view>);

/// The operator, or nothing in a LibTorch built without oneDNN.
const std::optional<c10::TypedOperatorHandle<OneDnnLinear>>& one_dnn() {
  static const auto kHandle = [] {
    std::optional<c10::TypedOperatorHandle<OneDnnLinear>> found;
    const auto schema = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (schema && at::hasMKLDNN()) found = schema->typed<OneDnnLinear>();
    return found;
  }();
  return kHandle;
}

std::optional<at::Tensor> if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

/// x W^T + b; x [.., in], weight [out, in], both of any strides.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias = {}) {
  static const c10::List<std::optional<at::Scalar>> kNoScalars;
  return one_dnn()->call(x, weight, bias, "none", kNoScalars, std::nullopt);
}

struct OneDnnLinearFunction : torch::autograd::Function<OneDnnLinearFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    const at::Tensor rows = x.contiguous();  // oneDNN has no fast product for rows with gaps
    context->save_for_backward({rows, weight});
    context->saved_data["bias"] = bias.has_value();
    return product(rows, weight, bias);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor gradient = gradients[0].reshape({-1, weight.size(0)}).contiguous();
    at::Tensor of_x, of_weight, of_bias;
    if (context->needs_input_grad(0)) of_x = product(gradient, weight.t()).view(x.sizes());
    if (context->needs_input_grad(1)) {
      of_weight = product(gradient.t(), x.view({-1, weight.size(1)}).t());
    }
    const bool has_bias = context->saved_data["bias"].toBool();
    if (has_bias && context->needs_input_grad(2)) of_bias = gradient.sum(0);
    return {of_x, of_weight, of_bias};
  }
};

bool one_dnn_is_faster(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && !autocast_enabled(x) &&
         at::globalContext().userEnabledMkldnn() && one_dnn().has_value();
}

}  // namespace

at::Tensor affine(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!one_dnn_is_faster(x)) return at::linear(x, weight, if_defined(bias));
  return OneDnnLinearFunction::apply(x, weight, if_defined(bias));
}

}  // namespace canine
