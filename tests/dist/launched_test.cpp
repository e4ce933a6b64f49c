#include <ATen/ops/full.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
// LibTorch's CHECK must not win.
#undef CHECK

#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "../src/dist/nccl_backend.hpp"
#include "../src/dist/plugin.hpp"
#include "canine/core/errors.hpp"
#include "canine/dist/cuda_library.hpp"
#include "canine/dist/process_group.hpp"
#include "dist/stores.hpp"
#include "test_paths.hpp"

using namespace canine;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A child process whose output can be read; the destructor waits for its end.
class Child {
 public:
  explicit Child(const std::string& command) : pipe_(::popen(command.c_str(), "r")) {}
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  std::string line() {
    char text[4096] = "";
    if (std::fgets(text, sizeof(text), pipe_) == nullptr) return "";
    std::string result = text;
    if (!result.empty() && result.back() == '\n') result.pop_back();
    return result;
  }

  std::string rest() {
    std::string all;
    for (std::string next = line(); !next.empty(); next = line()) all.append(next).append("\n");
    return all;
  }

  /// Exit code.
  int end() {
    if (pipe_ == nullptr) return -1;
    const int status = ::pclose(std::exchange(pipe_, nullptr));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  FILE* pipe_;
};

std::string peer(const std::string& arguments) {
  if (!std::filesystem::exists(CANINE_PYTHON)) SKIP("no Python with torch: " CANINE_PYTHON);
  return "OMP_NUM_THREADS=1 timeout 100 " CANINE_PYTHON " " CANINE_SOURCE "/tests/dist/peer_rank.py " + arguments;
}

double sum_with_python(const LaunchContext& launch) {
  ProcessGroup::Options options;
  options.timeout_init = options.timeout_step = 60s;
  const auto group = ProcessGroup::connect(launch, JobStore::connect(launch, 60s, Peers::kForeign), options);
  at::Tensor value = at::full({1}, 10.0F + static_cast<float>(launch.rank));
  group->all_reduce(value, Reduction::kSum, "a sum with Python");
  return value.item<double>();
}

bool has_mpirun() { return std::system("command -v mpirun > /dev/null") == 0; }

/// Skips the test if the plug-in was not built; one that was built must open.
void require_plugin(const char* name, const char* function, const char* library) {
  const Plugin plugin = open_plugin(name, function);
  if (plugin.function != nullptr) return;
  if (plugin.problem.starts_with("there is no ")) SKIP("built without " << library);
  FAIL(plugin.problem);
}

std::string mpirun(const std::string& arguments) {
  if (!has_mpirun()) SKIP("no mpirun");
  require_plugin("canine_mpi", "canine_mpi_agree", "MPI");
  return "timeout 100 mpirun --allow-run-as-root --oversubscribe " + arguments + " 2>&1";
}

}  // namespace

TEST_CASE("a Python rank joins the store of a C++ rank 0 and both add up", "[python]") {
  const testing::Port port;
  Child python(peer("client " + std::to_string(port.number())));
  CHECK(sum_with_python(port.launch(0, 2)) == 21);
  CHECK(python.line() == "21.0");
  CHECK(python.end() == 0);
}

TEST_CASE("a Python rank and a C++ rank meet in a file and both add up", "[python]") {
  const std::string file = std::filesystem::temp_directory_path() / fmt::format("canine-peers-{}", ::getpid());
  Child python(peer("file " + file));
  LaunchContext launch = testing::tcp_launch(0, 2, 0);
  launch.rendezvous = Rendezvous::kFile;
  launch.store_file = file;
  CHECK(sum_with_python(launch) == 21);
  CHECK(python.line() == "21.0");
  CHECK(python.end() == 0);
  std::filesystem::remove(file);
}

TEST_CASE("a C++ rank joins the store of a Python rank 0 and both add up", "[python]") {
  Child python(peer("server"));
  const int port = std::atoi(python.line().c_str());
  REQUIRE(port > 0);
  CHECK(sum_with_python(testing::tcp_launch(1, 2, port)) == 21);
  CHECK(python.line() == "21.0");
  CHECK(python.end() == 0);
}

TEST_CASE("mpirun starts ranks that agree on address and port by themselves", "[mpi]") {
  Child job(mpirun("-np 3 " CANINE_MPI_RANK));
  const std::string output = job.rest();
  INFO(output);
  for (int rank = 0; rank < 3; ++rank) {
    CHECK_THAT(output, ContainsSubstring("rank " + std::to_string(rank) + " of 3: sum 6"));
  }
  CHECK(job.end() == 0);
}

