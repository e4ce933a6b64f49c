#pragma once

#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "canine/dist/gradient_synchronizer.hpp"

namespace canine {

/// c10d's reducer, which also tells how many all-reduces it has started.
class Reducer final : public c10d::Reducer {
 public:
  using c10d::Reducer::Reducer;
  /// In the backward pass that was prepared last; a delayed reduction (static graph) does not count.
  size_t num_started() const { return next_bucket_; }
  size_t num_buckets() const { return buckets_.size(); }
};

/// The destructor of a reducer may throw, which must not end the process.
struct ReducerDeleter {
  void operator()(Reducer* reducer) const noexcept;
};
using ReducerPtr = std::unique_ptr<Reducer, ReducerDeleter>;

/// Made as Python's DistributedDataParallel makes it.
ReducerPtr make_reducer(std::vector<at::Tensor> parameters, const std::vector<std::string>& names,
                        const c10::intrusive_ptr<c10d::ProcessGroup>& group, const DdpOptions& options);

/// Numbers of the parameters that got no gradient, out of what c10d says about such a backward pass:
/// "... which did not receive grad for rank 0: 2 5". Empty for any other message.
std::vector<size_t> parameters_without_gradient(const std::string& message);

}  // namespace canine
