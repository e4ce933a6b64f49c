#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "canine/data/batch.hpp"
#include "canine/decode/batch_width.hpp"
#include "canine/decode/predictor.hpp"
#include "canine/decode/text_cache.hpp"

namespace canine {

/// How texts become batches.
struct TextBatchOptions {
  DecodeMode mode = DecodeMode::kGreedy;
  Padding padding = Padding::kReference;
  int64_t max_len = 128;                 ///< longest input, with 2 for the marks at both ends
  int64_t batch_size = 256;              ///< texts, at least 1
  std::optional<double> threshold = {};  ///< none = the usual one of each text's language (decode/flat.hpp)

  /// Texts whose batches are made together: several batches where short texts may have narrow ones, otherwise one. The
  /// slower the mode, the fewer, because rows are kept, and progress is told, when all of them are done.
  int64_t texts_at_once() const;
};

using Texts = std::vector<std::shared_ptr<CodedText>>;

/// Shares texts out to batches: short ones with short ones where that saves work, otherwise in order.
std::vector<Texts> share_out(Texts texts, const TextBatchOptions& options);

/// Tokens of 1 or more texts, no wider than they need.
TextBatch make_text_batch(std::span<const std::shared_ptr<CodedText>> texts, const TextBatchOptions& options);

}  // namespace canine
