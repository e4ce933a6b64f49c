#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "canine/data/dataset.hpp"

namespace canine {

/// Descriptions by number, 0 ... size - 1.
struct TextRows {
  int64_t size = 0;
  std::function<std::string_view(int64_t)> text;
};

/// Validation rows whose description is also one of the training rows.
int64_t count_shared_texts(const TextRows& train, const TextRows& val);
int64_t count_shared_texts(const Dataset& train, const Dataset& val);

}  // namespace canine
