#include "canine/train/delayed_flag.hpp"

#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <utility>

namespace canine {

struct DelayedFlag::State {
  at::Tensor host;  // [] float32, pinned if the flag comes from a GPU
  std::optional<c10::Event> copied;
  bool pushed = false;
};

DelayedFlag::DelayedFlag() : state_(std::make_unique<State>()) {}
DelayedFlag::~DelayedFlag() = default;

void DelayedFlag::push(const at::Tensor& flag) {
  state_->pushed = true;
  if (flag.device().is_cpu()) {
    state_->host = flag;
    return;
  }
  if (!state_->host.defined()) {
    state_->host = at::empty({}, at::TensorOptions().dtype(at::kFloat).pinned_memory(true));
    state_->copied.emplace(flag.device().type());
  }
  state_->host.copy_(flag, /*non_blocking=*/true);
  const c10::impl::VirtualGuardImpl guard(flag.device().type());
  state_->copied->record(guard.getStream(flag.device()));
}

std::optional<bool> DelayedFlag::take() {
  if (!std::exchange(state_->pushed, false)) return std::nullopt;
  if (state_->copied) state_->copied->synchronize();
  return *state_->host.const_data_ptr<float>() != 0.0F;
}

}  // namespace canine
