#include "canine/exchange/label_key_text.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/json_depth.hpp"

namespace canine {
namespace {

constexpr const char* kMissing = "NaN";

using Class = std::pair<int64_t, std::optional<std::string>>;

LabelKey key_of(std::vector<Class> classes, const std::string& source) {
  std::sort(classes.begin(), classes.end());
  LabelKey key;
  for (const auto& [index, code] : classes) {
    const int64_t expected = key.size();
    if (index == expected && key.add(code) == expected) continue;
    throw CheckpointError(
        "{}: the classes of its {} codes are not 0, 1, 2, ... without repetition (found {}, {} was expected)", source,
        classes.size(), index, expected);
  }
  return key;
}

}  // namespace

PickleValue to_value(const LabelKey& key) {
  PickleValue::Dict dict;
  for (int64_t index = 0; index < key.size(); ++index) {
    const auto& code = key.code(index);
    dict.items.emplace_back(code ? PickleValue(*code) : PickleValue(std::numeric_limits<double>::quiet_NaN()), index);
  }
  return dict;
}

LabelKey key_of_value(const PickleValue& value, const std::string& source) {
  std::vector<Class> classes;
  for (const auto& [code, index] : value.as_dict(source).items) {
    const auto* number = std::get_if<double>(&code.variant());
    const bool missing = number != nullptr && std::isnan(*number);
    classes.emplace_back(index.as_int(source),
                         missing ? std::nullopt : std::optional(code.as_string(source + " (a code)")));
  }
  return key_of(std::move(classes), source);
}

std::string to_json(const LabelKey& key) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  // push_back, because a look-up in an ordered object takes time in proportion to its size.
  for (int64_t index = 0; index < key.size(); ++index) json.push_back({key.code(index).value_or(kMissing), index});
  return json.dump(2) + "\n";
}

LabelKey key_of_json(std::string_view json, const std::string& source) {
  refuse_deep_json<CheckpointError>(json, source);
  const auto value = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) throw CheckpointError("{}: expected a JSON object of codes and their classes", source);
  std::vector<Class> classes;
  for (const auto& [code, index] : value.items()) {
    if (!index.is_number_integer()) {
      throw CheckpointError("{}: the class of '{}' must be a whole number, not {}", source, code, index.type_name());
    }
    classes.emplace_back(index.get<int64_t>(), code == kMissing ? std::nullopt : std::optional(code));
  }
  return key_of(std::move(classes), source);
}

}  // namespace canine
