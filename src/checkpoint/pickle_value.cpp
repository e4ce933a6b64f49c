#include "canine/checkpoint/pickle_value.hpp"

#include <array>

#include "bytes.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

/// Name of a value's type in messages, in the order of PickleValue::Variant.
std::string_view type_name(const PickleValue::Variant& value) {
  constexpr std::array<std::string_view, std::variant_size_v<PickleValue::Variant>> kNames{
      "None",     "a truth value", "a whole number", "a very large whole number",
      "a number", "a text",        "bytes",          "a list",
      "a tuple",  "a set",         "a dict",         "a tensor",
      "an object"};
  return kNames[value.index()];
}

[[noreturn]] void refuse(const PickleValue::Variant& value, std::string_view expected, std::string_view path) {
  const auto* opaque = std::get_if<PickleValue::Opaque>(&value);
  throw CheckpointError("{}: {} was expected, {}{}{} was found", path, expected, type_name(value), opaque ? " of " : "",
                        opaque ? printable(opaque->name) : "");
}

template <typename T>
const T& get_or_refuse(const PickleValue::Variant& value, std::string_view expected, std::string_view path) {
  if (const T* found = std::get_if<T>(&value)) return *found;
  refuse(value, expected, path);
}

}  // namespace

PickleValue::PickleValue() : PickleValue(Variant(None{})) {}
PickleValue::PickleValue(bool value) : PickleValue(Variant(value)) {}
PickleValue::PickleValue(int64_t value) : PickleValue(Variant(value)) {}
PickleValue::PickleValue(int value) : PickleValue(int64_t{value}) {}
PickleValue::PickleValue(double value) : PickleValue(Variant(value)) {}
PickleValue::PickleValue(const char* text) : PickleValue(std::string(text)) {}
PickleValue::PickleValue(std::string text) : PickleValue(Variant(std::move(text))) {}
PickleValue::PickleValue(at::Tensor tensor) : PickleValue(Variant(std::move(tensor))) {}
PickleValue::PickleValue(List items) : PickleValue(Variant(std::move(items))) {}
PickleValue::PickleValue(Tuple items) : PickleValue(Variant(std::move(items))) {}
PickleValue::PickleValue(Dict dict) : PickleValue(Variant(std::move(dict))) {}
PickleValue::PickleValue(Variant value) : value_(std::make_unique<Variant>(std::move(value))) {}
PickleValue::~PickleValue() = default;
PickleValue::PickleValue(const PickleValue& other) : value_(std::make_unique<Variant>(*other.value_)) {}
PickleValue::PickleValue(PickleValue&& other) noexcept = default;
PickleValue& PickleValue::operator=(const PickleValue& other) {
  if (this != &other) value_ = std::make_unique<Variant>(*other.value_);
  return *this;
}
PickleValue& PickleValue::operator=(PickleValue&&) noexcept = default;

const PickleValue::Variant& PickleValue::variant() const { return *value_; }
bool PickleValue::is_none() const { return std::holds_alternative<None>(*value_); }

int64_t PickleValue::as_int(std::string_view path) const {
  return get_or_refuse<int64_t>(*value_, "a whole number", path);
}

double PickleValue::as_double(std::string_view path) const {
  if (const auto* number = std::get_if<int64_t>(value_.get())) return static_cast<double>(*number);
  return get_or_refuse<double>(*value_, "a number", path);
}

bool PickleValue::as_bool(std::string_view path) const { return get_or_refuse<bool>(*value_, "a truth value", path); }

const std::string& PickleValue::as_string(std::string_view path) const {
  return get_or_refuse<std::string>(*value_, "a text", path);
}

const at::Tensor& PickleValue::as_tensor(std::string_view path) const {
  return get_or_refuse<at::Tensor>(*value_, "a tensor", path);
}

const PickleValue::Dict& PickleValue::as_dict(std::string_view path) const {
  return get_or_refuse<Dict>(*value_, "a dict", path);
}

const std::vector<PickleValue>& PickleValue::as_sequence(std::string_view path) const {
  if (const auto* tuple = std::get_if<Tuple>(value_.get())) return tuple->items;
  return get_or_refuse<List>(*value_, "a list or tuple", path);
}

const PickleValue* PickleValue::find(std::string_view key) const {
  const auto* dict = std::get_if<Dict>(value_.get());
  if (!dict) return nullptr;
  for (const auto& [name, value] : dict->items) {
    const auto* text = std::get_if<std::string>(name.value_.get());
    if (text && *text == key) return &value;
  }
  return nullptr;
}

const PickleValue& PickleValue::at(std::string_view key, std::string_view path) const {
  as_dict(path);
  if (const PickleValue* found = find(key)) return *found;
  throw CheckpointError("{}: the entry '{}' is missing", path, key);
}

void PickleValue::set(PickleValue key, PickleValue value) {
  auto* dict = std::get_if<Dict>(value_.get());
  if (!dict) throw InternalError("an entry was set in {}, which is no dict", type_name(*value_));
  dict->items.emplace_back(std::move(key), std::move(value));
}

}  // namespace canine
