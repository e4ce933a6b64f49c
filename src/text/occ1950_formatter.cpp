#include "canine/text/occ1950_formatter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "label_blocks.hpp"

namespace canine {
namespace {

constexpr int64_t kZero = LabelIndex::kFirstSymbol;
constexpr size_t kBlockSize = 3;

}  // namespace

int64_t Occ1950Formatter::class_of_cell(std::string_view cell) {
  if (cell.ends_with(".0")) cell.remove_suffix(2);
  if (cell.empty() || cell.size() > kBlockSize) return -1;
  int64_t index = 0;
  for (const char digit : cell) {
    if (digit < '0' || digit > '9') return -1;
    index = 10 * index + (digit - '0');
  }
  return index;
}

std::optional<std::string> Occ1950Formatter::encode(std::span<const std::optional<std::string_view>> cells,
                                                    std::span<int64_t> out) const {
  const std::span<int64_t> blocks = frame_blocks(layout(), out);
  std::span<int64_t> rest = blocks;
  for (const std::optional<std::string_view>& cell : cells) {
    if (!cell || is_missing(*cell)) break;
    if (rest.empty()) return "too many codes: a row has at most 2 OCC1950 codes";
    const int64_t index = class_of_cell(*cell);
    if (index < 0) {
      return fmt::format("unknown code: '{}'; expected an OCC1950 code of one to three digits", shown(*cell));
    }
    rest[0] = kZero + index / 100;
    rest[1] = kZero + index / 10 % 10;
    rest[2] = kZero + index % 10;
    rest = rest.subspan(kBlockSize);
  }
  if (rest.size() == blocks.size()) {
    return "no code: the first label column is empty; expected an OCC1950 code of one to three digits";
  }
  std::ranges::fill(rest, LabelIndex::kPad);
  return std::nullopt;
}

std::string Occ1950Formatter::decode(std::span<const int64_t> sequence) const {
  return join_codes(layout(), sequence, [](std::span<const int64_t> block, std::string& text) {
    for (const int64_t index : block) {
      if (index < kZero || index > kZero + 9) return false;
      text.push_back(static_cast<char>('0' + (index - kZero)));
    }
    return true;
  });
}

}  // namespace canine
