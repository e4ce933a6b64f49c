#include "canine/dist/cuda_library.hpp"

#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <filesystem>

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

}  // namespace

std::string open_cuda() {
  if (!has_nvidia_driver()) return "no NVIDIA driver was found on this machine";
  const fs::path library = torch_library_folder() / "libtorch_cuda.so";
  if (!fs::exists(library))
    return fmt::format("this LibTorch was built without CUDA ({} is missing)", library.string());
  if (::dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return fmt::format("LibTorch's CUDA part cannot be opened: {}", ::dlerror());
  }
  if (at::detail::getCUDAHooks().getNumGPUs() == 0) {
    return "LibTorch finds no GPU (see nvidia-smi, CUDA_VISIBLE_DEVICES)";
  }
  return "";
}

int num_visible_gpus() { return open_cuda().empty() ? at::detail::getCUDAHooks().getNumGPUs() : 0; }

std::string gpu_uuid(c10::Device device) {
  // CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device); devices are those of CUDA_VISIBLE_DEVICES.
  using GetUuid = int (*)(unsigned char(*)[16], int);
  void* driver = ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);  // stays open: LibTorch uses it, too
  if (driver == nullptr || !device.is_cuda() || num_visible_gpus() == 0) return "";
  const auto get_uuid = reinterpret_cast<GetUuid>(::dlsym(driver, "cuDeviceGetUuid_v2"));
  unsigned char uuid[16];
  if (get_uuid == nullptr || get_uuid(&uuid, device.index()) != 0) return "";
  std::string text = "GPU-";
  for (const unsigned char byte : uuid) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace canine
