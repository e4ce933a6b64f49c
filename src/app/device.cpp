#include "canine/app/device.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/cpu/Utils.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/parallel.hpp"
#include "canine/model/host_memory.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// Folder of the libtorch_cpu.so that this process runs, "" if it was linked in whole.
fs::path torch_library_folder() {
  fs::path folder;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* result) {
        const fs::path library = info->dlpi_name;
        if (library.filename() != "libtorch_cpu.so") return 0;
        *static_cast<fs::path*>(result) = library.parent_path();
        return 1;
      },
      &folder);
  return folder;
}

bool has_nvidia_driver() {
  if (fs::exists("/dev/nvidiactl") || fs::exists("/dev/dxg")) return true;
  void* driver = ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (driver != nullptr) ::dlclose(driver);
  return driver != nullptr;
}

/// Opens LibTorch's CUDA part. Returns "" or the reason why there is no CUDA.
std::string load_cuda() {
  if (!has_nvidia_driver()) return "no NVIDIA driver was found on this machine";
  const fs::path library = torch_library_folder() / "libtorch_cuda.so";
  if (!fs::exists(library))
    return fmt::format("this LibTorch was built without CUDA ({} is missing)", library.string());
  if (::dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return fmt::format("LibTorch's CUDA part cannot be opened: {}", ::dlerror());
  }
  if (at::detail::getCUDAHooks().getNumGPUs() == 0)
    return "LibTorch finds no GPU (see nvidia-smi, CUDA_VISIBLE_DEVICES)";
  return "";
}

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

c10::Device cuda_device(const std::string& text, std::string_view number) {
  int index = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
  if (error != std::errc() || end != number.data() + number.size() || index < 0 || index > 127) {
    throw UsageError("--devices {}: expected auto, cpu, a GPU's number such as 0, or cuda:0", text);
  }
  if (const std::string reason = load_cuda(); !reason.empty()) {
    throw UsageError("--devices {}: {}; --devices cpu trains on the processor", text, reason);
  }
  const int count = at::detail::getCUDAHooks().getNumGPUs();
  if (index >= count) {
    throw UsageError("--devices {}: there {} only (0 to {})", text,
                     count == 1 ? "is 1 GPU" : fmt::format("are {} GPUs", count), count - 1);
  }
  return c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace

c10::Device resolve_device(const std::string& text) {
  const c10::Device cpu(c10::DeviceType::CPU);
  if (text == "cpu") return cpu;
  if (text == "auto") return load_cuda().empty() ? c10::Device(c10::DeviceType::CUDA, 0) : cpu;
  if (text.find(',') != std::string::npos) {
    throw UsageError("--devices {}: a process works on one device; give one of them", text);
  }
  if (text == "cuda") return cuda_device(text, "0");
  return cuda_device(text, text.starts_with("cuda:") ? std::string_view(text).substr(5) : std::string_view(text));
}

std::string describe(c10::Device device) { return device.str(); }

int set_up_threads(int num_threads) {
  const int threads = num_threads > 0 ? num_threads : available_processors();
  at::set_num_threads(threads);
  return threads;
}

Precision resolve_precision(Precision precision, bool precision_given, bool use_amp, c10::Device device) {
  const bool on_cpu = device.is_cpu();
  if (use_amp && precision_given && precision != Precision::kFp16) {
    throw UsageError("--use-amp means --precision fp16: give only one of the two");
  }
  if (use_amp && on_cpu && !precision_given) {
    log_warning("--use-amp needs a GPU; this run computes in float32");
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
}

}  // namespace canine
