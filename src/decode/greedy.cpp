#include "canine/decode/greedy.hpp"

#include <ATen/ops/argmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>

#include <utility>

#include "canine/core/errors.hpp"
#include "canine/model/evaluation_mode.hpp"
#include "canine/text/formatter.hpp"

namespace canine {

GreedyResult greedy_decode(MixerImpl& mixer, const at::Tensor& input_ids, const at::Tensor& attention_mask,
                           int64_t length) {
  const int64_t positions = mixer.options().decoder_positions;
  if (length < 1 || length > positions + 1) {
    throw UsageError("label sequences of 1 to {} positions can be decoded, not of {}", positions + 1, length);
  }
  const EvaluationMode evaluation(mixer);
  const EncoderOutput encoded = mixer.encode(input_ids, attention_mask);

  const int64_t rows = input_ids.size(0);
  GreedyResult result;
  result.flat_logits = mixer.flat_logits(encoded.pooled);
  result.tokens = at::empty({rows, length}, input_ids.options());
  result.probabilities = at::empty({rows, length}, input_ids.options().dtype(at::kFloat));
  result.tokens.select(1, 0).fill_(LabelIndex::kBos);
  result.probabilities.select(1, 0).fill_(1.0);

  MixerDecoderImpl& decoder = mixer.decoder();
  DecoderCache cache = decoder.start(encoded.memory, mixer.memory_mask(attention_mask), length - 1);
  for (int64_t position = 0; position + 1 < length; ++position) {
    const at::Tensor logits = decoder.step(result.tokens.select(1, position), position, cache).to(at::kFloat);
    const at::Tensor best = at::argmax(logits, -1, /*keepdim=*/true);
    const at::Tensor log_probability = logits.gather(1, best) - at::logsumexp(logits, -1, /*keepdim=*/true);
    result.tokens.narrow(1, position + 1, 1).copy_(best);
    result.probabilities.narrow(1, position + 1, 1).copy_(log_probability.exp());
  }
  result.memory = std::move(cache.memory);
  return result;
}

}  // namespace canine