TEST_CASE("a world size that MPI does not know is refused", "[mpi]") {
  Child job(mpirun("-np 2 " CANINE_MPI_RANK " wrong"));
  const std::string output = job.rest();
  CHECK_THAT(output, ContainsSubstring("MPI says rank ") && ContainsSubstring("of 2, the variables say rank"));
  CHECK(job.end() == 2);
}

TEST_CASE("a program started plainly gets the group of one process", "[init_process_group]") {
  Child job("env -u RANK -u WORLD_SIZE " CANINE_MPI_RANK " 2>&1");
  CHECK(job.line() == "rank 0 of 1: sum 1");
  CHECK(job.end() == 0);
}

TEST_CASE("the NCCL plug-in opens, and says that there is no GPU where there is none", "[nccl]") {
  require_plugin("canine_nccl", "canine_nccl_open", "NCCL");
  if (num_visible_gpus() > 0) SKIP("this machine has a GPU");
  NcclRequest request;
  request.store = c10::make_intrusive<c10d::HashStore>();
  CHECK_THAT(testing::error_of([&] { open_nccl(request); }),
             ContainsSubstring("UsageError: rank 0: NCCL cannot be used: no GPU is visible"));
}

TEST_CASE("NCCL connects a group of one rank at once", "[nccl]") {
  if (num_visible_gpus() == 0) SKIP("needs a GPU: " + open_cuda());
  NcclRequest request;
  request.store = c10::make_intrusive<c10d::HashStore>();
  request.timeout = 60s;
  const auto nccl = open_nccl(request);
  CHECK(nccl->getBackendName() == "nccl");
  at::Tensor value = at::full({4}, 3.0, at::TensorOptions(request.device));
  std::vector<at::Tensor> tensors = {value};
  nccl->allreduce(tensors)->wait();
  CHECK(value.sum().item<double>() == 12);
  nccl->shutdown();
}

TEST_CASE("NCCL gives up when the first rank does not come", "[nccl]") {
  if (num_visible_gpus() == 0) SKIP("needs a GPU: " + open_cuda());
  NcclRequest request;
  request.store = c10::make_intrusive<c10d::HashStore>();
  request.store->setTimeout(1s);
  request.rank = 1;
  request.world = 2;
  request.timeout = 1s;
  CHECK_THAT(testing::error_of([&] { open_nccl(request); }),
             ContainsSubstring("PeerError: rank 1: NCCL cannot connect the 2 processes"));
}

TEST_CASE("after an abort NCCL does nothing any more", "[nccl]") {
  if (num_visible_gpus() == 0) SKIP("needs a GPU: " + open_cuda());
  NcclRequest request;
  request.store = c10::make_intrusive<c10d::HashStore>();
  request.timeout = 60s;
  const auto nccl = open_nccl(request);
  nccl->abort();
  std::vector<at::Tensor> tensors = {at::full({4}, 3.0, at::TensorOptions(request.device))};
  CHECK_THROWS(nccl->allreduce(tensors)->wait());
}

TEST_CASE("two ranks add up CUDA tensors with Gloo on one GPU, if they ask for it", "[nccl]") {
  if (num_visible_gpus() == 0) SKIP("needs a GPU: " + open_cuda());
  const testing::Port port;
  for (const bool share : {true, false}) {
    const auto errors = testing::in_ranks(2, [&](int rank) {
      const auto launch = port.launch(rank, 2);
      ProcessGroup::Options options;
      options.backend = "gloo";
      options.device = c10::Device(c10::DeviceType::CUDA, 0);
      options.share_devices = share;
      const auto group = ProcessGroup::connect(launch, JobStore::connect(launch, 20s), options);
      at::Tensor value = at::full({4}, rank + 1.0, at::TensorOptions(options.device));
      group->all_reduce(value, Reduction::kSum, "a value on the GPU");
      if (value.sum().item<double>() != 12) throw std::runtime_error("a wrong sum");
      group->shut_down();
    });
    for (const auto& error : errors) {
      if (share) CHECK(error.empty());
      if (!share) CHECK_THAT(error, ContainsSubstring("UsageError: ranks 0 and 1 would share one GPU"));
    }
  }
}
