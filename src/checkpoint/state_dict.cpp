#include "canine/checkpoint/state_dict.hpp"

#include <fmt/format.h>

namespace canine {

PickleValue state_dict_value(const NamedTensors& tensors) {
  PickleValue::Dict dict;
  dict.ordered = true;
  for (const auto& [name, tensor] : tensors) dict.items.emplace_back(name, tensor);
  return dict;
}

NamedTensors tensors_of(const PickleValue& dict, std::string_view path) {
  NamedTensors tensors;
  for (const auto& [key, value] : dict.as_dict(path).items) {
    const std::string& name = key.as_string(fmt::format("{} (a key)", path));
    tensors.emplace_back(name, value.as_tensor(fmt::format("{}: {}", path, name)));
  }
  return tensors;
}

}  // namespace canine
