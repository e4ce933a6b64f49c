#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/intrusive_ptr.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "canine/dist/process_group.hpp"

namespace c10d {
class GradBucket;
}  // namespace c10d
namespace c10::ivalue {
struct Future;
}  // namespace c10::ivalue

namespace canine {

/// What is sent instead of float32 (or float64) gradients.
enum class GradientCompression { kNone, kFp16, kBf16 };

/// Options of torch.nn.parallel.DistributedDataParallel under their names there.
struct DdpOptions {
  bool broadcast_buffers = true;         ///< rank 0's buffers to all before each synced forward of a training module
  std::optional<double> bucket_cap_mb;   ///< MiB of gradients per all-reduce; none = 25, the first one 1
  bool find_unused_parameters = false;   ///< walk the graph from the outputs for parameters without a gradient
  bool static_graph = false;             ///< the graph is the same in every step
  bool gradient_as_bucket_view = false;  ///< gradients live in the buckets: no copies; zero them in place
  GradientCompression compression = GradientCompression::kNone;

  /// Throws UsageError.
  void validate() const;
};

/// Averages gradients over the ranks of a group while backward still runs: what DistributedDataParallel of PyTorch does
/// around c10d::Reducer, for any list of parameters. With one process it does nothing.
///
/// Order of calls in a step: before_forward(), the forward pass, after_forward(outputs), backward. Without grad mode
/// the two calls do nothing. Initial parameters and buffers become rank 0's; they must agree in names, shapes, strides
/// and types (UsageError on every rank that names the first that does not). Tensors that occur twice (tied weights)
/// count once. Freeze parameters before construction: a step throws UsageError if requires_grad has changed since.
/// Buffers are followed while they are changed in place.
///
/// Exceptions of an all-reduce leave backward() as they come from c10d. Afterwards the object may only be destroyed,
/// which never waits for other ranks.
/// Source: torch/nn/parallel/distributed.py and torch/csrc/distributed/c10d/reducer.hpp of PyTorch 2.11.
class GradientSynchronizer {
 public:
  using Named = std::pair<std::string, at::Tensor>;
  /// Reduces a bucket; the future holds the reduced (and averaged) flat tensor.
  using Hook = std::function<c10::intrusive_ptr<c10::ivalue::Future>(c10d::GradBucket&)>;

  GradientSynchronizer(std::vector<Named> parameters, std::vector<Named> buffers, std::shared_ptr<ProcessGroup> group,
                       const DdpOptions& options);
  ~GradientSynchronizer();
  GradientSynchronizer(const GradientSynchronizer&) = delete;
  GradientSynchronizer& operator=(const GradientSynchronizer&) = delete;

  /// `training`: whether the module changes its buffers, so that they are broadcast (see broadcast_buffers).
  /// Throws UsageError naming the parameters that got no gradient in the last backward pass.
  void before_forward(bool training);

  /// `outputs`: tensors of the forward pass, or the loss; only find_unused_parameters looks at them. With it, the
  /// outputs are tied together in the graph, so that those which the loss leaves out count as used without a gradient.
  void after_forward(const std::vector<at::Tensor>& outputs);

  /// Off: gradients accumulate on this rank only, until the next forward with it on, and nothing is communicated. All
  /// ranks switch alike.
  void set_syncing(bool syncing);
  bool syncing() const;

  /// Sets gradients to zero where they are; undefined ones stay so. For gradient_as_bucket_view: zero_grad(false) of
  /// LibTorch's modules and optimizers throws on gradients that are views.
  void zero_grad();

  /// Lays the buckets out before the first step, by the order in which `pass` makes the gradients.
  ///
  /// c10d lays them out anew after the first step, and with three or more ranks the layout decides how sums are
  /// rounded. A run that is resumed equals the uninterrupted one bit by bit only if both have the final layout in all
  /// their steps, so both rehearse. `pass` runs before_forward, forward, after_forward and backward on any small batch
  /// that uses the graph of training (twice with static_graph, not at all where it would change nothing). Its gradients
  /// are dropped and the buffers put back; random generators are the caller's to put back.
  void rehearse(const std::function<void()>& pass);

  /// Replaces the all-reduce of a bucket and its division by the number of ranks. Once, before the first backward, and
  /// not together with compression. With one process it is never called.
  void set_hook(Hook hook);

  /// All-reduces of buckets started so far by this rank.
  int64_t num_reductions() const;

  /// Throws PeerError on all ranks naming the first parameter (frozen ones included) that is not bit-equal on all of
  /// them. `what` says when: "after step 12". A collective; reads all parameters.
  void check_in_sync(const std::string& what);

  const std::shared_ptr<ProcessGroup>& group() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// While it lives, gradients are not synchronized.
class NoSync {
 public:
  explicit NoSync(GradientSynchronizer& synchronizer) : synchronizer_(synchronizer), former_(synchronizer.syncing()) {
    synchronizer_.set_syncing(false);
  }
  ~NoSync() { synchronizer_.set_syncing(former_); }
  NoSync(const NoSync&) = delete;
  NoSync& operator=(const NoSync&) = delete;

 private:
  GradientSynchronizer& synchronizer_;
  bool former_;
};

}  // namespace canine
