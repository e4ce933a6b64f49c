#include "gradient_hooks.hpp"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scalar_tensor.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <utility>
#include <vector>

namespace canine {
namespace {

using FuturePtr = c10::intrusive_ptr<c10::ivalue::Future>;

class UserHook final : public c10d::CppCommHookInterface<GradientSynchronizer::Hook> {
 public:
  using CppCommHookInterface::CppCommHookInterface;
  FuturePtr runHook(c10d::GradBucket& bucket) override { return state_(bucket); }
};

class CompressionHook final : public c10d::CppCommHookInterface<c10::intrusive_ptr<c10d::ProcessGroup>> {
 public:
  CompressionHook(const c10::intrusive_ptr<c10d::ProcessGroup>& group, at::ScalarType dtype)
      : CppCommHookInterface(group), dtype_(dtype) {}

  FuturePtr runHook(c10d::GradBucket& bucket) override {
    const at::Tensor full = bucket.getBuffer();
    const bool narrow = full.element_size() <= 2;
    at::Tensor sent = narrow ? full : at::empty_like(full, full.options().dtype(dtype_));
    at::mul_out(sent, full, at::scalar_tensor(1.0 / state_->getSize(), full.options().device(at::kCPU)));
    std::vector<at::Tensor> tensors = {sent};
    auto reduced = state_->allreduce(tensors)->getFuture();
    return reduced->then(
        [full, sent](c10::ivalue::Future& done) {
          if (done.hasError()) std::rethrow_exception(done.exception_ptr());
          if (!full.is_same(sent)) full.copy_(sent);
          return c10::IValue(full);
        },
        c10::TensorType::get());
  }

 private:
  at::ScalarType dtype_;
};

}  // namespace

std::unique_ptr<c10d::CommHookInterface> make_user_hook(GradientSynchronizer::Hook hook) {
  return std::make_unique<UserHook>(std::move(hook));
}

std::unique_ptr<c10d::CommHookInterface> make_compression_hook(const c10::intrusive_ptr<c10d::ProcessGroup>& group,
                                                               at::ScalarType dtype) {
  return std::make_unique<CompressionHook>(group, dtype);
}

}  // namespace canine
