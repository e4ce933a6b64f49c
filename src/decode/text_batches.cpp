#include "canine/decode/text_batches.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "canine/core/errors.hpp"
#include "canine/decode/flat.hpp"
#include "canine/text/tokenizer.hpp"

namespace canine {
namespace {

bool trims(const TextBatchOptions& options) {
  constexpr int64_t kShortest = 4;
  return batch_width(options.mode, options.padding, kShortest, options.max_len) < options.max_len;
}

std::span<int64_t> row_of(const at::Tensor& tensor, size_t row) {
  const auto width = static_cast<size_t>(tensor.size(1));
  return {tensor.mutable_data_ptr<int64_t>() + row * width, width};
}

double threshold_of(const CodedText& text, const TextBatchOptions& options) {
  if (options.threshold) return *options.threshold;
  return usual_threshold(text.prefix().substr(0, text.prefix_size - kLanguageSeparator.size()));
}

}  // namespace

int64_t TextBatchOptions::texts_at_once() const {
  if (!trims(*this)) return batch_size;
  switch (mode) {
    case DecodeMode::kFlat:
      return 8 * batch_size;
    case DecodeMode::kGreedy:
      return 2 * batch_size;
    case DecodeMode::kFull:
      return batch_size;
  }
  throw InternalError("unknown mode {}", static_cast<int>(mode));
}

std::vector<Texts> share_out(Texts texts, const TextBatchOptions& options) {
  if (trims(options)) {
    std::ranges::stable_sort(texts, {}, [](const auto& text) { return text->text.size(); });
  }
  std::vector<Texts> batches;
  const auto size = static_cast<size_t>(options.batch_size);
  for (size_t begin = 0; begin < texts.size(); begin += size) {
    const auto first = texts.begin() + static_cast<ptrdiff_t>(begin);
    batches.emplace_back(first, first + static_cast<ptrdiff_t>(std::min(size, texts.size() - begin)));
  }
  return batches;
}

TextBatch make_text_batch(std::span<const std::shared_ptr<CodedText>> texts, const TextBatchOptions& options) {
  const auto rows = static_cast<int64_t>(texts.size());
  TextBatch batch;
  batch.input_ids = at::empty({rows, options.max_len}, at::kLong);
  batch.attention_mask = at::empty({rows, options.max_len}, at::kLong);
  int64_t longest = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const CodedText& text = *texts[i];
    longest = std::max(longest, tokenize(text.prefix(), text.description(), row_of(batch.input_ids, i),
                                         row_of(batch.attention_mask, i)));
    batch.thresholds.push_back(threshold_of(text, options));
  }
  const int64_t width = batch_width(options.mode, options.padding, longest, options.max_len);
  batch.input_ids = batch.input_ids.narrow(1, 0, width).contiguous();
  batch.attention_mask = batch.attention_mask.narrow(1, 0, width).contiguous();
  return batch;
}

}  // namespace canine
