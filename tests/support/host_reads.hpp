#pragma once

#include <ATen/record_function.h>

#include <atomic>
#include <string_view>

namespace canine::test {

/// Counts reads of tensor values by the host (item() and what it is made of) in this thread while it lives: each one
/// would wait for the device on a GPU.
class HostReads {
 public:
  HostReads()
      : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(&enter).scopes({at::RecordScope::FUNCTION}))) {
    count_ = 0;
  }
  ~HostReads() { at::removeCallback(handle_); }
  HostReads(const HostReads&) = delete;
  HostReads& operator=(const HostReads&) = delete;

  int count() const { return count_; }

 private:
  static std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction& function) {
    const std::string_view name = function.name();
    if (name == "aten::_local_scalar_dense" || name == "aten::equal" || name == "aten::nonzero") ++count_;
    return nullptr;
  }

  inline static std::atomic<int> count_ = 0;
  at::CallbackHandle handle_;
};

}  // namespace canine::test
