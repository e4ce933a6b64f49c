#pragma once

// The PyTorch wheel carries Gloo inside libtorch_cpu but not its headers, and ProcessGroupGloo.hpp includes five of
// them. These declare what that header names and nothing more: objects are made and destroyed inside libtorch_cpu only.

#include <chrono>

namespace gloo {

class Context {
 public:
  // Exported by libtorch_cpu. A body here would silently replace it and switch timeouts off.
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
