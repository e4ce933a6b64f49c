#include "canine/train/delayed_number.hpp"

#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <utility>

namespace canine {

struct DelayedNumber::State {
  at::Tensor host;  // [] float32, pinned if it comes from a GPU
  std::optional<c10::Event> copied;
  bool pushed = false;
};

DelayedNumber::DelayedNumber() : state_(std::make_unique<State>()) {}
DelayedNumber::~DelayedNumber() = default;

void DelayedNumber::push(const at::Tensor& number) {
  state_->pushed = true;
  if (number.device().is_cpu()) {
    state_->host = number;
    return;
  }
  if (!state_->host.defined()) {
    state_->host = at::empty({}, at::TensorOptions().dtype(at::kFloat).pinned_memory(true));
    state_->copied.emplace(number.device().type());
  }
  state_->host.copy_(number, /*non_blocking=*/true);
  const c10::impl::VirtualGuardImpl guard(number.device().type());
  state_->copied->record(guard.getStream(number.device()));
}

std::optional<float> DelayedNumber::take() {
  if (!std::exchange(state_->pushed, false)) return std::nullopt;
  if (state_->copied) state_->copied->synchronize();
  return *state_->host.const_data_ptr<float>();
}

}  // namespace canine
