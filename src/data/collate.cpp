#include <ATen/Context.h>
#include <ATen/ops/empty.h>

#include <algorithm>

#include "canine/core/errors.hpp"
#include "canine/data/columns.hpp"
#include "canine/data/dataset.hpp"
#include "canine/text/tokenizer.hpp"

namespace canine {
namespace {

/// Texts and prefixes of one row, reused from row to row by each thread.
struct RowText {
  std::string prefix;  // language and "[SEP]"
  std::string text;
};

void read_row(const Dataset& data, int64_t row, const TextCleaning& cleaning, const Augmentation* augmentation,
              uint64_t seed, uint64_t epoch, RowText& out) {
  out.text.assign(data.text(row));
  bool language_dropped = false;
  if (augmentation) {
    Philox random(seed, static_cast<uint32_t>(epoch), static_cast<uint64_t>(row));
    augmentation->apply(out.text, language_dropped, random);
  }
  cleaning.apply(out.text, augmentation ? TextUse::kTraining : TextUse::kPrediction);
  out.prefix.assign(language_dropped ? kUnknownLanguage : data.language(row));
  out.prefix.append(kLanguageSeparator);
}

std::span<int64_t> row_of(const at::Tensor& tensor, size_t row) {
  const auto width = static_cast<size_t>(tensor.size(1));
  return {tensor.mutable_data_ptr<int64_t>() + row * width, width};
}

/// The first `width` columns of a [B, max_len] tensor, in memory of their own.
at::Tensor first_columns(const at::Tensor& wide, int64_t width, const at::TensorOptions& options) {
  if (width == wide.size(1)) return wide;
  at::Tensor narrow = at::empty({wide.size(0), width}, options);
  for (size_t row = 0; row < static_cast<size_t>(wide.size(0)); ++row) {
    const std::span<int64_t> to = row_of(narrow, row);
    std::copy_n(row_of(wide, row).begin(), to.size(), to.begin());
  }
  return narrow;
}

}  // namespace

int64_t padded_width(Padding padding, int64_t longest, int64_t max_len) {
  if (padding == Padding::kReference) return max_len;
  // Whole groups of four, as the encoder takes them, and two groups of padding, without which the last characters would
  // see the end of the tensor.
  return std::min(max_len, (longest + 3) / 4 * 4 + 8);
}

Batch collate(const Dataset& data, std::span<const int64_t> rows, const CollateOptions& options,
              const Augmentation* augmentation, uint64_t seed, uint64_t epoch) {
  if (options.max_len < 2) throw UsageError("--max-len: expected 2 or more, got {}", options.max_len);
  const auto num_rows = static_cast<int64_t>(rows.size());
  const bool trim = options.padding == Padding::kMask;
  const bool pin = options.pin_memory && at::globalContext().hasCUDA();
  const at::TensorOptions integers = at::TensorOptions(at::kLong).pinned_memory(pin);
  // Rows of a batch that will be trimmed are written to plain memory first: pinned memory is dear.
  const at::TensorOptions first = trim ? at::TensorOptions(at::kLong) : integers;

  Batch batch;
  batch.rows.assign(rows.begin(), rows.end());
  batch.input_ids = at::empty({num_rows, options.max_len}, first);
  batch.attention_mask = at::empty({num_rows, options.max_len}, first);
  batch.targets_seq2seq = at::empty({num_rows, data.formatter().layout().sequence_length()}, integers);
  batch.targets_linear = at::empty({num_rows, data.num_classes()}, at::TensorOptions(at::kFloat).pinned_memory(pin));
  // Not at::zeros, which may start a pool of OpenMP threads in every worker.
  float* flat = batch.targets_linear.mutable_data_ptr<float>();
  const auto num_classes = static_cast<size_t>(data.num_classes());
  std::fill_n(flat, rows.size() * num_classes, 0.0f);

  thread_local RowText text;
  int64_t longest = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    read_row(data, rows[i], options.cleaning, augmentation, seed, epoch, text);
    longest = std::max(longest,
                       tokenize(text.prefix, text.text, row_of(batch.input_ids, i), row_of(batch.attention_mask, i)));
    data.labels(rows[i], row_of(batch.targets_seq2seq, i), {flat + i * num_classes, num_classes});
  }
  if (trim) {
    const int64_t width = padded_width(options.padding, longest, options.max_len);
    batch.input_ids = first_columns(batch.input_ids, width, integers);
    batch.attention_mask = first_columns(batch.attention_mask, width, integers);
  }
  return batch;
}

}  // namespace canine
