#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "canine/data/code_system.hpp"
#include "canine/decode/batch_width.hpp"
#include "canine/decode/prefix_tree.hpp"
#include "canine/exchange/load_model.hpp"
#include "canine/model/mixer.hpp"

namespace canine {

/// What a model says of one text.
struct Prediction {
  std::vector<std::string> codes = {};    ///< greedy: in the order written; flat, full: likeliest first
  std::vector<float> probabilities = {};  ///< of each code; flat, full
  float confidence = 0;                   ///< of all codes together; greedy
};

/// Texts as a model takes them: B rows, T characters.
struct TextBatch {
  at::Tensor input_ids;                 ///< [B, T] int64, CPU
  at::Tensor attention_mask;            ///< [B, T] int64, CPU
  std::vector<double> thresholds = {};  ///< B; codes that are not more probable are left out (flat, full)
};

struct PredictorOptions {
  DecodeMode mode = DecodeMode::kGreedy;
  int64_t top_k = 5;                              ///< most codes of a text (flat, full), at least 1
  bool any_order = true;                          ///< confidence counts all orders of the codes (decode/confidence.hpp)
  std::optional<c10::ScalarType> precision = {};  ///< of matrices: none = float32, kBFloat16, kHalf

  /// Throws UsageError naming the flag: a mode that a model of this type has not got, sequences beyond the decoder.
  void validate(const LoadedModel& model) const;
};

/// Most codes that a text can get: places of the label sequence (greedy), or the k likeliest of all classes.
int64_t max_codes(const PredictorOptions& options, const CodeSystem& codes);

/// A model on one device, predicting. One thread at a time may use it.
class Predictor {
 public:
  /// Moves the weights to the device, in the precision of the options. Throws UsageError as PredictorOptions::validate.
  Predictor(const LoadedModel& model, const PredictorOptions& options, c10::Device device);

  /// One prediction per row. Results come to the host in one copy at the end; with any_order the tokens of a batch
  /// that has rows of several codes come once more before.
  std::vector<Prediction> predict(const TextBatch& batch);

 private:
  std::vector<Prediction> greedy(const at::Tensor& ids, const at::Tensor& mask);
  std::vector<Prediction> likeliest(const at::Tensor& ids, const at::Tensor& mask,
                                    const std::vector<double>& thresholds);

  PredictorOptions options_;
  c10::Device device_;
  Mixer model_{nullptr};
  std::shared_ptr<const CodeSystem> codes_;
  std::optional<PrefixTree> tree_;  ///< first blocks of all classes, by class; full
};

/// A predictor for each device. The last one takes the model itself, the others have copies.
std::vector<std::unique_ptr<Predictor>> make_predictors(const LoadedModel& model, const PredictorOptions& options,
                                                        const std::vector<c10::Device>& devices);

}  // namespace canine
