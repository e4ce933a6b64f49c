#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace canine::testing {

/// An int64 tensor of two dimensions out of a safetensors file of the fixtures, row by row, for rooms without torch.
inline std::vector<std::vector<int64_t>> read_int64_rows(const std::filesystem::path& path, const std::string& name) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  uint64_t header_size = 0;
  if (bytes.size() < sizeof header_size) throw std::runtime_error("cannot read " + path.string());
  std::memcpy(&header_size, bytes.data(), sizeof header_size);
  const auto header = nlohmann::json::parse(bytes.substr(sizeof header_size, header_size));
  const auto& entry = header.at(name);
  if (entry.at("dtype") != "I64") throw std::runtime_error(name + " is not int64");
  const size_t num_rows = entry.at("shape").at(0);
  const size_t num_columns = entry.at("shape").at(1);
  const char* data = bytes.data() + sizeof header_size + header_size + entry.at("data_offsets").at(0).get<size_t>();
  std::vector<std::vector<int64_t>> rows(num_rows, std::vector<int64_t>(num_columns));
  for (auto& row : rows) {
    std::memcpy(row.data(), data, num_columns * sizeof(int64_t));
    data += num_columns * sizeof(int64_t);
  }
  return rows;
}

}  // namespace canine::testing
