#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/dist/job_monitor.hpp"
#include "canine/dist/job_store.hpp"
#include "canine/launch/launch_context.hpp"

namespace c10d {
class ProcessGroup;
class Work;
}  // namespace c10d

namespace canine {

enum class Reduction { kSum, kMax, kMin };

/// A collective that runs while this process does something else. wait() before the tensor is used or the next read.
class PendingCollective {
 public:
  PendingCollective() = default;
  /// Waits for the end; throws PeerError. Does nothing if there is nothing to wait for.
  void wait();
  bool pending() const { return static_cast<bool>(wait_); }

 private:
  friend class ProcessGroup;
  std::function<void()> wait_;  // under the group's deadline and the name of the collective
};

/// The processes of one job and their collectives: Gloo for CPU tensors, NCCL (or Gloo) for CUDA tensors.
///
/// With one process there is no network and every collective returns at once. All ranks call the same collectives in
/// the same order. Every call that waits has a name (`what`: "the gradients of step 12") and a deadline; when it
/// passes, or when a peer is lost, PeerError says what was awaited and which ranks are missing, late or failed.
class ProcessGroup {
 public:
  struct Options {
    std::string backend = "auto";                            ///< "auto", "nccl", "gloo": for tensors on `device`
    c10::Device device = c10::Device(c10::DeviceType::CPU);  ///< of this process
    std::chrono::milliseconds timeout_init{300'000};         ///< for all ranks to join
    std::chrono::milliseconds timeout_step{120'000};         ///< for any later collective
    bool share_devices = false;                              ///< several ranks of a host may use one GPU
  };

  /// The group of one process.
  static std::shared_ptr<ProcessGroup> single(c10::Device device = c10::Device(c10::DeviceType::CPU));

  /// Joins the group; returns when all ranks have. `store` may be null with one process. `monitor` watches the waits
  /// and names the ranks that are missing; without it (ranks of other programs) there are only the backend's own
  /// timeouts.
  static std::shared_ptr<ProcessGroup> connect(const LaunchContext& launch, std::shared_ptr<JobStore> store,
                                               const Options& options, std::shared_ptr<JobMonitor> monitor = nullptr);

  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  int rank() const { return launch_.rank; }
  int world() const { return launch_.world; }
  bool is_main() const { return rank() == 0; }
  const LaunchContext& launch() const { return launch_; }
  c10::Device device() const { return options_.device; }
  /// "gloo", "nccl", or "none" with one process.
  const std::string& backend() const { return backend_; }

  /// In place, on CPU or CUDA tensors of the same shape and type on all ranks.
  void all_reduce(at::Tensor& tensor, Reduction reduction, const std::string& what);
  PendingCollective start_all_reduce(at::Tensor& tensor, Reduction reduction, const std::string& what);

  /// From `root` to all, in place.
  void broadcast(at::Tensor& tensor, int root, const std::string& what);

  /// `text` of rank `root` on all ranks.
  std::string broadcast_text(const std::string& text, int root, const std::string& what);

  /// The texts of all ranks, by rank, on all ranks. For small texts.
  std::vector<std::string> all_gather_text(const std::string& text, const std::string& what);

  void barrier(const std::string& what);

  /// Deadline of later collectives in place of timeout_step: longer for a first step, which includes warming up. All
  /// ranks set it alike.
  void set_step_timeout(std::chrono::milliseconds timeout);
  std::chrono::milliseconds step_timeout() const { return step_timeout_; }

  /// Whether the deadline of later collectives counts from the last progress of the ranks that are missing
  /// (JobMonitor::Counts::kStandstill); without a monitor they may take as long as joining the job. All ranks set it
  /// alike; see Patience.
  void set_patient(bool patient);

  /// What this rank does between collectives ("step 12: loading data"), for the messages of ranks that wait for it.
  void enter(const std::string& activity);
  /// Tells the other ranks that this one ends with a fault of its own, so that they name it instead of themselves.
  void report_fault(const std::string& message);

  /// For collectives that c10d runs by itself, such as those of gradients during backward. Marks a wait for the other
  /// ranks until the returned object goes (null without a monitor); all ranks name it alike.
  [[nodiscard]] std::unique_ptr<JobMonitor::Wait> mark_wait(const std::string& what);
  /// What to throw when `what` failed with `error`: names the ranks that are missing, late or failed, as far as known.
  PeerError lost(const std::string& what, const std::exception& error);

  /// Orderly end: all ranks have come here; releases the backends and the store (rank 0, which may serve it, last).
  /// Collectives after it throw. Destruction without it never waits for peers.
  void shut_down();

  /// For c10d code (the gradient synchronizer); null with one process.
  const c10::intrusive_ptr<c10d::ProcessGroup>& c10d() const { return group_; }
  const std::shared_ptr<JobStore>& store() const { return store_; }
  const Options& options() const { return options_; }

 private:
  ProcessGroup(const LaunchContext& launch, std::shared_ptr<JobStore> store, const Options& options);

  void join();
  /// How long a collective may wait for peers.
  struct Limit {
    std::chrono::milliseconds time;
    JobMonitor::Counts counts;
  };
  Limit limit() const;
  std::chrono::milliseconds backend_timeout() const;
  /// Runs `body`, which waits for peers, under the limit and the name `what`.
  void guarded(const std::string& what, const Limit& limit, const std::function<void()>& body);
  /// Starts a collective of tensors. Null with one process.
  c10::intrusive_ptr<c10d::Work> start(const std::string& what,
                                       const std::function<c10::intrusive_ptr<c10d::Work>()>& body);
  void run(const std::string& what, const std::function<c10::intrusive_ptr<c10d::Work>()>& body);

  LaunchContext launch_;
  Options options_;
  std::string backend_ = "none";
  std::chrono::milliseconds step_timeout_;
  bool patient_ = false;
  bool shut_down_ = false;
  // In the order of construction: the group goes before the store.
  std::shared_ptr<JobStore> store_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  std::shared_ptr<JobMonitor> monitor_;  // null = nobody watches
};

/// While it lives, collectives wait for ranks that are slower as long as these get on: each may take the deadline for
/// what it last told by enter(), however long all of it takes. For work that ranks do side by side without meeting.
class Patience {
 public:
  explicit Patience(ProcessGroup& group) : group_(group) { group_.set_patient(true); }
  ~Patience() { group_.set_patient(false); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  ProcessGroup& group_;
};

}  // namespace canine
