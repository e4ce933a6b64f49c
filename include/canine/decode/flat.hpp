#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "canine/model/mixer.hpp"

namespace canine {

/// [B, C] logits of the flat head, for less than half of the work of a whole pass through the encoder. Dropout is off
/// meanwhile. input_ids, attention_mask [B, T] int64; any T from 4 ceil(n / 4) on gives the same numbers within float
/// tolerance, in both kinds of padding (decode/batch_width.hpp).
at::Tensor flat_logits(MixerImpl& mixer, const at::Tensor& input_ids, const at::Tensor& attention_mask);

/// The likeliest classes of the flat head, k = min(k asked for, C).
struct FlatTopK {
  at::Tensor classes;        ///< [B, k] int64, likeliest first
  at::Tensor probabilities;  ///< [B, k] float32, sigmoid of the logits; classes do not exclude each other
};

/// Classes the Python program reports per row.
inline constexpr int64_t kFlatTopK = 5;

/// flat_logits [B, C] as the flat head gives them.
FlatTopK flat_top_k(const at::Tensor& flat_logits, int64_t k = kFlatTopK);

/// Class of a place whose probability is not above the threshold, and the word for it in tables.
inline constexpr int64_t kNoClass = -1;
inline constexpr std::string_view kNoPrediction = "No pred";

/// Blanks the places that are not above the threshold of their row: class kNoClass, probability NaN. thresholds [B].
FlatTopK above_thresholds(const FlatTopK& top, std::span<const double> thresholds);

/// The Python program's threshold for descriptions of a language ("en", "da", ...); languages it does not know have
/// .31.
double usual_threshold(std::string_view language);

}  // namespace canine
