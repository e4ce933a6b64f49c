#include "canine/launch/self_launch.hpp"

#include <unistd.h>

#include <optional>

#include "canine/core/errors.hpp"
#include "canine/launch/listening_socket.hpp"
#include "child_job.hpp"
#include "child_process.hpp"
#include "variables.hpp"

namespace canine {
namespace {

constexpr const char* kLoopback = "127.0.0.1";

/// This process's variables with the place of one child.
Environment child_environment(const SelfLaunchOptions& options, int rank, const ListeningSocket& socket) {
  Environment environment = process_environment();
  std::erase_if(environment, [](const auto& entry) { return entry.first.starts_with("TORCHELASTIC_"); });
  const std::string world = std::to_string(options.num_processes);
  environment[kSelfLaunchVariable] = std::to_string(::getpid());
  environment["RANK"] = environment["LOCAL_RANK"] = std::to_string(rank);
  environment["WORLD_SIZE"] = environment["LOCAL_WORLD_SIZE"] = world;
  environment["MASTER_ADDR"] = kLoopback;
  environment["MASTER_PORT"] = std::to_string(socket.port());
  environment.erase(kListenFdVariable);
  if (rank == 0) environment[kListenFdVariable] = std::to_string(socket.fd());
  if (!options.variables.empty()) {
    for (const auto& [name, value] : options.variables[static_cast<size_t>(rank)]) environment[name] = value;
  }
  return environment;
}

}  // namespace

void SelfLaunchOptions::validate() const {
  if (num_processes < 1) throw UsageError("the number of processes must be at least 1, not {}", num_processes);
  if (!variables.empty() && variables.size() != static_cast<size_t>(num_processes)) {
    throw UsageError("{} sets of variables were given for {} processes", variables.size(), num_processes);
  }
}

int self_launch(const SelfLaunchOptions& options) {
  options.validate();
  const SupervisedSignals signals;
  ChildJob job(options.peer_grace, options.stop_grace);
  {
    // Closed here once the children run: with rank 0 gone, the others' connections are refused instead of waiting.
    const ListeningSocket socket(kLoopback);
    ChildPlan plan;
    plan.program = own_program();
    plan.arguments = options.arguments.empty() ? own_arguments() : options.arguments;
    plan.signal_mask = signals.former_mask();
    for (int rank = 0; rank < options.num_processes; ++rank) {
      plan.environment = child_environment(options, rank, socket);
      plan.inherited_fd = rank == 0 ? socket.fd() : -1;
      job.add(start_child(plan));
    }
  }
  return job.wait(signals);
}

}  // namespace canine
