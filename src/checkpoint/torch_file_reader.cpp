#include "torch_file_reader.hpp"

#include <array>
#include <charconv>
#include <future>
#include <unordered_map>

#include "canine/checkpoint/bare_pickle.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/sha256.hpp"
#include "pickle_reader.hpp"
#include "tensor_layout.hpp"
#include "zip_reader.hpp"

namespace canine {
namespace {

constexpr uint64_t kMaxPickleBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxSmallRecordBytes = 64;
constexpr int kMaxVersion = 10;  // of PyTorch 2.11

class TorchFile {
 public:
  explicit TorchFile(const std::filesystem::path& path) : name_(path.string()), file_(path) {
    check_start();
    entries_ = read_zip_directory(file_);
    index_records();
  }

  PickleValue read(bool with_numbers) {
    check_version();
    const ZipEntry& entry = record("data.pkl");
    const std::string bytes = read_text(entry, kMaxPickleBytes);
    const PickleReader pickle(bytes, name_ + ": data.pkl");
    check_storages(pickle.storages());
    std::unordered_map<const ZipEntry*, std::byte*> places;
    std::vector<at::Tensor> memory;
    for (const auto& storage : pickle.storages()) {
      memory.push_back(make_cpu_tensor(std::array{storage.numel}, storage.type));
      places[&record("data/" + storage.key)] = tensor_bytes(memory.back()).data();
    }
    PickleValue value = pickle.value(memory);
    if (!with_numbers) return value;
    std::vector<ZipRead> reads;
    for (const ZipEntry& each : entries_) {
      if (&each == &entry) continue;
      const auto place = places.find(&each);
      reads.push_back({.entry = &each, .out = place == places.end() ? nullptr : place->second});
    }
    read_zip_entries(file_, reads);
    return value;
  }

 private:
  void check_start() const {
    std::array<std::byte, 4> start{};
    file_.read(0, std::span(start).first(std::min<uint64_t>(start.size(), file_.size())));
    const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
    if (is_bare_pickle(text)) {
      throw CheckpointError(
          "{}: saved in the format of PyTorch before 1.6, or by pickle alone; load it with torch.load in Python and "
          "save "
          "it again with torch.save",
          name_);
    }
    if (text != "PK\x03\x04") {
      throw CheckpointError("{}: not a file of torch.save: it does not start as a zip file ({} bytes)", name_,
                            file_.size());
    }
  }

  void index_records() {
    const std::string top =
        entries_.empty() ? "" : entries_.front().name.substr(0, entries_.front().name.find('/') + 1);
    for (const ZipEntry& entry : entries_) {
      if (top.empty() || !entry.name.starts_with(top)) {
        throw CheckpointError("{}: not a file of torch.save: '{}' does not lie in the one top folder", name_,
                              entry.name);
      }
      records_.emplace(std::string_view(entry.name).substr(top.size()), &entry);
    }
    if (records_.contains("constants.pkl")) {
      throw CheckpointError("{}: a TorchScript program; a file of torch.save with tensors was expected", name_);
    }
  }

  const ZipEntry& record(std::string_view record_name) const {
    const auto found = records_.find(record_name);
    if (found == records_.end()) {
      throw CheckpointError("{}: the record '{}' is missing (not a file of torch.save?)", name_,
                            printable(record_name));
    }
    return *found->second;
  }

  std::string read_text(const ZipEntry& entry, uint64_t limit) const {
    if (entry.size > limit) {
      throw CheckpointError("{}: '{}' has {} bytes, at most {} are accepted", name_, printable(entry.name), entry.size,
                            limit);
    }
    std::string text(entry.size, '\0');
    read_zip_entries(file_, {{.entry = &entry, .out = reinterpret_cast<std::byte*>(text.data())}});
    return text;
  }

  void check_version() const {
    const std::string text = read_text(record("version"), kMaxSmallRecordBytes);
    int version = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), version);
    if (parsed.ec != std::errc() || version < 1 || version > kMaxVersion) {
      throw CheckpointError("{}: format version 1 to {} was expected, '{}' was found (made by a newer PyTorch?)", name_,
                            kMaxVersion, printable(text));
    }
    if (!records_.contains("byteorder")) return;
    const std::string order = read_text(record("byteorder"), kMaxSmallRecordBytes);
    if (order != "little")
      throw CheckpointError("{}: byte order 'little' was expected, not '{}'", name_, printable(order));
  }

  /// Before anything is allocated: every storage has its record, and that is exactly as long as it must be.
  void check_storages(const std::vector<pickle::PickledStorage>& storages) const {
    for (const auto& storage : storages) {
      const ZipEntry& entry = record("data/" + storage.key);
      const auto bytes = checked_product(static_cast<uint64_t>(storage.numel), c10::elementSize(storage.type));
      if (!bytes || *bytes != entry.size) {
        throw CheckpointError("{}: record '{}' has {} bytes, {} elements of {} were expected", name_,
                              printable(entry.name), entry.size, storage.numel, c10::toString(storage.type));
      }
    }
  }

  std::string name_;
  RandomAccessFile file_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string_view, const ZipEntry*> records_;
};

}  // namespace

PickleValue read_torch_file(const std::filesystem::path& path) { return TorchFile(path).read(/*with_numbers=*/true); }
PickleValue read_torch_outline(const std::filesystem::path& path) {
  return TorchFile(path).read(/*with_numbers=*/false);
}

HashedValue read_hashed_torch_file(const std::filesystem::path& path) {
  auto hash = std::async(std::launch::async, [&path] { return sha256_of_file(path); });
  PickleValue value = read_torch_file(path);
  return {.value = std::move(value), .file = {.bytes = std::filesystem::file_size(path), .sha256 = hash.get()}};
}

}  // namespace canine
