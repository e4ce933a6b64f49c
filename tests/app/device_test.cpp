#include "canine/app/device.hpp"

#include <ATen/Parallel.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "app/captured.hpp"

namespace canine {
namespace {

const c10::Device kCpu(c10::DeviceType::CPU);
const c10::Device kGpu(c10::DeviceType::CUDA, 0);

TEST_CASE("the CPU is always there, and automatic on a machine without GPU") {
  CHECK(resolve_device("cpu") == kCpu);
  if (std::filesystem::exists("/dev/nvidiactl")) SKIP("there is an NVIDIA driver");
  CHECK(resolve_device("auto") == kCpu);
}

TEST_CASE("a GPU is found where there is one") {
  if (!std::filesystem::exists("/dev/nvidiactl")) SKIP("no NVIDIA driver on this machine");
  CHECK(resolve_device("auto") == kGpu);
  CHECK(resolve_device("0") == kGpu);
  CHECK(resolve_device("cuda:0") == kGpu);
  CHECK(usage_error([] { resolve_device("cuda:99"); }).starts_with("--devices cuda:99: there "));
}

TEST_CASE("devices that cannot be are usage errors") {
  for (const char* text : {"gpu", "cuda:", "cuda:x", "-1", "1.0", "cuda:-1", "cuda:1000", ""}) {
    CAPTURE(text);
    CHECK(usage_error([&] { resolve_device(text); }) ==
          std::string("--devices ") + text + ": expected auto, cpu, a GPU's number such as 0, or cuda:0");
  }
  CHECK(usage_error([] { resolve_device("0,1"); }).starts_with("--devices 0,1: a process works on one device"));
  if (std::filesystem::exists("/dev/nvidiactl")) SKIP("there is an NVIDIA driver");
  CHECK(usage_error([] { resolve_device("cuda:0"); }) ==
        "--devices cuda:0: no NVIDIA driver was found on this machine; --devices cpu trains on the processor");
}

TEST_CASE("precision and --use-amp") {
  const auto resolve = [](Precision precision, bool given, bool use_amp, c10::Device device) {
    std::optional<Precision> resolved;
    captured(2, [&] { resolved = resolve_precision(precision, given, use_amp, device); });
    return *resolved;
  };
  CHECK(resolve(Precision::kFp32, false, false, kCpu) == Precision::kFp32);
  CHECK(resolve(Precision::kBf16, true, false, kCpu) == Precision::kBf16);
  CHECK(resolve(Precision::kFp32, false, true, kCpu) == Precision::kFp32);
  CHECK(resolve(Precision::kFp32, false, true, kGpu) == Precision::kFp16);
  CHECK(resolve(Precision::kFp16, true, true, kGpu) == Precision::kFp16);
  CHECK(resolve(Precision::kTf32, true, false, kGpu) == Precision::kTf32);
  CHECK(captured(2, [] { resolve_precision(Precision::kFp32, false, true, kCpu); }) ==
        "warning: --use-amp needs a GPU; this run computes in float32\n");
  CHECK(captured(2, [] {
          resolve_precision(Precision::kTf32, true, false, kCpu);
        }).starts_with("note: --precision tf32"));
  CHECK(usage_error([] {
          resolve_precision(Precision::kFp16, true, false, kCpu);
        }).starts_with("--precision fp16 needs"));
  CHECK(
      usage_error([] { resolve_precision(Precision::kFp16, true, true, kCpu); }).starts_with("--precision fp16 needs"));
  CHECK(usage_error([] { resolve_precision(Precision::kBf16, true, true, kGpu); }).starts_with("--use-amp means"));
}

TEST_CASE("threads") {
  CHECK(set_up_threads(3) == 3);
  CHECK(at::get_num_threads() == 3);
  CHECK(set_up_threads(0) >= 1);
  CHECK(set_up_threads(1) == 1);
}

}  // namespace
}  // namespace canine
