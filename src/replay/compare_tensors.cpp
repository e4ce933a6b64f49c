#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/core/errors.hpp"
#include "folder.hpp"
#include "stages.hpp"

namespace canine::replay_files {
namespace {

namespace fs = std::filesystem;

constexpr double kActivationTolerance = 2e-5;
constexpr double kGradientTolerance = 1e-4;
/// Gradients smaller than this share of the norm of all gradients are rounding noise of a true 0 ...
constexpr double kNoiseShare = 1e-6;
/// ... and so may ours be, up to this share.
constexpr double kNoiseTolerance = 1e-5;
std::string shape_text(const at::Tensor& tensor) { return fmt::format("[{}]", fmt::join(tensor.sizes(), ", ")); }

double norm_of(const at::Tensor& tensor) { return tensor.to(at::kDouble).norm().item<double>(); }

const at::Tensor* find_or_null(const NamedTensors& tensors, const std::string& name) {
  const auto found =
      std::ranges::find(tensors, name, [](const auto& entry) -> const std::string& { return entry.first; });
  return found == tensors.end() ? nullptr : &found->second;
}

/// Largest absolute difference of one tensor; infinite if it is missing or of another shape.
StageComparison compare_values(const std::string& stage, const at::Tensor& expected, const at::Tensor* got) {
  StageComparison result{stage, "max abs", std::numeric_limits<double>::infinity(), kActivationTolerance,
                         shape_text(expected)};
  if (got == nullptr) {
    result.where += " is missing";
  } else if (got->sizes() != expected.sizes()) {
    result.where = fmt::format("{} instead of {}", shape_text(*got), shape_text(expected));
  } else {
    const at::Tensor difference = got->to(at::kDouble) - expected.to(at::kDouble);
    result.error = difference.numel() == 0 ? 0 : difference.abs().max().item<double>();
  }
  return result;
}

/// Compares the floating-point tensors of one file in the order in which `got` holds them (that of the data flow), then
/// those that it lacks.
void compare_file(const Folders& folders, const std::string& file, const std::string& prefix, Stages& stages) {
  const NamedTensors expected = read_safetensors(folders.expected / file);
  const NamedTensors got = read_safetensors(folders.got / file);
  for (const auto& [name, tensor] : got) {
    const at::Tensor* reference = find_or_null(expected, name);
    if (reference != nullptr && tensor.is_floating_point()) {
      stages.push_back(compare_values(prefix + name, *reference, &tensor));
    }
  }
  for (const auto& [name, tensor] : expected) {
    if (find_or_null(got, name) == nullptr) stages.push_back(compare_values(prefix + name, tensor, nullptr));
  }
}

/// The reference's gradient of `name`, whole: it may be stored as the rows that are not zero.
std::optional<at::Tensor> expected_gradient(const NamedTensors& expected, const std::string& name,
                                            at::IntArrayRef shape) {
  if (const at::Tensor* whole = find_or_null(expected, name)) return *whole;
  const at::Tensor* rows = find_or_null(expected, name + ".rows");
  const at::Tensor* values = find_or_null(expected, name + ".values");
  if (rows == nullptr || values == nullptr) return std::nullopt;
  return at::zeros(shape, values->options()).index_copy(0, *rows, *values);
}

void compare_gradient(const std::string& name, const at::Tensor& expected, const at::Tensor& got,
                      const GradientNorms& norms, Worst& worst) {
  if (expected.sizes() != got.sizes()) {
    worst.add(std::numeric_limits<double>::infinity(),
              fmt::format("{}: {} instead of {}", name, shape_text(got), shape_text(expected)));
  } else if (norms.is_noise(name)) {
    worst.add(norm_of(got) / norms.total(), kNoiseTolerance, name + " (true gradient 0)");
  } else {
    worst.add(norm_of(got.to(at::kDouble) - expected.to(at::kDouble)) / norm_of(expected), name);
  }
}

}  // namespace

GradientNorms::GradientNorms(const NamedTensors& gradients) {
  double squares = 0;
  for (const auto& [name, tensor] : gradients) {
    if (!tensor.is_floating_point()) continue;
    const double norm = norm_of(tensor);
    squares += norm * norm;
    by_name_.emplace(name, norm);
  }
  total_ = std::sqrt(squares);
}

bool GradientNorms::is_noise(const std::string& name) const {
  // A constant added to all keys changes no softmax.
  if (name.ends_with("attention.self.key.bias")) return true;
  const auto found = by_name_.find(name);
  return found != by_name_.end() && found->second < kNoiseShare * total_;
}

std::string module_of(const std::string& tensor) {
  // Up to the number of a layer, else up to the second dot.
  for (const char* list : {".layer.", ".layers."}) {
    if (const size_t at = tensor.find(list); at != std::string::npos) {
      return tensor.substr(0, tensor.find('.', at + std::string_view(list).size()));
    }
  }
  const size_t first = tensor.find('.');
  const size_t second = first == std::string::npos ? first : tensor.find('.', first + 1);
  return tensor.substr(0, second == std::string::npos ? first : second);
}

void compare_activations(const Folders& folders, Stages& stages) {
  compare_file(folders, "activations.safetensors", "", stages);
}

void compare_long_text(const Folders& folders, Stages& stages) {
  compare_file(folders, "long_text.safetensors", "long text: ", stages);
}

void compare_gradients(const Folders& folders, Stages& stages) {
  const fs::path file = "gradients.safetensors";
  const NamedTensors expected = read_safetensors(folders.expected / file);
  const NamedTensors got = read_safetensors(folders.got / file);
  const GradientNorms norms(expected);

  // Backwards, as gradients flow; a module's tensors are neighbours.
  std::optional<Worst> worst;
  std::string module;
  for (auto entry = got.rbegin(); entry != got.rend(); ++entry) {
    const auto& [name, tensor] = *entry;
    if (module_of(name) != module) {
      if (worst) stages.push_back(worst->stage());
      module = module_of(name);
      worst.emplace("gradients of " + module, "relative norm", kGradientTolerance);
    }
    const auto reference = expected_gradient(expected, name, tensor.sizes());
    if (reference) {
      compare_gradient(name, *reference, tensor, norms, *worst);
    } else {
      worst->add(std::numeric_limits<double>::infinity(), name + ": the reference has no gradient");
    }
  }
  if (worst) stages.push_back(worst->stage());
  for (const auto& [name, tensor] : expected) {
    if (name.ends_with(".rows") || name.ends_with(".values") || find_or_null(got, name) != nullptr) continue;
    stages.push_back({"gradients of " + name, "relative norm", std::numeric_limits<double>::infinity(),
                      kGradientTolerance, name + " is missing"});
  }
}

}  // namespace canine::replay_files
