#include "canine/decode/predictor.hpp"
// LibTorch's CHECK must not win.
#undef CHECK

#include <ATen/ATen.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/decode/flat.hpp"
#include "canine/decode/predictor_pool.hpp"
#include "decode/trained_model.hpp"

namespace canine {
namespace {

using Catch::Matchers::WithinAbs;
using test::TensorFile;
using test::tiny_folder;
using test::trained_model;

const c10::Device kCpu(c10::DeviceType::CPU);

nlohmann::json expected() { return nlohmann::json::parse(read_file(tiny_folder() / "greedy_trained.json")); }

TextBatch fixture_batch(double threshold = 0) {
  const TensorFile file("batch.safetensors");
  TextBatch batch{file["input_ids"], file["attention_mask"], {}};
  batch.thresholds.assign(static_cast<size_t>(batch.input_ids.size(0)), threshold);
  return batch;
}

std::string joined(const std::vector<std::string>& codes) {
  std::string text;
  for (const std::string& code : codes) text += (text.empty() ? "" : "&") + code;
  return text;
}

TEST_CASE("Greedy predictions are those of the Python program's decoder") {
  Predictor predictor(trained_model(), {.any_order = false}, kCpu);
  const std::vector<Prediction> predictions = predictor.predict(fixture_batch());
  const nlohmann::json reference = expected();
  REQUIRE(predictions.size() == reference["decoded"].size());
  for (size_t row = 0; row < predictions.size(); ++row) {
    CAPTURE(row);
    CHECK(joined(predictions[row].codes) == reference["decoded"][row].get<std::string>());
    const auto values = reference["probabilities"][row].get<std::vector<double>>();
    const double product = std::accumulate(values.begin(), values.end(), 1.0, std::multiplies<>());
    CHECK_THAT(predictions[row].confidence, WithinAbs(product, 1e-4));
  }
}

TEST_CASE("Confidence in any order is not lower where there are two codes, and equal where there is one") {
  Predictor any(trained_model(), {.any_order = true}, kCpu);
  Predictor written(trained_model(), {.any_order = false}, kCpu);
  const std::vector<Prediction> of_any = any.predict(fixture_batch());
  const std::vector<Prediction> of_written = written.predict(fixture_batch());
  bool two_codes = false;
  for (size_t row = 0; row < of_any.size(); ++row) {
    CHECK(of_any[row].codes == of_written[row].codes);
    if (of_any[row].codes.size() == 1) CHECK(of_any[row].confidence == of_written[row].confidence);
    if (of_any[row].codes.size() == 2) CHECK(of_any[row].confidence >= of_written[row].confidence);
    two_codes = two_codes || of_any[row].codes.size() == 2;
  }
  CHECK(two_codes);
}

TEST_CASE("Flat predictions are the Python program's top five") {
  const LoadedModel model = trained_model();
  Predictor predictor(model, {.mode = DecodeMode::kFlat}, kCpu);
  const std::vector<Prediction> predictions = predictor.predict(fixture_batch());
  const nlohmann::json reference = expected()["flat_top5"]["index"];
  for (size_t row = 0; row < predictions.size(); ++row) {
    std::vector<std::string> codes;
    for (const auto& index : reference[row]) {
      if (const auto code = model.codes->code(index.get<int64_t>())) codes.push_back(*code);
    }
    CHECK(predictions[row].codes == codes);
    CHECK(std::ranges::is_sorted(predictions[row].probabilities, std::greater<>()));
  }
}

TEST_CASE("A threshold leaves out codes that are not more probable") {
  Predictor predictor(trained_model(), {.mode = DecodeMode::kFlat}, kCpu);
  const std::vector<Prediction> all = predictor.predict(fixture_batch());
  const auto limit = static_cast<double>(all[0].probabilities[1]);
  const std::vector<Prediction> some = predictor.predict(fixture_batch(limit));
  CHECK(some[0].codes == std::vector<std::string>{all[0].codes[0]});
  CHECK(predictor.predict(fixture_batch(1))[0].codes.empty());
}

TEST_CASE("A full search gives the greedy code's block its probability") {
  const LoadedModel model = trained_model();
  Predictor full(model, {.mode = DecodeMode::kFull, .top_k = 3}, kCpu);
  const std::vector<Prediction> predictions = full.predict(fixture_batch());
  const nlohmann::json reference = expected();
  for (size_t row = 0; row < predictions.size(); ++row) {
    CAPTURE(row);
    REQUIRE(predictions[row].codes.size() == 3);
    const std::string text = reference["decoded"][row];
    const std::string first = text.substr(0, text.find('&'));
    if (model.codes->find(first) < 0) continue;  // not one of the codes that are searched for
    const auto values = reference["probabilities"][row].get<std::vector<double>>();
    const double block = std::accumulate(values.begin() + 1, values.begin() + 6, 1.0, std::multiplies<>());
    const auto place = std::ranges::find(predictions[row].codes, first) - predictions[row].codes.begin();
    REQUIRE(place < 3);
    CHECK_THAT(predictions[row].probabilities[static_cast<size_t>(place)], WithinAbs(block, 1e-4));
  }
}

TEST_CASE("Modes that a model has not got are refused") {
  LoadedModel model = trained_model();
  MixerOptions shape = model.model->options();
  shape.vocabulary_size = 0;
  model.model = Mixer(shape);
  CHECK_THROWS_AS(Predictor(model, {.mode = DecodeMode::kGreedy}, kCpu), UsageError);
  CHECK_THROWS_AS(Predictor(model, {.mode = DecodeMode::kFull}, kCpu), UsageError);
  CHECK_NOTHROW(Predictor(model, {.mode = DecodeMode::kFlat}, kCpu));
  shape = test::tiny_options();
  shape.num_classes = 0;
  model.model = Mixer(shape);
  CHECK_THROWS_AS(Predictor(model, {.mode = DecodeMode::kFlat}, kCpu), UsageError);
  CHECK_NOTHROW(Predictor(model, {.mode = DecodeMode::kGreedy}, kCpu));
}

TEST_CASE("Threads of a pool share the batches, and each gets its own predictions back") {
  const LoadedModel model = trained_model();
  const TextBatch whole = fixture_batch();
  PredictorPool pool(make_predictors(model, {}, {kCpu, kCpu, kCpu}), 1);
  std::vector<std::future<std::vector<Prediction>>> results;
  for (int round = 0; round < 4; ++round) {
    for (int64_t row = 0; row < whole.input_ids.size(0); ++row) {
      results.push_back(
          pool.submit({whole.input_ids.narrow(0, row, 1), whole.attention_mask.narrow(0, row, 1), {0.0}}));
    }
  }
  const nlohmann::json decoded = expected()["decoded"];
  for (size_t i = 0; i < results.size(); ++i) {
    CHECK(joined(results[i].get()[0].codes) == decoded[i % decoded.size()].get<std::string>());
  }
}

TEST_CASE("What a batch throws comes with its result") {
  PredictorPool pool(make_predictors(trained_model(), {}, {kCpu}), 1);
  const at::Tensor too_short = at::ones({1, 2}, at::kLong);
  CHECK_THROWS_AS(pool.submit({too_short, too_short, {0.0}}).get(), UsageError);
  CHECK(pool.submit(fixture_batch()).get().size() == 8);
}

}  // namespace
}  // namespace canine
