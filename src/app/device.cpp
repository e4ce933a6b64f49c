#include "canine/app/device.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/cpu/Utils.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/dist/cuda_library.hpp"
#include "canine/model/host_memory.hpp"

namespace canine {
namespace {

/// True unless this is an x86 processor that LibTorch finds to have no bfloat16 instructions.
bool has_bf16_instructions() {
  const auto capabilities = at::cpu::get_cpu_capabilities();
  if (!capabilities.contains("avx512_f")) return true;
  const auto has = [&](const char* name) {
    const auto found = capabilities.find(name);
    return found != capabilities.end() && found->second.isBool() && found->second.toBool();
  };
  return has("avx512_bf16") || has("amx_bf16");
}

constexpr int kMostProcesses = 1024;  // of one machine

UsageError not_a_device(const std::string& text) {
  return UsageError("--devices {}: expected auto, cpu, cpu:2 (two processes), GPUs such as 0 or 0,2 or cuda:0, or cuda",
                    text);
}

/// The whole of `number` as a number of 0 to `most`, or nullopt.
std::optional<int> parse_number(std::string_view number, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size() || value < 0 || value > most) return std::nullopt;
  return value;
}

std::vector<c10::Device> cpu_devices(const std::string& text) {
  const std::optional<int> count = text == "cpu" ? 1 : parse_number(std::string_view(text).substr(4), kMostProcesses);
  if (!count || *count == 0) throw not_a_device(text);
  return std::vector<c10::Device>(static_cast<size_t>(*count), c10::Device(c10::DeviceType::CPU));
}

std::vector<c10::Device> all_gpus() {
  std::vector<c10::Device> gpus;
  const int count = num_visible_gpus();
  for (int i = 0; i < count; ++i) gpus.emplace_back(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(i));
  return gpus;
}

/// GPU numbers of "0,2" or "cuda:0,cuda:2".
std::vector<int> gpu_numbers(const std::string& text) {
  std::vector<int> numbers;
  std::string_view rest = text;
  for (bool more = true; more;) {
    const size_t comma = rest.find(',');
    std::string_view one = rest.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
    if (one.starts_with("cuda:")) one.remove_prefix(5);
    const std::optional<int> number = parse_number(one, 127);
    if (!number) throw not_a_device(text);
    if (std::ranges::find(numbers, *number) != numbers.end()) {
      throw UsageError("--devices {}: GPU {} is named twice; each process needs a GPU of its own", text, *number);
    }
    numbers.push_back(*number);
  }
  return numbers;
}

/// A warning that is the same in every process comes from the one that tells the common story.
void warn_once(std::string_view text) {
  if (!log_is_quiet()) log_warning("{}", text);
}

}  // namespace

std::vector<c10::Device> resolve_devices(const std::string& text) {
  if (text == "cpu" || text.starts_with("cpu:")) return cpu_devices(text);
  if (text == "auto") return open_cuda().empty() ? all_gpus() : cpu_devices("cpu");
  const std::vector<int> numbers = text == "cuda" ? std::vector<int>() : gpu_numbers(text);
  if (const std::string reason = open_cuda(); !reason.empty()) {
    throw UsageError("--devices {}: {}; --devices cpu trains on the processor", text, reason);
  }
  const std::vector<c10::Device> gpus = all_gpus();
  if (text == "cuda") return gpus;
  std::vector<c10::Device> devices;
  for (const int number : numbers) {
    if (static_cast<size_t>(number) >= gpus.size()) {
      throw UsageError("--devices {}: there {} only (0 to {})", text,
                       gpus.size() == 1 ? "is 1 GPU" : fmt::format("are {} GPUs", gpus.size()), gpus.size() - 1);
    }
    devices.push_back(gpus[static_cast<size_t>(number)]);
  }
  return devices;
}

ThreadShare set_up_threads(const LaunchContext& launch, int num_threads) {
  ThreadShare share = share_threads(thread_share_input(launch, process_environment(), host_facts(), num_threads));
  at::set_num_threads(share.threads);
  return share;
}

Precision resolve_precision(Precision precision, Origin origin, bool use_amp, c10::Device device) {
  const bool on_cpu = device.is_cpu();
  // An args.yaml holds fp32 also where nobody has chosen it.
  const bool stored_default = origin == Origin::kConfigFile && precision == Precision::kFp32;
  const bool chosen = origin > Origin::kEnvironment && !stored_default;
  if (use_amp && chosen && precision != Precision::kFp16) {
    throw UsageError("--use-amp means --precision fp16: give only one of the two");
  }
  if (use_amp && on_cpu && !chosen) {
    warn_once("--use-amp needs a GPU; this run computes in float32");
    return Precision::kFp32;
  }
  if (precision == Precision::kFp16 && on_cpu && origin == Origin::kEnvironment) {
    warn_once("the launcher asks for fp16, which needs a GPU; this run computes in float32");
    return Precision::kFp32;
  }
  if (use_amp) precision = Precision::kFp16;
  if (precision == Precision::kFp16 && on_cpu) {
    throw UsageError("--precision fp16 needs a GPU, and this run is on the CPU: use bf16 or fp32");
  }
  if (precision == Precision::kTf32 && on_cpu) log_note("--precision tf32 has no effect on a CPU: float32 is used");
  if (precision == Precision::kBf16 && on_cpu && !has_bf16_instructions()) {
    log_note("this processor has no bfloat16 instructions; --precision bf16 may be slower than fp32 here");
  }
  return precision;
}

void set_up_numerics(c10::Device device, Precision precision, bool deterministic) {
  if (device.is_cpu()) {
    recycle_host_memory();
    return;
  }
  auto& context = at::globalContext();
  const bool tf32 = precision == Precision::kTf32;
  context.setAllowTF32CuBLAS(tf32);
  context.setAllowTF32CuDNN(tf32);
  context.setBenchmarkCuDNN(!deterministic);
  if (!deterministic) return;
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);  // read when cuBLAS starts
  context.setDeterministicCuDNN(true);
  context.setDeterministicAlgorithms(true, /*warn_only=*/true);
  // With a warning only, LibTorch goes on using the fused attention kernels, whose backward passes add in any order.
  // Without them attention is made of plain matrix products.
  context.setSDPUseFlash(false);
  context.setSDPUseMemEfficient(false);
  context.setSDPUseCuDNN(false);
}

}  // namespace canine
