#include "canine/text/hisco_formatter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "canine/core/python_float.hpp"
#include "canine/text/hisco_codes.hpp"
#include "label_blocks.hpp"

namespace canine {
namespace {

constexpr std::string_view kSymbols[] = {"-3", "-2", "-1", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
constexpr int64_t kNumSpecial = 3;
constexpr int64_t kZero = LabelIndex::kFirstSymbol + kNumSpecial;
constexpr int64_t kEnd = kZero + 10;  // one past the largest index
constexpr size_t kBlockSize = 5;
constexpr const char* kTooManyCodes = "too many codes: a row has at most 5 HISCO codes";

bool is_special(int64_t index) { return index >= LabelIndex::kFirstSymbol && index < kZero; }
bool is_symbol(int64_t index) { return index >= LabelIndex::kFirstSymbol && index < kEnd; }
std::string_view symbol(int64_t index) { return kSymbols[index - LabelIndex::kFirstSymbol]; }

/// False if `code` is neither special nor five digits.
bool write_code(std::string_view code, std::span<int64_t> block) {
  if (const auto special = std::find(kSymbols, kSymbols + kNumSpecial, code); special != kSymbols + kNumSpecial) {
    std::ranges::fill(block, LabelIndex::kFirstSymbol + (special - kSymbols));
    return true;
  }
  if (code.size() != kBlockSize) return false;
  for (size_t i = 0; i < kBlockSize; ++i) {
    if (code[i] < '0' || code[i] > '9') return false;
    block[i] = kZero + (code[i] - '0');
  }
  return true;
}

std::string unknown_class(std::string_view cell) {
  const std::optional<double> number = parse_python_float(cell);
  if (!number) {
    return fmt::format("unknown class: '{}' is no number; expected the number of a HISCO class, 0 to {}", shown(cell),
                       kNumHiscoCodes - 1);
  }
  if (*number != std::trunc(*number)) {
    return fmt::format("unknown class: '{}' is no whole number; expected the number of a HISCO class, 0 to {}",
                       shown(cell), kNumHiscoCodes - 1);
  }
  return fmt::format(
      "unknown class: '{}' is not from 0 to {}; HISCO columns hold the numbers of classes, not the codes themselves",
      shown(cell), kNumHiscoCodes - 1);
}

}  // namespace

int64_t HiscoFormatter::class_of_cell(std::string_view cell) {
  constexpr size_t kUsualDigits = 4;
  int64_t index = 0;
  if (!cell.empty() && cell.size() <= kUsualDigits &&
      std::ranges::all_of(cell, [](char c) { return c >= '0' && c <= '9'; })) {
    for (const char digit : cell) index = 10 * index + (digit - '0');
  } else {
    const double number = parse_python_float(cell).value_or(-1);
    if (!(number >= 0 && number < kNumHiscoCodes) || number != std::trunc(number)) return -1;
    index = static_cast<int64_t>(number);
  }
  return index < kNumHiscoCodes ? index : -1;
}

std::optional<std::string> HiscoFormatter::encode(std::span<const std::optional<std::string_view>> cells,
                                                  std::span<int64_t> out) const {
  std::span<int64_t> rest = frame_blocks(layout(), out);
  for (const std::optional<std::string_view>& cell : cells) {
    if (!cell) break;
    if (rest.empty()) return kTooManyCodes;
    const int64_t index = class_of_cell(*cell);
    if (index < 0) return unknown_class(*cell);
    write_code(hisco_code(index), rest.first(kBlockSize));
    rest = rest.subspan(kBlockSize);
  }
  if (cells.empty() || !cells.front()) {
    return fmt::format("no code: the first label column is empty; expected the number of a HISCO class, 0 to {}",
                       kNumHiscoCodes - 1);
  }
  std::ranges::fill(rest, LabelIndex::kPad);
  return std::nullopt;
}

std::optional<std::string> HiscoFormatter::encode_codes(std::string_view codes, std::span<int64_t> out) const {
  std::span<int64_t> rest = frame_blocks(layout(), out);
  for (size_t start = 0; start <= codes.size();) {
    const size_t end = std::min(codes.find('&', start), codes.size());
    const std::string_view code = codes.substr(start, end - start);
    if (rest.empty()) return kTooManyCodes;
    if (!write_code(code, rest.first(kBlockSize))) {
      return fmt::format("no HISCO code: '{}'; expected five digits, -1, -2 or -3", shown(code));
    }
    rest = rest.subspan(kBlockSize);
    start = end + 1;
  }
  std::ranges::fill(rest, LabelIndex::kPad);
  return std::nullopt;
}

std::string HiscoFormatter::decode(std::span<const int64_t> sequence) const {
  return join_codes(layout(), sequence, [](std::span<const int64_t> block, std::string& text) {
    if (std::ranges::find(block, LabelIndex::kPad) != block.end()) return false;
    if (is_special(block.front())) {
      text += symbol(block.front());
      return true;
    }
    if (!std::ranges::all_of(block, is_symbol)) return false;
    for (const int64_t index : block) text += symbol(index);
    return true;
  });
}

}  // namespace canine
