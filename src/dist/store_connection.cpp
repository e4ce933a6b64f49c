#include "store_connection.hpp"

#include <fmt/format.h>

#include <c10/util/Logging.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <random>
#include <string_view>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "canine/core/errors.hpp"
#include "local_network.hpp"
#include "plain_message.hpp"

namespace canine {
namespace {

using StorePointer = c10::intrusive_ptr<c10d::Store>;
using std::chrono::milliseconds;

/// c10d reports every failed attempt on stderr with a stack trace; our errors say the same once and in words.
void set_c10d_noise(int level) {
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = level;
}

/// Runs the constructor in a thread of its own. A foreign server that accepts connections and says nothing would hold
/// it for ever; such a thread is left behind, and the process ends with the error.
StorePointer open_within(const LaunchContext& launch, const c10d::TCPStoreOptions& options) {
  auto result = std::make_shared<std::promise<StorePointer>>();
  std::future<StorePointer> future = result->get_future();
  std::thread([result, host = launch.master_addr, options] {
    try {
      result->set_value(c10::make_intrusive<c10d::TCPStore>(host, options));
    } catch (...) {
      result->set_exception(std::current_exception());
    }
  }).detach();
  if (future.wait_for(options.timeout) == std::future_status::ready) return future.get();
  if (options.isServer) throw std::runtime_error("no answer");
  throw PeerError(
      "{}: something accepts connections there but does not answer as the store of a job. Another program uses the "
      "port: choose another one",
      describe_master(launch));
}

c10d::TCPStoreOptions tcp_options(const LaunchContext& launch, milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(launch.master_port);
  options.isServer = launch.rendezvous == Rendezvous::kTcp && launch.rank == 0;
  options.waitWorkers = false;  // joining.cpp says who is missing
  options.timeout = timeout;
  if (options.isServer && launch.listen_fd >= 0) {
    const int port = listening_port(launch.listen_fd);
    if (port == 0 || (launch.master_port != 0 && launch.master_port != port)) {
      throw UsageError("{}: descriptor {}, handed over to serve on, {}", describe_master(launch), launch.listen_fd,
                       port == 0 ? "is not a listening socket" : fmt::format("listens on port {}", port));
    }
    options.masterListenFd = launch.listen_fd;
    options.port = static_cast<uint16_t>(port);
  }
  if (launch.master_addr.empty() || options.port == 0 || launch.master_port < 0 || launch.master_port > 65535) {
    throw UsageError(
        "{}: expected the host of rank 0 and a port of 1 to 65535 that is the same on all ranks; set MASTER_ADDR and "
        "MASTER_PORT",
        describe_master(launch));
  }
  return options;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

[[noreturn]] void throw_unknown(const LaunchContext& launch, const std::string& reason) {
  throw PeerError("{}: {}. Is the name right, and known on this host? (`getent hosts {}`; an address does as well)",
                  describe_master(launch), reason, launch.master_addr);
}

[[noreturn]] void throw_connection_error(const LaunchContext& launch, milliseconds timeout, bool serves,
                                         const std::string& reason) {
  if (serves && (has(reason, "EADDRINUSE") || has(reason, "ddress already in use") || has(reason, "errno: 98"))) {
    throw UsageError(
        "{}: port {} is in use on this host, so rank 0 cannot serve the job's store there (errno 98, address already "
        "in use). Another job or an earlier one still runs (`ss -ltnp` shows it), or choose another MASTER_PORT",
        describe_master(launch), launch.master_port);
  }
  if (serves && (has(reason, "EACCES") || has(reason, "ermission denied"))) {
    throw UsageError("{}: this user may not listen on port {}; choose one above 1023", describe_master(launch),
                     launch.master_port);
  }
  throw PeerError("{}: nobody answered within {} s (--timeout-init). {} ({}){}", describe_master(launch),
                  static_cast<double>(timeout.count()) / 1000,
                  serves ? "Rank 0 serves there itself: is it an address of this host?"
                         : "Is rank 0 (or the launcher's agent) started, is the address right, does a firewall block "
                           "the port?",
                  reason, serves ? "" : alone_hint(launch));
}

}  // namespace

std::string describe_master(const LaunchContext& launch) {
  const bool slurm = launch.launcher == Launcher::kSlurm;
  const char* source = launch.launcher == Launcher::kSelf ? "chosen by the parent process"
                       : slurm ? "from the node list and the job id, or MASTER_ADDR and MASTER_PORT"
                               : "from MASTER_ADDR and MASTER_PORT, or --init-method";
  return fmt::format("the job's store at {}:{} ({}; this is rank {} of {}{}{})", launch.master_addr, launch.master_port,
                     source, launch.rank, launch.world, launch.because.empty() ? "" : ", as ", launch.because);
}

std::string alone_hint(const LaunchContext& launch) {
  if (launch.launcher == Launcher::kSelf || launch.launcher == Launcher::kTorchrun) return "";
  return fmt::format(
      ". If this process was started by hand and is to be alone, add --launcher single: {} may be left in this shell "
      "by a launcher (`srun --pty`), and it was taken for one of {} because {}",
      launch.launcher == Launcher::kSlurm ? "variables of a Slurm step" : "variables", launch.world, launch.because);
}

StorePointer open_tcp_store(const LaunchContext& launch, milliseconds timeout) {
  set_c10d_noise(c10::GLOG_FATAL);
  const auto end = std::chrono::steady_clock::now() + timeout;
  c10d::TCPStoreOptions options = tcp_options(launch, timeout);
  try {
    // c10d would look for an unknown name until its timeout, also where it serves.
    if (const std::string reason = await_name(launch.master_addr, end); !reason.empty()) throw_unknown(launch, reason);
    if (!options.isServer) {
      const std::string reason = await_listener(launch.master_addr, options.port, end);
      if (!reason.empty()) throw std::runtime_error(reason);
      const auto rest = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
      options.timeout = std::max(rest, milliseconds(100));
    }
    auto store = open_within(launch, options);
    set_c10d_noise(c10::GLOG_ERROR);
    return store;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw_connection_error(launch, timeout, options.isServer, plain_message(error));
  }
}

std::optional<StoreAddress> address_of(c10d::Store& store) {
  auto* prefix = dynamic_cast<c10d::PrefixStore*>(&store);
  const StorePointer below = prefix != nullptr ? prefix->getUnderlyingNonPrefixStore() : StorePointer();
  const auto* tcp = dynamic_cast<const c10d::TCPStore*>(prefix != nullptr ? below.get() : &store);
  if (tcp == nullptr) return std::nullopt;
  return StoreAddress{tcp->getHost(), tcp->getPort()};
}

bool wait_for_key(c10d::Store& store, const std::string& key, milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  try {
    store.wait({key}, std::max(timeout, milliseconds(1)));  // 0 would be no limit at all
    return true;
  } catch (const std::exception& error) {
    if (std::chrono::steady_clock::now() + milliseconds(50) >= end) return false;
    throw StoreLost(
        "the connection to the job's store is lost: the process that serves it (rank 0, or the launcher's agent) has "
        "ended ({})",
        plain_message(error));
  }
}

std::string random_name() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

}  // namespace canine
