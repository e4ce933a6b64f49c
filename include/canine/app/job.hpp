#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "canine/app/option_set.hpp"
#include "canine/dist/job_digest.hpp"
#include "canine/dist/process_group.hpp"
#include "canine/launch/launch_context.hpp"

namespace canine {

/// Flags about several processes.
struct LaunchSettings {
  std::string launcher = "auto";  ///< "auto" (by variables), "single"
  bool distributed = false;
  int local_rank = -1;           ///< -1 = as the launcher says
  int world_size = 1;            ///< only compared with what the launcher says
  std::string backend = "auto";  ///< "auto", "nccl", "gloo"
  std::string init_method;       ///< "", "env://", "tcp://host:port", "file:///path"
  double timeout_init = 300;     ///< s for all processes to join
  double timeout_step = 120;     ///< s for the others' part of a step
  bool share_devices = false;    ///< several processes on one GPU are wanted
};

/// Place of this process by its environment and flags. From now on the log says who speaks: all but the first process
/// keep the common story to themselves. Throws UsageError.
LaunchContext find_place(const OptionSet& options, const LaunchSettings& settings);

/// This process among the processes of a run. With one process nothing of it touches a network.
class Job {
 public:
  /// Where the launcher has not said which processes share this host, they meet and find out, so that launch() is true;
  /// otherwise nothing happens yet. Throws UsageError or PeerError.
  Job(const LaunchContext& launch, const LaunchSettings& settings);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// Finds the store that all processes share. `device` is what this process will compute on. Throws UsageError or
  /// PeerError. Before anything below.
  void meet(c10::Device device);

  const LaunchContext& launch() const;
  bool is_main() const { return launch().rank == 0; }

  /// `body` in the first process, while the others wait for as long as that one gives signs of life. If it fails there,
  /// the others end too, naming its message.
  void in_first_process(const std::string& what, const std::function<void()>& body);
  /// The same for work with a short text as result, which all processes get.
  std::string text_of_first_process(const std::string& what, const std::function<std::string()>& body);

  /// Joins the group of all processes, which must agree on `digest`.
  std::shared_ptr<ProcessGroup> join(const JobDigest& digest);

  /// Runs the work of this process and leaves the group in order. A failure of this process is told to the others.
  int run(const std::function<int()>& work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace canine
