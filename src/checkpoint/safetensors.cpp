#include "canine/checkpoint/safetensors.hpp"

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/parallel.hpp"
#include "safetensors_header.hpp"
#include "tensor_layout.hpp"

namespace canine {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference implementation
constexpr uint64_t kPrefixBytes = 8;

/// Length of the header, the little-endian number the file starts with.
uint64_t read_header_length(const RandomAccessFile& file) {
  const std::string name = file.path().string();
  if (file.size() < kPrefixBytes) {
    throw CheckpointError("{}: not a safetensors file: {} bytes, at least 8 were expected", name, file.size());
  }
  std::array<std::byte, kPrefixBytes> prefix{};
  file.read(0, prefix);
  uint64_t length = 0;
  for (size_t i = 0; i < prefix.size(); ++i) length |= std::to_integer<uint64_t>(prefix[i]) << (8 * i);
  if (length > kMaxHeaderBytes || length > file.size() - kPrefixBytes) {
    std::byte opening{};
    if (file.size() > kPrefixBytes) file.read(kPrefixBytes, std::span(&opening, 1));
    if (opening != std::byte{'{'}) {
      throw CheckpointError("{}: neither a file of torch.save nor one of safetensors; weights were expected", name);
    }
    throw CheckpointError("{}: the header would have {} bytes; the limit is {} and the file has {} (cut off?)", name,
                          length, kMaxHeaderBytes, file.size());
  }
  return length;
}

struct Header {
  SafetensorsHeader content;
  uint64_t data_begin = 0;
};

Header read_header(const RandomAccessFile& file) {
  std::string text(read_header_length(file), '\0');
  file.read(kPrefixBytes, std::as_writable_bytes(std::span(text)));
  const uint64_t data_begin = kPrefixBytes + text.size();
  return {parse_safetensors_header(text, file.size() - data_begin, file.path().string()), data_begin};
}

std::string header_text(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata,
                        const std::filesystem::path& path) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::unordered_set<std::string> names{"__metadata__"};
  uint64_t position = 0;
  for (const auto& [name, tensor] : tensors) {
    if (!names.insert(name).second) throw InternalError("{}: two tensors named '{}'", path.string(), name);
    const uint64_t end = position + tensor.nbytes();
    header.push_back({name,
                      {{"dtype", safetensors_type_name(tensor.scalar_type())},
                       {"shape", tensor.sizes().vec()},
                       {"data_offsets", {position, end}}}});
    position = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception& error) {
    throw CheckpointError("{}: a tensor name or metadata is not UTF-8: {}", path.string(), error.what());
  }
  text.append((kPrefixBytes - text.size() % kPrefixBytes) % kPrefixBytes, ' ');
  return text;
}

}  // namespace

NamedTensors read_safetensors(const std::filesystem::path& path) {
  const RandomAccessFile file(path);
  const Header header = read_header(file);
  const std::vector<SafetensorsEntry>& entries = header.content.entries;
  NamedTensors tensors;
  tensors.reserve(entries.size());
  for (const SafetensorsEntry& entry : entries) {
    tensors.emplace_back(entry.name, make_cpu_tensor(entry.sizes, entry.type));
  }
  parallel_chunks(static_cast<int64_t>(entries.size()), 0, 16, [&](int64_t begin, int64_t end, int) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      file.read(header.data_begin + entries[i].begin, tensor_bytes(tensors[i].second));
    }
  });
  return tensors;
}

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
  return read_header(RandomAccessFile(path)).content.metadata;
}

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string header = header_text(tensors, metadata, path);
  std::array<std::byte, kPrefixBytes> prefix{};
  for (size_t i = 0; i < prefix.size(); ++i) prefix[i] = static_cast<std::byte>(header.size() >> (8 * i));
  AtomicFile file(path);
  file.write(prefix);
  file.write(header);
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor host = host_contiguous(tensor);
    file.write(tensor_bytes(host));
  }
  file.commit();
}

}  // namespace canine
