#include "canine/decode/batch_width.hpp"

#include <algorithm>

namespace canine {
namespace {

constexpr int64_t kCharactersPerMolecule = 4;

}  // namespace

int64_t batch_width(DecodeMode mode, Padding padding, int64_t longest, int64_t max_len) {
  if (mode != DecodeMode::kFlat) return padded_width(padding, longest, max_len);
  const int64_t molecules = std::max<int64_t>(1, (longest + kCharactersPerMolecule - 1) / kCharactersPerMolecule);
  return std::min(max_len, molecules * kCharactersPerMolecule);
}

}  // namespace canine
