#pragma once

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/launch/launch_context.hpp"

namespace canine::testing {

/// The host of these tests; below, the variables that launchers set on it.
inline HostFacts facts() {
  HostFacts facts;
  facts.hostname = "alpha";
  facts.user_id = 1000;
  facts.launcher_pid = 4711;
  facts.launcher_process = "4711-99";
  facts.temporary_folder = "/tmp";
  return facts;
}

inline Environment torchrun(int rank, int world, int local_rank, int local_world) {
  return {{"RANK", std::to_string(rank)},
          {"WORLD_SIZE", std::to_string(world)},
          {"LOCAL_RANK", std::to_string(local_rank)},
          {"LOCAL_WORLD_SIZE", std::to_string(local_world)},
          {"MASTER_ADDR", "10.0.0.1"},
          {"MASTER_PORT", "29500"},
          {"TORCHELASTIC_RUN_ID", "none"},
          {"TORCHELASTIC_RESTART_COUNT", "0"},
          {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
}

inline Environment open_mpi(int rank, int world, int local_rank, int local_world) {
  return {{"OMPI_COMM_WORLD_RANK", std::to_string(rank)},
          {"OMPI_COMM_WORLD_SIZE", std::to_string(world)},
          {"OMPI_COMM_WORLD_LOCAL_RANK", std::to_string(local_rank)},
          {"OMPI_COMM_WORLD_LOCAL_SIZE", std::to_string(local_world)},
          {"PMIX_RANK", std::to_string(rank)},
          {"PMIX_NAMESPACE", "1234"}};
}

inline Environment hydra(int rank, int world, int local_rank, int local_world) {
  return {{"PMI_RANK", std::to_string(rank)},
          {"PMI_SIZE", std::to_string(world)},
          {"MPI_LOCALRANKID", std::to_string(local_rank)},
          {"MPI_LOCALNRANKS", std::to_string(local_world)}};
}

/// Task 3 of 5 on the second of node01 (2 tasks) and node02 (3 tasks).
inline Environment slurm_step() {
  return {{"SLURM_JOB_ID", "100"},
          {"SLURM_NTASKS", "5"},
          {"SLURM_JOB_NODELIST", "node[01-04]"},
          {"SLURM_STEP_ID", "0"},
          {"SLURM_PROCID", "3"},
          {"SLURM_LOCALID", "1"},
          {"SLURM_NODEID", "1"},
          {"SLURM_STEP_NUM_TASKS", "5"},
          {"SLURM_STEP_TASKS_PER_NODE", "2,3"},
          {"SLURM_STEP_NODELIST", "node[01-02]"}};
}

inline Environment with(Environment environment, const Environment& more) {
  for (const auto& [name, value] : more) environment[name] = value;
  return environment;
}

inline Environment without(Environment environment, const std::vector<std::string>& names) {
  for (const std::string& name : names) environment.erase(name);
  return environment;
}

inline LaunchContext resolve(const Environment& environment, const LaunchFlags& flags = {}) {
  return resolve_launch(environment, flags, facts());
}

inline void check_place(const LaunchContext& context, Launcher launcher, int rank, int world, int local_rank,
                        int local_world) {
  CHECK(context.launcher == launcher);
  CHECK(context.rank == rank);
  CHECK(context.world == world);
  CHECK(context.local_rank == local_rank);
  CHECK(context.local_world == local_world);
}

inline std::string refusal(const Environment& environment, const LaunchFlags& flags = {},
                           const HostFacts& host = facts()) {
  try {
    resolve_launch(environment, flags, host);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

}  // namespace canine::testing
