#include "canine/app/device.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "app/captured.hpp"
#include "canine/core/log.hpp"

namespace canine {
namespace {

const c10::Device kCpu(c10::DeviceType::CPU);
const c10::Device kGpu(c10::DeviceType::CUDA, 0);

using Devices = std::vector<c10::Device>;

TEST_CASE("the CPU is always there, for any number of processes, and automatic on a machine without GPU") {
  CHECK(resolve_devices("cpu") == Devices{kCpu});
  CHECK(resolve_devices("cpu:1") == Devices{kCpu});
  CHECK(resolve_devices("cpu:3") == Devices{kCpu, kCpu, kCpu});
  if (std::filesystem::exists("/dev/nvidiactl")) SKIP("there is an NVIDIA driver");
  CHECK(resolve_devices("auto") == Devices{kCpu});
}

TEST_CASE("a GPU is found where there is one") {
  if (!std::filesystem::exists("/dev/nvidiactl")) SKIP("no NVIDIA driver on this machine");
  CHECK(resolve_devices("auto").front() == kGpu);
  CHECK(resolve_devices("cuda") == resolve_devices("auto"));
  CHECK(resolve_devices("0") == Devices{kGpu});
  CHECK(resolve_devices("cuda:0") == Devices{kGpu});
  CHECK(usage_error([] { resolve_devices("cuda:99"); }).starts_with("--devices cuda:99: there "));
}

TEST_CASE("devices that cannot be are usage errors") {
  for (const char* text : {"gpu", "cuda:", "cuda:x", "-1", "1.0", "cuda:-1", "cuda:1000", "", "0,", ",0", "0,cpu",
                           "cpu:", "cpu:0", "cpu:-2", "cpu:2x", "cpu:99999"}) {
    CAPTURE(text);
    CHECK(
        usage_error([&] { resolve_devices(text); }).starts_with(std::string("--devices ") + text + ": expected auto"));
  }
  CHECK(usage_error([] { resolve_devices("0,cuda:0"); }).starts_with("--devices 0,cuda:0: GPU 0 is named twice"));
  if (std::filesystem::exists("/dev/nvidiactl")) SKIP("there is an NVIDIA driver");
  CHECK(usage_error([] { resolve_devices("cuda:0"); }) ==
        "--devices cuda:0: no NVIDIA driver was found on this machine; --devices cpu trains on the processor");
}

TEST_CASE("deterministic kernels on a GPU are asked for, and attention then has no fused ones") {
  auto& context = at::globalContext();
  const auto fused = [&] {
    return context.userEnabledFlashSDP() || context.userEnabledMemEfficientSDP() || context.userEnabledCuDNNSDP();
  };
  set_up_numerics(kGpu, Precision::kFp32, /*deterministic=*/false);
  CHECK(fused());
  CHECK_FALSE(context.deterministicAlgorithms());
  set_up_numerics(kGpu, Precision::kFp32, /*deterministic=*/true);
  CHECK_FALSE(fused());
  CHECK(context.userEnabledMathSDP());
  CHECK(context.deterministicAlgorithms());

  context.setSDPUseFlash(true);
  context.setSDPUseMemEfficient(true);
  context.setSDPUseCuDNN(true);
  context.setDeterministicAlgorithms(false, /*warn_only=*/false);
  context.setDeterministicCuDNN(false);
  ::unsetenv("CUBLAS_WORKSPACE_CONFIG");
}

TEST_CASE("precision and --use-amp") {
  constexpr Origin kChosen = Origin::kCommandLine;
  constexpr Origin kNotChosen = Origin::kDefault;
  const auto resolve = [](Precision precision, Origin origin, bool use_amp, c10::Device device) {
    std::optional<Precision> resolved;
    captured(2, [&] { resolved = resolve_precision(precision, origin, use_amp, device); });
    return *resolved;
  };
  CHECK(resolve(Precision::kFp32, kNotChosen, false, kCpu) == Precision::kFp32);
  CHECK(resolve(Precision::kBf16, kChosen, false, kCpu) == Precision::kBf16);
  CHECK(resolve(Precision::kFp32, kNotChosen, true, kCpu) == Precision::kFp32);
  CHECK(resolve(Precision::kFp32, kNotChosen, true, kGpu) == Precision::kFp16);
  CHECK(resolve(Precision::kFp16, kChosen, true, kGpu) == Precision::kFp16);
  CHECK(resolve(Precision::kTf32, kChosen, false, kGpu) == Precision::kTf32);
  CHECK(captured(2, [] { resolve_precision(Precision::kFp32, kNotChosen, true, kCpu); }) ==
        "warning: --use-amp needs a GPU; this run computes in float32\n");
  CHECK(captured(2, [] {
          resolve_precision(Precision::kTf32, kChosen, false, kCpu);
        }).starts_with("note: --precision tf32"));
  CHECK(usage_error([] {
          resolve_precision(Precision::kFp16, kChosen, false, kCpu);
        }).starts_with("--precision fp16 needs"));
  CHECK(usage_error([] {
          resolve_precision(Precision::kFp16, kChosen, true, kCpu);
        }).starts_with("--precision fp16 needs"));
  CHECK(usage_error([] { resolve_precision(Precision::kBf16, kChosen, true, kGpu); }).starts_with("--use-amp means"));
  // An args.yaml of a run with --use-amp holds fp32 beside it.
  CHECK(resolve(Precision::kFp32, Origin::kConfigFile, true, kGpu) == Precision::kFp16);
  CHECK(resolve(Precision::kFp32, Origin::kConfigFile, true, kCpu) == Precision::kFp32);
  CHECK(usage_error([] { resolve_precision(Precision::kFp32, kChosen, true, kGpu); }).starts_with("--use-amp means"));
  // accelerate's wish, which is a default of its own
  CHECK(captured(2, [] {
          CHECK(resolve_precision(Precision::kFp16, Origin::kEnvironment, false, kCpu) == Precision::kFp32);
        }).starts_with("warning: the launcher asks for fp16"));
  set_log_role("", true);  // as of another process than the first
  CHECK(captured(2, [] { resolve_precision(Precision::kFp16, Origin::kEnvironment, false, kCpu); }).empty());
  set_log_role("", false);
}

TEST_CASE("threads") {
  const LaunchContext alone;
  CHECK(set_up_threads(alone, 3).threads == 3);
  CHECK(at::get_num_threads() == 3);
  CHECK(set_up_threads(alone, 0).threads >= 1);
  CHECK(set_up_threads(alone, 1).threads == 1);
}

}  // namespace
}  // namespace canine
