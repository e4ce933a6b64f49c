#include "device_memory.hpp"

#include <c10/core/CachingDeviceAllocator.h>

namespace canine {

DeviceMemory peak_memory(c10::Device device) {
  if (device.is_cpu()) return {};
  auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()));
  if (allocator == nullptr || !allocator->initialized()) return {};
  const auto stats = allocator->getDeviceStats(device.has_index() ? device.index() : c10::DeviceIndex{0});
  constexpr size_t kAll = 0;  // StatType::AGGREGATE
  return {static_cast<double>(stats.allocated_bytes[kAll].peak), static_cast<double>(stats.reserved_bytes[kAll].peak)};
}

}  // namespace canine
