#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <string>
#include <string_view>

#include "canine/core/errors.hpp"
#include "canine/model/mixer.hpp"

namespace canine {
namespace {

/// The first few names of a list, for messages.
std::string some(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  std::string text;
  for (size_t i = 0; i < names.size() && i < kShown; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

/// Older transformers releases stored this constant with the weights.

}  // namespace

bool is_position_ids(std::string_view name) { return name == "position_ids" || name.ends_with(".position_ids"); }

std::vector<std::pair<std::string, at::Tensor>> state_dict(torch::nn::Module& module) {
  std::vector<std::pair<std::string, at::Tensor>> entries;
  // Pre-order, each module's parameters before its buffers: the order of torch.nn.Module.state_dict in Python.
  const auto add = [&](const std::string& prefix, torch::nn::Module& part) {
    const std::string path = prefix.empty() ? "" : prefix + ".";
    for (const auto& item : part.named_parameters(/*recurse=*/false)) {
      entries.emplace_back(path + item.key(), item.value().detach());
    }
    for (const auto& item : part.named_buffers(/*recurse=*/false)) {
      entries.emplace_back(path + item.key(), item.value().detach());
    }
  };
  add("", module);
  for (const auto& item : module.named_modules(/*name_prefix=*/"", /*include_self=*/false)) {
    add(item.key(), *item.value());
  }
  return entries;
}

void load_state_dict(torch::nn::Module& module, const std::vector<std::pair<std::string, at::Tensor>>& values,
                     const std::string& what) {
  const auto own = state_dict(module);
  std::map<std::string_view, const at::Tensor*> given;
  for (const auto& [name, tensor] : values) given.emplace(name, &tensor);

  std::vector<std::string> missing, unexpected, different;
  for (const auto& [name, tensor] : own) {
    const auto found = given.find(name);
    if (found == given.end()) {
      missing.push_back(name);
    } else if (found->second->sizes() != tensor.sizes()) {
      different.push_back(fmt::format("{} (model [{}], file [{}])", name, fmt::join(tensor.sizes(), ", "),
                                      fmt::join(found->second->sizes(), ", ")));
    }
    given.erase(name);
  }
  for (const auto& [name, tensor] : values) {
    if (given.contains(name) && !is_position_ids(name)) unexpected.push_back(name);
  }
  if (!missing.empty() || !unexpected.empty() || !different.empty()) {
    std::string problems;
    const auto report = [&](const char* title, const std::vector<std::string>& names) {
      if (!names.empty()) problems += fmt::format("\n  {} ({}): {}", title, names.size(), some(names));
    };
    report("missing", missing);
    report("unexpected", unexpected);
    report("other shape", different);
    throw CheckpointError(
        "the weights in {} do not fit the model:{}\nUse weights of the same shape, or change the "
        "model's options.",
        what, problems);
  }
  const at::NoGradGuard no_grad;
  std::map<std::string_view, const at::Tensor*> by_name;
  for (const auto& [name, tensor] : values) by_name.emplace(name, &tensor);
  for (auto [name, tensor] : own) tensor.copy_(*by_name.at(name));
}

}  // namespace canine
