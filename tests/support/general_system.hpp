#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "canine/data/code_system.hpp"

namespace canine::testing {

/// Codes of any kind, one to a column, without separator inside.
inline CodeSystem::Options general_system(std::vector<std::string> columns, int64_t block_size,
                                          std::shared_ptr<const LabelKey> key) {
  CodeSystem::Options options;
  options.formatter = {.num_columns = static_cast<int64_t>(columns.size()), .block_size = block_size};
  options.target_cols = std::move(columns);
  options.key = std::move(key);
  return options;
}

}  // namespace canine::testing
