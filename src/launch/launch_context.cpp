#include "canine/launch/launch_context.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace canine {

Environment process_environment() {
  Environment environment;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    // The first of two equal names is the one that getenv finds.
    if (equals != std::string::npos) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

namespace {

/// Where the ranks meet, as the end of a sentence.
std::string meeting_text(const LaunchContext& launch) {
  switch (launch.rendezvous) {
    case Rendezvous::kNone:
      return "";
    case Rendezvous::kMpi:
      return "; the ranks meet through MPI";
    case Rendezvous::kFile:
      return fmt::format("; the ranks meet through the file {}", launch.store_file.string());
    case Rendezvous::kAgent:
    case Rendezvous::kTcp:
      break;
  }
  return fmt::format("; the ranks meet at {}:{}", launch.master_addr, launch.master_port);
}

}  // namespace

const char* name_of(Launcher launcher) {
  switch (launcher) {
    case Launcher::kSingle:
      return "single";
    case Launcher::kTorchrun:
      return "torchrun";
    case Launcher::kEnv:
      return "env";
    case Launcher::kOpenMpi:
      return "openmpi";
    case Launcher::kPmi:
      return "pmi";
    case Launcher::kSlurm:
      return "slurm";
    case Launcher::kSelf:
      return "self";
  }
  return "unknown";
}

std::string LaunchContext::describe() const {
  return fmt::format("launcher={} rank={}/{} local={}/{} because {}{}", name_of(launcher), rank, world, local_rank,
                     local_world, because, meeting_text(*this));
}

}  // namespace canine
