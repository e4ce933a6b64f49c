#pragma once

#include "canine/launch/launch_context.hpp"
#include "variables.hpp"

namespace canine {

/// Rank, world, local rank and local world of the nearest source of variables, checked; nothing about the rendezvous.
/// A flag fills in what variables leave open. Throws UsageError.
LaunchContext find_place(const Variables& variables, const LaunchFlags& flags, const HostFacts& facts);

/// True for names and addresses of this host: localhost, 127.x.x.x, ::1, its own name.
bool is_this_host(const std::string& address, const HostFacts& facts);

/// Where rank 0 of a Slurm step serves without MASTER_ADDR and MASTER_PORT: the first host of the step (loopback when
/// it is the only one), and a port made of job and step id, so that all tasks know it without talking and jobs that
/// share a host differ. It lies in 16384 ... 32767: no privilege needed, and below the ports that Linux gives to
/// outgoing connections (32768 and up), so that it is rarely taken.
struct SlurmMaster {
  std::string address;
  int port = 0;
};
SlurmMaster slurm_master(const Variables& variables);

}  // namespace canine
