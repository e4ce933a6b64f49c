#include "canine/app/prediction_settings.hpp"

#include <c10/core/DeviceType.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "canine/core/errors.hpp"
#include "canine/core/sha256.hpp"

namespace canine {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// How the model is used: whatever flags say of it wins over its files.
void add_model(WriterSettings& settings, const LoadedModel& model) {
  const Json card = Json::parse(model.card.to_json());
  for (const auto& entry : card.items()) {
    const std::string value = text_of(entry.value());
    settings.emplace_back("model's " + entry.key(), entry.key() == "encoder" ? sha256_of(value) : value);
  }
  settings.emplace_back("model's weights", sha256_of_file(model.path));
  settings.emplace_back("model's key", model.codes->key() ? sha256_of(model.codes->key()->to_csv()) : "");
}

}  // namespace

const char* word(DecodeMode mode) {
  switch (mode) {
    case DecodeMode::kGreedy:
      return "greedy";
    case DecodeMode::kFlat:
      return "flat";
    case DecodeMode::kFull:
      return "full";
  }
  throw InternalError("unknown mode {}", static_cast<int>(mode));
}

WriterSettings prediction_settings(const PredictOptions& values, const LoadedModel& model, c10::Device device) {
  WriterSettings settings = {
      {"--col", values.col},
      {"--language", values.language},
      {"--language-col", values.language_col},
      {"--mode", word(values.mode)},
      {"--threshold", values.threshold ? fmt::format("{}", *values.threshold) : "the usual one"},
      {"--top-k", fmt::format("{}", values.top_k)},
      {"--conf", values.any_order ? "any-order" : "as-written"},
      {"--batch-size", fmt::format("{}", values.batch_size)},
      {"--precision", std::string(name_of(values.precision))},
      {"--devices", c10::DeviceTypeName(device.type(), /*lower_case=*/true)},
      {"--descriptions", values.descriptions.empty() ? "" : sha256_of_file(values.descriptions)}};
  add_model(settings, model);
  return settings;
}

}  // namespace canine
