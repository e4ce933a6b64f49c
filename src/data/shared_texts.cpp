#include "canine/data/shared_texts.hpp"

#include <unordered_map>

namespace canine {

int64_t count_shared_texts(const TextRows& train, const TextRows& val) {
  std::unordered_map<std::string_view, int64_t> val_rows;
  for (int64_t row = 0; row < val.size; ++row) ++val_rows[val.text(row)];
  int64_t shared = 0;
  for (int64_t row = 0; row < train.size && !val_rows.empty(); ++row) {
    const auto found = val_rows.find(train.text(row));
    if (found == val_rows.end()) continue;
    shared += found->second;
    val_rows.erase(found);
  }
  return shared;
}

int64_t count_shared_texts(const Dataset& train, const Dataset& val) {
  const auto rows_of = [](const Dataset& data) {
    return TextRows{data.size(), [&data](int64_t row) { return data.text(row); }};
  };
  return count_shared_texts(rows_of(train), rows_of(val));
}

}  // namespace canine
