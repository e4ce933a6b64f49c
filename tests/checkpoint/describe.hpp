#pragma once

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "canine/checkpoint/pickle_value.hpp"
#include "canine/core/python_float.hpp"

namespace canine {

/// One line of text for a value, much as Python's repr: tests compare whole trees by it.
inline std::string describe(const PickleValue& value);

struct Describe {
  static std::string joined(const std::vector<PickleValue>& items) {
    std::vector<std::string> texts;
    for (const auto& item : items) texts.push_back(describe(item));
    return fmt::format("{}", fmt::join(texts, ", "));
  }

  std::string operator()(const PickleValue::None&) const { return "None"; }
  std::string operator()(bool value) const { return value ? "True" : "False"; }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(const PickleValue::BigInt& value) const { return value.digits + "L"; }
  std::string operator()(double value) const { return python_float(value); }
  std::string operator()(const std::string& text) const { return fmt::format("'{}'", text); }
  std::string operator()(const PickleValue::Opaque& value) const { return fmt::format("<{}>", value.name); }
  std::string operator()(const PickleValue::List& items) const { return fmt::format("[{}]", joined(items)); }
  std::string operator()(const PickleValue::Tuple& tuple) const { return fmt::format("({})", joined(tuple.items)); }
  std::string operator()(const PickleValue::Set& set) const { return fmt::format("set({})", joined(set.items)); }
  std::string operator()(const PickleValue::Bytes& bytes) const {
    std::string text = "b'";
    for (const char byte : bytes.data) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return text + "'";
  }
  std::string operator()(const PickleValue::Dict& dict) const {
    std::vector<std::string> texts;
    for (const auto& [key, item] : dict.items) texts.push_back(fmt::format("{}: {}", describe(key), describe(item)));
    return fmt::format("{}{{{}}}", dict.ordered ? "ordered" : "", fmt::join(texts, ", "));
  }
  std::string operator()(const at::Tensor& tensor) const {
    const at::Tensor numbers = (tensor.is_complex() ? at::Tensor(tensor.abs()) : tensor).to(at::kDouble).contiguous();
    const double* first = numbers.const_data_ptr<double>();
    return fmt::format("{}[{}]({})", c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes().vec(), ","),
                       fmt::join(std::vector<double>(first, first + numbers.numel()), " "));
  }
};

inline std::string describe(const PickleValue& value) { return std::visit(Describe{}, value.variant()); }

}  // namespace canine
