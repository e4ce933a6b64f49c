#include "canine/decode/first_blocks.hpp"

#include <string_view>

#include "canine/core/errors.hpp"

namespace canine {

std::vector<std::vector<int64_t>> first_blocks(const Formatter& formatter,
                                               std::span<const std::optional<std::string>> cells) {
  const BlockLayout layout = formatter.layout();
  std::vector<std::optional<std::string_view>> row(static_cast<size_t>(layout.num_blocks));
  std::vector<int64_t> sequence(static_cast<size_t>(layout.sequence_length()));
  std::vector<std::vector<int64_t>> blocks(cells.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i]) continue;
    row.front() = *cells[i];
    if (const auto reason = formatter.encode(row, sequence)) {
      throw DataError(
          "class {} ('{}') is no code of this formatter: {}; its key belongs to another block size or code "
          "system",
          i, *cells[i], *reason);
    }
    blocks[i].assign(sequence.begin() + 1, sequence.begin() + 1 + layout.block_size);
  }
  return blocks;
}

}  // namespace canine
