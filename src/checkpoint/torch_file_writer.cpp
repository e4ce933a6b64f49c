#include "torch_file_writer.hpp"

#include <ATen/ops/empty.h>
#include <c10/util/hash.h>
#include <fmt/format.h>

#include <unordered_set>

#include "canine/checkpoint/torch_file.hpp"
#include "hashed_file.hpp"
#include "pickle_writer.hpp"
#include "zip_writer.hpp"

namespace canine {
namespace {

/// The storage itself, or its copy on the host.
c10::Storage host_storage(const c10::Storage& storage) {
  if (storage.device_type() == c10::DeviceType::CPU) return storage;
  const auto bytes = at::empty({0}, at::TensorOptions().dtype(at::kByte).device(storage.device()));
  return bytes.set_(storage, 0, {static_cast<int64_t>(storage.nbytes())}, {1}).cpu().storage();
}

/// 40 digits that depend on the names and contents of the records only, made as PyTorch makes them (its hash of the
/// names follows the order of a std::unordered_set, which is the same wherever libstdc++ is used).
std::string serialization_id(const std::vector<ZipWriter::Entry>& entries) {
  std::unordered_set<std::string> names;
  uint64_t content = 0;
  for (const auto& entry : entries) {
    names.insert(entry.name);
    if (entry.size > 0) content = c10::hash_combine(content, entry.crc);
  }
  uint64_t names_hash = 0;
  for (const std::string& name : names) names_hash = c10::hash_combine(names_hash, c10::hash<std::string>{}(name));
  return fmt::format("{:020}{:020}", names_hash, content);
}

/// What torch.save would name the folder: the file's stem, or "archive" where that is not plain ASCII.
std::string default_top_folder(const std::filesystem::path& path) {
  std::string stem = path.stem().string();
  for (const char byte : stem) {
    if (static_cast<unsigned char>(byte) >= 0x80) return "archive";
  }
  return stem.empty() ? "archive" : stem;
}

}  // namespace

uint64_t torch_file_bytes(const PickleValue& value) {
  constexpr uint64_t kHeadersPerRecord = 512;  // local header, filling, descriptor, directory
  const PickledValue pickled = write_pickle(value);
  uint64_t bytes = pickled.pickle.size() + 8 * kHeadersPerRecord;
  for (const c10::Storage& storage : pickled.storages) bytes += storage.nbytes() + kHeadersPerRecord;
  return bytes;
}

WrittenFile write_torch_file(const std::filesystem::path& path, const PickleValue& value,
                             const std::string& top_folder) {
  const PickledValue pickled = write_pickle(value);
  HashedFile file(path);
  ZipWriter zip(file, top_folder.empty() ? default_top_folder(path) : top_folder);
  zip.add("data.pkl", pickled.pickle);
  zip.add(".format_version", "1");
  zip.add(".storage_alignment", "64");
  zip.add("byteorder", "little");
  for (size_t key = 0; key < pickled.storages.size(); ++key) {
    const auto storage = std::make_shared<const c10::Storage>(host_storage(pickled.storages[key]));
    zip.add(fmt::format("data/{}", key), {static_cast<const std::byte*>(storage->data()), storage->nbytes()}, storage);
  }
  zip.add("version", "3\n");
  zip.add(".data/serialization_id", serialization_id(zip.entries()));
  zip.finish();
  const uint64_t bytes = file.size();
  return {.bytes = bytes, .sha256 = file.commit()};
}

}  // namespace canine
