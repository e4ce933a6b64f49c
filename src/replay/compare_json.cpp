#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/core/errors.hpp"
#include "json.hpp"
#include "stages.hpp"

namespace canine::replay_files {
namespace {

namespace fs = std::filesystem;

constexpr double kLossTolerance = 1e-6;
constexpr double kStepTolerance = 1e-4;
constexpr double kRateTolerance = 1e-9;
constexpr double kProbabilityTolerance = 1e-5;
constexpr double kLogitTolerance = 2e-5;
/// Logits that are closer may change their order.
constexpr double kTieGap = 1e-5;

/// A value of a JSON file together with its path for messages.
class Node {
 public:
  Node(const Json& value, std::string path) : value_(&value), path_(std::move(path)) {}

  bool has(const std::string& key) const { return value_->is_object() && value_->contains(key); }

  Node operator[](const std::string& key) const {
    if (!has(key)) throw DataError("{}: \"{}\" is missing", path_, key);
    return {(*value_)[key], fmt::format("{}: {}", path_, key)};
  }
  Node operator[](size_t index) const { return {items()[index], fmt::format("{}[{}]", path_, index)}; }
  size_t size() const { return items().size(); }

  /// Numbers; null stands for one that is not finite.
  double number() const {
    if (value_->is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!value_->is_number()) throw DataError("{}: expected a number, found {}", path_, value_->dump().substr(0, 60));
    return value_->get<double>();
  }

  std::vector<double> numbers() const {
    std::vector<double> values;
    for (size_t i = 0; i < size(); ++i) values.push_back((*this)[i].number());
    return values;
  }

  const Json& json() const { return *value_; }

  /// Throws DataError unless both lists are equally long.
  void require_size_of(const Node& other) const {
    if (size() == other.size()) return;
    throw DataError("{}: expected {} entries as in {}, found {}", path_, other.size(), other.path_, size());
  }

 private:
  const Json& items() const {
    if (!value_->is_array()) throw DataError("{}: expected a list", path_);
    return *value_;
  }

  const Json* value_;
  std::string path_;
};

/// One file in both folders.
struct Pair {
  Pair(const Folders& folders, const std::string& file)
      : expected_file(folders.expected / file),
        got_file(folders.got / file),
        expected(expected_file.object(), (folders.expected / file).string()),
        got(got_file.object(), (folders.got / file).string()) {}

