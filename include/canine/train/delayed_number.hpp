#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>

namespace canine {

/// Brings a small number from the device to the host one step late, so that reading it waits for nothing that is not
/// done already. Holds at most one number.
class DelayedNumber {
 public:
  DelayedNumber();
  ~DelayedNumber();

  /// Starts the copy of `number` (float32 scalar). The former one must have been taken.
  void push(const at::Tensor& number);

  /// The pushed number, or nullopt if there is none.
  std::optional<float> take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace canine
