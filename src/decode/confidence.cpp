#include "canine/decode/confidence.hpp"

#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/model/decoder.hpp"
#include "canine/model/evaluation_mode.hpp"

namespace canine {
namespace {

constexpr size_t kSequencesAtOnce = 32;

using Sequence = std::vector<int64_t>;

/// Label sequences with the row that each belongs to.
struct Orders {
  std::vector<int64_t> rows;
  std::vector<int64_t> tokens;  ///< L for each
};

/// Blocks of a sequence that hold a code: those that decode to something when all others are padding.
std::vector<int64_t> blocks_with_code(const Formatter& formatter, std::span<const int64_t> sequence) {
  const auto [num_blocks, block_size] = formatter.layout();
  std::vector<int64_t> found;
  for (int64_t block = 0; block < num_blocks; ++block) {
    Sequence alone(sequence.size(), LabelIndex::kPad);
    const auto begin = 1 + block * block_size;  // after BOS
    std::copy_n(sequence.begin() + begin, block_size, alone.begin() + begin);
    if (!formatter.decode(alone).empty()) found.push_back(block);
  }
  return found;
}

/// Adds every order of the row's codes but the one that it has.
void add_other_orders(const Formatter& formatter, std::span<const int64_t> sequence, int64_t row, Orders& orders) {
  const std::vector<int64_t> places = blocks_with_code(formatter, sequence);
  if (places.size() < 2 || static_cast<int64_t>(places.size()) > kMaxReorderedCodes) return;
  const int64_t block_size = formatter.layout().block_size;
  std::vector<Sequence> codes;
  for (const int64_t place : places) {
    const auto begin = sequence.begin() + 1 + place * block_size;
    codes.emplace_back(begin, begin + block_size);
  }
  const std::vector<Sequence> written = codes;
  std::sort(codes.begin(), codes.end());
  do {
    if (codes == written) continue;
    Sequence other(sequence.begin(), sequence.end());
    for (size_t i = 0; i < codes.size(); ++i) {
      std::copy(codes[i].begin(), codes[i].end(), other.begin() + 1 + places[i] * block_size);
    }
    orders.rows.push_back(row);
    orders.tokens.insert(orders.tokens.end(), other.begin(), other.end());
  } while (std::next_permutation(codes.begin(), codes.end()));
}

/// Probability that the decoder writes each of the sequences [N, L]: [N] float64.
at::Tensor sequence_probabilities(MixerDecoderImpl& decoder, const DecoderMemory& memory, const at::Tensor& sequences) {
  const int64_t positions = sequences.size(1) - 1;
  const at::Tensor logits = decoder.forward(sequences.narrow(1, 0, positions), memory, PadBonus::kNone);
  const at::Tensor written = sequences.narrow(1, 1, positions).unsqueeze(2);
  return at::log_softmax(logits, -1, at::kFloat).gather(2, written).to(at::kDouble).sum({1, 2}).exp();
}

}  // namespace

at::Tensor sequence_confidence(const GreedyResult& result) { return result.probabilities.to(at::kDouble).prod(1); }

at::Tensor order_invariant_confidence(MixerImpl& mixer, const GreedyResult& result, const Formatter& formatter) {
  const int64_t length = result.tokens.size(1);
  if (length != formatter.layout().sequence_length()) {
    throw InternalError("sequences of {} positions, but the formatter's have {}", length,
                        formatter.layout().sequence_length());
  }
  Orders orders;
  const at::Tensor tokens = result.tokens.cpu().contiguous();
  for (int64_t row = 0; row < tokens.size(0); ++row) {
    const int64_t* first = tokens.const_data_ptr<int64_t>() + row * length;
    add_other_orders(formatter, {first, static_cast<size_t>(length)}, row, orders);
  }

  const EvaluationMode evaluation(mixer);
  at::Tensor confidence = sequence_confidence(result);
  const auto on_device = [&](const int64_t* values, size_t count) {
    return at::tensor(at::IntArrayRef(values, count), result.tokens.options());
  };
  for (size_t begin = 0; begin < orders.rows.size(); begin += kSequencesAtOnce) {
    const size_t count = std::min(kSequencesAtOnce, orders.rows.size() - begin);
    const auto width = static_cast<size_t>(length);
    const at::Tensor rows = on_device(orders.rows.data() + begin, count);
    const at::Tensor sequences = on_device(orders.tokens.data() + begin * width, count * width).view({-1, length});
    confidence.index_add_(0, rows, sequence_probabilities(mixer.decoder(), result.memory.of_rows(rows), sequences));
  }
  return confidence;
}

}  // namespace canine
