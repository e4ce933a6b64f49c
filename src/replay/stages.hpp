#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "canine/checkpoint/named_tensors.hpp"
#include "canine/replay/compare.hpp"

namespace canine::replay_files {

/// The two folders of a comparison.
struct Folders {
  std::filesystem::path expected;
  std::filesystem::path got;
};

using Stages = std::vector<StageComparison>;

/// Forward pass: every activation.
void compare_activations(const Folders& folders, Stages& stages);
/// Encoder on a long input.
void compare_long_text(const Folders& folders, Stages& stages);
/// Losses and metrics at the start weights.
void compare_losses(const Folders& folders, Stages& stages);
/// Gradients module by module, from the heads back to the embeddings.
void compare_gradients(const Folders& folders, Stages& stages);
/// Decoding, of greedy.json or greedy_trained.json.
void compare_greedy(const Folders& folders, const std::string& file, const std::string& prefix, Stages& stages);
/// Optimizer steps and the weights after them.
void compare_steps(const Folders& folders, Stages& stages);
/// Metrics with the trained weights.
void compare_trained(const Folders& folders, Stages& stages);

/// Sizes of the reference's gradients.
class GradientNorms {
 public:
  explicit GradientNorms(const NamedTensors& gradients);

  double total() const { return total_; }

  /// True if the gradient of this parameter is 0 in exact arithmetic (key biases always; whatever is that small), so
  /// that what a program computes is noise.
  bool is_noise(const std::string& name) const;

 private:
  std::map<std::string, double> by_name_;
  double total_ = 0;
};

/// Part of the model that a tensor belongs to: "encoder.encoder.layer.1", "decoder.head", ...
std::string module_of(const std::string& tensor);

/// |got - expected| relative to |expected|; 0 for equal values, also infinite ones.
inline double relative_error(double expected, double got) {
  if (expected == got) return 0;
  return std::abs(got - expected) / std::max(std::abs(expected), std::numeric_limits<double>::min());
}

/// Keeps the worst entry of a stage: NaN is worse than any number.
class Worst {
 public:
  Worst(std::string stage, std::string measure, double tolerance)
      : worst_{std::move(stage), std::move(measure), 0, tolerance, ""} {}

  /// `tolerance` where the entry has one of its own; errors are ranked by their share of it.
  void add(double error, double tolerance, const std::string& where) {
    const bool is_worse = std::isnan(error) || error / tolerance > worst_.error / worst_.tolerance;
    if (std::isnan(worst_.error) || (!worst_.where.empty() && !is_worse)) return;
    worst_.error = error;
    worst_.tolerance = tolerance;
    worst_.where = where;
  }
  void add(double error, const std::string& where) { add(error, worst_.tolerance, where); }

  const StageComparison& stage() const { return worst_; }

 private:
  StageComparison worst_;
};

}  // namespace canine::replay_files
