#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>

namespace canine {

/// Brings a 0/1 scalar from the device to the host one step late, so that reading it waits for nothing that is not
/// done already. Holds at most one flag.
class DelayedFlag {
 public:
  DelayedFlag();
  ~DelayedFlag();

  /// Starts the copy of `flag` (float32 scalar). The former one must have been taken.
  void push(const at::Tensor& flag);

  /// The pushed flag, or nullopt if there is none.
  std::optional<bool> take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace canine