  JsonFile expected_file, got_file;
  Node expected, got;
};

/// Relative errors of all metrics that the reference holds as one stage.
void compare_metrics(const std::string& stage, const Node& expected, const Node& got, double tolerance,
                     Stages& stages) {
  Worst worst(stage, "relative", tolerance);
  for (const auto& [key, value] : expected.json().items()) {
    worst.add(relative_error(expected[key].number(), got[key].number()), key);
  }
  stages.push_back(worst.stage());
}

void compare_number(const std::string& stage, const std::string& key, const Pair& file, double tolerance,
                    Stages& stages) {
  if (!file.expected.has(key)) return;
  const double expected = file.expected[key].number();
  const double got = file.got[key].number();
  stages.push_back({stage, "relative", relative_error(expected, got), tolerance, fmt::format("{} is {}", key, got)});
}

/// First position of a row whose token differs; its length if there is none.
size_t first_difference(const std::vector<double>& expected, const std::vector<double>& got) {
  return static_cast<size_t>(std::ranges::mismatch(expected, got).in1 - expected.begin());
}

/// Tokens, and the probabilities of positions up to the first token that differs.
void compare_sequences(const Pair& file, const std::string& prefix, Stages& stages) {
  const Node expected = file.expected["tokens"], got = file.got["tokens"];
  const std::optional<Node> gaps =
      file.expected.has("logit_gap_to_second") ? std::optional(file.expected["logit_gap_to_second"]) : std::nullopt;
  got.require_size_of(expected);
  StageComparison tokens{prefix + "tokens", "rows that differ", 0, 0, fmt::format("{} rows", expected.size())};
  Worst probabilities(prefix + "probabilities", "max abs", kProbabilityTolerance);
  for (size_t row = 0; row < expected.size(); ++row) {
    got[row].require_size_of(expected[row]);
    const size_t length = expected[row].size();
    const size_t differs = first_difference(expected[row].numbers(), got[row].numbers());
    const bool is_tie = differs > 0 && differs < length && gaps && (*gaps)[row][differs - 1].number() < kTieGap;
    if (differs < length && !is_tie) {
      if (tokens.error++ == 0) tokens.where = fmt::format("first: row {}, position {}", row, differs);
    }
    for (size_t i = 0; i < differs; ++i) {
      const double difference =
          file.got["probabilities"][row][i].number() - file.expected["probabilities"][row][i].number();
      probabilities.add(std::abs(difference), fmt::format("row {}, position {}", row, i));
    }
  }
  stages.push_back(tokens);
  stages.push_back(probabilities.stage());
}

/// Classes of the flat head in falling order; neighbours that are nearly equal may change places.
void compare_flat_top(const Pair& file, const std::string& prefix, Stages& stages) {
  if (!file.expected.has("flat_top5")) return;
  const Node expected = file.expected["flat_top5"], got = file.got["flat_top5"];
  StageComparison classes{prefix + "flat top 5", "rows that differ", 0, 0,
                          fmt::format("{} rows", expected["index"].size())};
  Worst probabilities(prefix + "flat probabilities", "max abs", kProbabilityTolerance);
  got["index"].require_size_of(expected["index"]);
  for (size_t row = 0; row < expected["index"].size(); ++row) {
    got["index"][row].require_size_of(expected["index"][row]);
    const std::vector<double> p = expected["probability"][row].numbers();
    const std::vector<double> index = expected["index"][row].numbers(), own = got["index"][row].numbers();
    bool differs = false;
    for (size_t i = 0; i < p.size(); ++i) {
      const auto near = [&](size_t other) { return other < p.size() && std::abs(p[other] - p[i]) < kTieGap; };
      differs = differs || (own[i] != index[i] && !near(i - 1) && !near(i + 1));
      probabilities.add(std::abs(got["probability"][row][i].number() - p[i]), fmt::format("row {}, place {}", row, i));
    }
    if (differs && classes.error++ == 0) classes.where = fmt::format("first: row {}", row);
  }
  stages.push_back(classes);
  stages.push_back(probabilities.stage());
}

void compare_flat_logits(const Pair& file, const std::string& prefix, Stages& stages) {
  if (!file.expected.has("flat_logits_decoding")) return;
  const Node expected = file.expected["flat_logits_decoding"], got = file.got["flat_logits_decoding"];
  got.require_size_of(expected);
  Worst worst(prefix + "flat logits", "max abs", kLogitTolerance);
  for (size_t row = 0; row < expected.size(); ++row) {
    got[row].require_size_of(expected[row]);
    for (size_t i = 0; i < expected[row].size(); ++i) {
      worst.add(std::abs(got[row][i].number() - expected[row][i].number()), fmt::format("row {}, class {}", row, i));
    }
  }
  stages.push_back(worst.stage());
}

/// Sums over the weights after the steps, module by module. Weights whose true gradient is 0 (of in_proj_bias the
/// middle third) are left out: an optimizer that divides by the size of the gradient makes steps of its noise.
void compare_state_sums(const Folders& folders, const Pair& file, Stages& stages) {
  const std::string key = "state_sum_and_abs_sum_after";
  if (!file.expected.has(key)) return;
  const Node expected = file.expected[key], got = file.got[key];
  const fs::path gradients = folders.expected / "gradients.safetensors";
  const GradientNorms norms(fs::exists(gradients) ? read_safetensors(gradients) : NamedTensors());
  std::optional<Worst> worst;
  std::string module;
  for (const auto& [name, sums] : expected.json().items()) {
    if (norms.is_noise(name) || name.ends_with("in_proj_bias")) continue;
    if (module_of(name) != module) {
      if (worst) stages.push_back(worst->stage());
      module = module_of(name);
      worst.emplace("weights after steps: " + module, "sums, relative", kStepTolerance);
    }
    const std::vector<double> reference = expected[name].numbers(), own = got[name].numbers();
    if (reference.size() != 2 || own.size() != 2) throw DataError("{}: expected two sums for {}", key, name);
    const double scale = std::max(reference[1], std::numeric_limits<double>::min());
    worst->add(std::abs(own[0] - reference[0]) / scale, name);
    worst->add(std::abs(own[1] - reference[1]) / scale, name);
  }
  if (worst) stages.push_back(worst->stage());
}

}  // namespace

void compare_losses(const Folders& folders, Stages& stages) {
  const Pair file(folders, "losses.json");
  for (const char* key : {"seq2seq", "linear", "total"}) {
    compare_number(fmt::format("loss {}", key), key, file, kLossTolerance, stages);
  }
  const std::pair<const char*, const char*> metrics[] = {{"metrics of the batch", "metrics_of_batch_at_start"},
                                                         {"metrics of all step batches", "metrics_train_at_start"}};
  for (const auto& [stage, key] : metrics) {
    if (file.expected.has(key)) compare_metrics(stage, file.expected[key], file.got[key], kLossTolerance, stages);
  }
  const std::string key = "loss_by_step_batch_at_start";
  if (file.expected.has(key)) {
    const Node expected = file.expected[key], got = file.got[key];
    got.require_size_of(expected);
    for (size_t i = 0; i < expected.size(); ++i) {
      compare_metrics(fmt::format("losses of step batch {}", i), expected[i], got[i], kLossTolerance, stages);
    }
  }
  compare_number("gradient norm", "total_gradient_norm", file, kStepTolerance, stages);
}

void compare_greedy(const Folders& folders, const std::string& file, const std::string& prefix, Stages& stages) {
  const Pair pair(folders, file);
  compare_sequences(pair, prefix, stages);
  compare_flat_logits(pair, prefix, stages);
  compare_flat_top(pair, prefix, stages);
}

void compare_steps(const Folders& folders, Stages& stages) {
  const Pair file(folders, "steps.json");
  const Node expected = file.expected["steps"], got = file.got["steps"];
  got.require_size_of(expected);
  Worst rates("learning rates", "relative", kRateTolerance);
  for (const char* key : {"total_steps", "warmup_steps"}) {
    if (file.expected.has(key)) rates.add(relative_error(file.expected[key].number(), file.got[key].number()), key);
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    rates.add(relative_error(expected[i]["lr_used"].number(), got[i]["lr_used"].number()),
              fmt::format("step {}", i + 1));
  }
  stages.push_back(rates.stage());
  for (size_t i = 0; i < expected.size(); ++i) {
    Worst worst(fmt::format("step {}", i + 1), "relative", kStepTolerance);
    for (const char* key : {"loss_seq2seq", "loss_linear", "loss", "grad_norm_before_clip"}) {
      worst.add(relative_error(expected[i][key].number(), got[i][key].number()), key);
    }
    stages.push_back(worst.stage());
  }
  compare_state_sums(folders, file, stages);
  const char* after = "metrics_train_after";
  if (file.expected.has(after)) {
    compare_metrics("metrics after steps", file.expected[after], file.got[after], kStepTolerance, stages);
  }
}

void compare_trained(const Folders& folders, Stages& stages) {
  const Pair file(folders, "trained.json");
  // A loss near 0 after training is the difference of large numbers, so it is held to the steps' tolerance.
  compare_metrics("trained: metrics", file.expected["metrics_train"], file.got["metrics_train"], kStepTolerance,
                  stages);
}

}  // namespace canine::replay_files
