#include "canine/dist/process_group.hpp"

#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/dist/cuda_library.hpp"
#include "gloo_devices.hpp"
#include "nccl_backend.hpp"
#include "plain_message.hpp"

namespace canine {
namespace {

using Backends = c10d::ProcessGroup::BackendType;
using WorkPointer = c10::intrusive_ptr<c10d::Work>;
using std::chrono::milliseconds;

constexpr milliseconds kUnlimited = std::chrono::hours(24 * 365);
constexpr milliseconds kBackstop{10'000};  // of the backend behind the monitor, which knows more to say
constexpr milliseconds kLeaving{10'000};   // for the other ranks to say goodbye to the store

double seconds(milliseconds time) { return static_cast<double>(time.count()) / 1000; }

c10d::ReduceOp c10d_op(Reduction reduction) {
  switch (reduction) {
    case Reduction::kMax:
      return c10d::ReduceOp::MAX;
    case Reduction::kMin:
      return c10d::ReduceOp::MIN;
    case Reduction::kSum:
      break;
  }
  return c10d::ReduceOp::SUM;
}

std::string resolve_backend(const std::string& asked, c10::Device device) {
  if (asked != "auto" && asked != "gloo" && asked != "nccl") {
    throw UsageError("--backend {}: expected auto, nccl or gloo", asked);
  }
  if (asked == "nccl" && !device.is_cuda()) {
    throw UsageError("--backend nccl: NCCL works on GPUs, and this process computes on {}; use auto or gloo",
                     device.str());
  }
  return asked == "auto" ? (device.is_cuda() ? "nccl" : "gloo") : asked;
}

/// The sockets that Gloo listens on; Gloo itself would take whatever the host's name resolves to.
c10::intrusive_ptr<c10d::Backend> connect_gloo(const c10::intrusive_ptr<c10d::Store>& store,
                                               const LaunchContext& launch, const std::string& address,
                                               milliseconds timeout) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  const auto interfaces = chosen_interfaces(std::getenv("GLOO_SOCKET_IFNAME"));
  for (const auto& name : interfaces) {
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(name));
  }
  if (interfaces.empty()) options->devices = {c10d::ProcessGroupGloo::createDeviceForHostname(address)};
  options->threads = 2 * static_cast<int>(options->devices.size());
  try {
    return c10::make_intrusive<c10d::ProcessGroupGloo>(store, launch.rank, launch.world, options);
  } catch (const std::exception& error) {
    throw PeerError(
        "rank {} of {}: the processes cannot be connected by Gloo within {} s (--timeout-init); this one offers {}. "
        "Does a firewall block connections between the hosts, or does GLOO_SOCKET_IFNAME name another network? ({})",
        launch.rank, launch.world, seconds(timeout), interfaces.empty() ? address : interfaces.front(),
        plain_message(error));
  }
}

/// A peer that is lost must be an error that can be told, not a signal that ends this process (Gloo writes without
/// MSG_NOSIGNAL). A handler that the program has set stays.
void ignore_broken_pipes() {
  struct sigaction action = {};
  if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

at::Tensor text_tensor(const std::string& text, int64_t size) {
  at::Tensor tensor = at::zeros({size}, at::kByte);
  std::memcpy(tensor.data_ptr(), text.data(), text.size());
  return tensor;
}

}  // namespace

void PendingCollective::wait() {
  if (const auto wait = std::exchange(wait_, nullptr)) wait();
}

ProcessGroup::ProcessGroup(const LaunchContext& launch, std::shared_ptr<JobStore> store, const Options& options)
    : launch_(launch), options_(options), step_timeout_(options.timeout_step), store_(std::move(store)) {}

ProcessGroup::~ProcessGroup() {
  if (!group_ || backend_ != "nccl") return;
  try {
    group_->abort();  // without shut_down() something has failed: NCCL would wait for its peers
  } catch (const std::exception&) {
    // The process ends with the error that led here.
  }
}

std::shared_ptr<ProcessGroup> ProcessGroup::single(c10::Device device) {
  Options options;
  options.device = device;
  return std::shared_ptr<ProcessGroup>(new ProcessGroup({}, nullptr, options));
}

std::shared_ptr<ProcessGroup> ProcessGroup::connect(const LaunchContext& launch, std::shared_ptr<JobStore> store,
                                                    const Options& options, std::shared_ptr<JobMonitor> monitor) {
  const std::string backend = resolve_backend(options.backend, options.device);
  std::shared_ptr<ProcessGroup> result(new ProcessGroup(launch, std::move(store), options));
  if (launch.world == 1) return result;
  result->backend_ = backend;
  result->monitor_ = std::move(monitor);
  result->join();
  return result;
}

void ProcessGroup::join() {
  const milliseconds timeout = options_.timeout_init;
  ignore_broken_pipes();
  std::string address;
  if (store_->peers() == Peers::kForeign) {
    address = address_for_unknown_peers(launch_);
  } else {
    const RankPlace own = own_place(launch_, options_.device.is_cuda() ? gpu_uuid(options_.device) : "");
    const auto places = exchange_places(*store_, launch_, own, timeout);
    if (!options_.share_devices) refuse_shared_gpus(places);
    address = address_for_peers(launch_.rank, places);
  }
  // Python's path of keys: default_pg/0//cpu//...
  const auto group_store = c10::make_intrusive<c10d::PrefixStore>(
      "0/", c10::make_intrusive<c10d::PrefixStore>("default_pg", store_->root()));
  const auto store_for = [&](const char* device) {
    return c10::make_intrusive<c10d::PrefixStore>(device, group_store);
  };
  auto group = c10::make_intrusive<c10d::ProcessGroup>(group_store, launch_.rank, launch_.world);
  if (options_.device.is_cuda()) group->setBoundDeviceId(options_.device);
  const auto gloo = connect_gloo(store_for("cpu/"), launch_, address, timeout);
  group->setBackend(c10::DeviceType::CPU, Backends::GLOO, gloo);
  if (backend_ == "nccl") {
    const auto nccl = open_nccl({store_for("cuda/"), launch_.rank, launch_.world, options_.device, backend_timeout()});
    group->setBackend(c10::DeviceType::CUDA, Backends::NCCL, nccl);
    nccl->setSequenceNumberForGroup();
  } else if (options_.device.is_cuda()) {
    group->setBackend(c10::DeviceType::CUDA, Backends::GLOO, gloo);
  }
  group->setDefaultBackend(backend_ == "nccl" ? Backends::NCCL : Backends::GLOO);
  group->setGroupName("0");
  gloo->setSequenceNumberForGroup();  // a Python rank waits for it
  group->setTimeout(backend_timeout());
  group_ = std::move(group);
}

ProcessGroup::Limit ProcessGroup::limit() const {
  return {step_timeout_, patient_ ? JobMonitor::Counts::kStandstill : JobMonitor::Counts::kWait};
}

milliseconds ProcessGroup::backend_timeout() const {
  if (!patient_) return step_timeout_ + (monitor_ ? kBackstop : milliseconds(0));
  // What others have entered is known to the monitor alone.
  return monitor_ ? kUnlimited : std::max(step_timeout_, options_.timeout_init);
}

void ProcessGroup::guarded(const std::string& what, const Limit& limit, const std::function<void()>& body) {
  std::optional<JobMonitor::Wait> mark;
  if (monitor_) mark.emplace(*monitor_, what, limit.time, "--timeout-step", limit.counts);
  try {
    body();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw lost(what, error);
  }
}

std::unique_ptr<JobMonitor::Wait> ProcessGroup::mark_wait(const std::string& what) {
  return monitor_ ? std::make_unique<JobMonitor::Wait>(*monitor_, what, step_timeout_) : nullptr;
}

PeerError ProcessGroup::lost(const std::string& what, const std::exception& error) {
  const std::string reason = plain_message(error);
  const std::string known = monitor_ ? monitor_->explain_failure() : "";
  const bool late = reason.find("imed out") != std::string::npos || reason.find("imeout") != std::string::npos;
  return PeerError("rank {} of {}: {} failed: {}{}{}", rank(), world(), what,
                   late ? fmt::format("not all ranks came to it within {} s (--timeout-step)", seconds(step_timeout_))
                        : fmt::format("a peer is lost ({})", reason),
                   known.empty() ? "" : "; ", known);
}

WorkPointer ProcessGroup::start(const std::string& what, const std::function<WorkPointer()>& body) {
  if (shut_down_) throw InternalError("{}: a collective after the group was shut down", what);
  WorkPointer work;
  if (group_) guarded(what, limit(), [&] { work = body(); });
  return work;
}

void ProcessGroup::run(const std::string& what, const std::function<WorkPointer()>& body) {
  const WorkPointer work = start(what, body);
  if (work) guarded(what, limit(), [&] { work->wait(); });
}

void ProcessGroup::all_reduce(at::Tensor& tensor, Reduction reduction, const std::string& what) {
  start_all_reduce(tensor, reduction, what).wait();
}

PendingCollective ProcessGroup::start_all_reduce(at::Tensor& tensor, Reduction reduction, const std::string& what) {
  const WorkPointer work = start(what, [&] {
    c10d::AllreduceOptions options;
    options.reduceOp = c10d_op(reduction);
    std::vector<at::Tensor> tensors = {tensor};
    return group_->allreduce(tensors, options);
  });
  PendingCollective pending;
  if (!work) return pending;
  pending.wait_ = [this, work, what, limit = limit()] { guarded(what, limit, [&] { work->wait(); }); };
  return pending;
}

void ProcessGroup::broadcast(at::Tensor& tensor, int root, const std::string& what) {
  run(what, [&] {
    c10d::BroadcastOptions options;
    options.rootRank = root;
    std::vector<at::Tensor> tensors = {tensor};
    return group_->broadcast(tensors, options);
  });
}

std::string ProcessGroup::broadcast_text(const std::string& text, int root, const std::string& what) {
  if (world() == 1) return text;
  at::Tensor size = at::full({1}, static_cast<int64_t>(text.size()), at::kLong);
  broadcast(size, root, what);
  const int64_t count = size.item<int64_t>();
  if (count == 0) return "";
  at::Tensor bytes = rank() == root ? text_tensor(text, count) : at::empty({count}, at::kByte);
  broadcast(bytes, root, what);
  return {static_cast<const char*>(bytes.const_data_ptr()), static_cast<size_t>(count)};
}

std::vector<std::string> ProcessGroup::all_gather_text(const std::string& text, const std::string& what) {
  if (world() == 1) return {text};
  at::Tensor longest = at::full({1}, static_cast<int64_t>(text.size()), at::kLong);
  all_reduce(longest, Reduction::kMax, what);
  // A row per rank: the length, then the text, then padding.
  constexpr int64_t kLength = sizeof(int64_t);
  const int64_t width = kLength + longest.item<int64_t>();
  const auto length = static_cast<int64_t>(text.size());
  at::Tensor mine = text_tensor(std::string(kLength, '\0') + text, width);
  std::memcpy(mine.data_ptr(), &length, kLength);
  at::Tensor all = at::empty({world() * width}, at::kByte);
  run(what, [&] { return group_->_allgather_base(all, mine); });
  std::vector<std::string> texts;
  for (int64_t row = 0; row < world(); ++row) {
    const char* start = static_cast<const char*>(all.const_data_ptr()) + row * width;
    int64_t size = 0;
    std::memcpy(&size, start, kLength);
    texts.emplace_back(start + kLength, static_cast<size_t>(std::min(size, width - kLength)));
  }
  return texts;
}

void ProcessGroup::barrier(const std::string& what) {
  at::Tensor nothing = at::full({1}, 0, at::kLong);
  all_reduce(nothing, Reduction::kSum, what);
}

void ProcessGroup::set_step_timeout(milliseconds timeout) {
  step_timeout_ = timeout;
  if (group_) group_->setTimeout(backend_timeout());
}

void ProcessGroup::set_patient(bool patient) {
  patient_ = patient;
  if (group_) group_->setTimeout(backend_timeout());
}

void ProcessGroup::enter(const std::string& activity) {
  if (monitor_) monitor_->enter(activity);
}

void ProcessGroup::report_fault(const std::string& message) {
  if (monitor_) monitor_->report_fault(message);
}

void ProcessGroup::shut_down() {
  if (shut_down_ || world() == 1) return;
  if (options_.device.is_cuda()) at::detail::getCUDAHooks().deviceSynchronize(options_.device.index());
  barrier("the end of the job");
  shut_down_ = true;
  if (monitor_) monitor_->finish();
  monitor_.reset();  // its connection must go before the store
  group_->shutdown();
  group_.reset();
  store_->leave(rank(), world(), std::min(kLeaving, options_.timeout_step));
  store_.reset();
}

}  // namespace canine
