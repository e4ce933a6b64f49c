#include <ATen/Parallel.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/core/file.hpp"
#include "canine/model/encoder_config.hpp"
#include "canine/objective/metrics.hpp"
#include "canine/optim/schedule.hpp"
#include "canine/train/run_state.hpp"
#include "canine/train/training_step.hpp"
#include "support/python.hpp"
#include "test_paths.hpp"
#include "train/tiny_run.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

namespace canine {
namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::fixture;

/// The model of fixtures/tiny_a and one step of its training.
struct Reference {
  Reference() {
    at::set_num_threads(1);
    MixerOptions shape;
    shape.encoder = parse_encoder_config(read_file(fixture("encoder/config.json")), "config.json");
    shape.vocabulary_size = 2087;
    shape.num_classes = 40;
    model = Mixer(shape);
    TrainOptions options;
    options.learning_rate = 1e-3;
    options.seq2seq_weight = 0.2;
    step = std::make_unique<TrainingStep>(model, c10::Device(c10::kCPU), LossLayout{2, 5, 1}, options);
    for (auto& [name, tensor] : read_safetensors(fixture("step_batches.safetensors"))) tensors[name] = tensor;
  }

  Batch batch(int64_t i) const {
    const auto named = [&](const char* name) { return tensors.at(std::to_string(i) + "." + name); };
    return {named("input_ids"), named("attention_mask"), named("targets_seq2seq"), named("targets_linear"),
            std::vector<int64_t>(8)};
  }

  /// Loss before each of the updates first .. last - 1.
  std::vector<double> train(int64_t first, int64_t last, const LinearSchedule& schedule) {
    std::vector<double> losses;
    for (int64_t s = first; s < last; ++s) {
      losses.push_back(step->run(batch(s % 5), s, 1e-3 * schedule.factor(s)).loss.item<double>());
    }
    return losses;
  }

  Mixer model{nullptr};
  std::unique_ptr<TrainingStep> step;
  std::map<std::string, at::Tensor> tensors;
};

TEST_CASE("a checkpoint of the Python program goes on as the run that wrote it") {
  const LabelKey key = LabelKey::read(fixture("data/key.csv"));
  Reference from_start;
  load_state_dict(*from_start.model, read_safetensors(fixture("model.safetensors")), "model.safetensors");
  const std::vector<double> first_ten = from_start.train(0, 10, {2, 10});
  const auto steps = nlohmann::json::parse(read_file(fixture("steps.json"))).at("steps");
  REQUIRE(steps.size() == 10);
  for (size_t s = 0; s < 10; ++s) CHECK_THAT(first_ten[s], WithinRel(steps[s].at("loss").get<double>(), 1e-4));

  Reference resumed;
  const Restored restored = restore_checkpoint(read_torch_file(fixture("after10.bin")), resumed.model,
                                               resumed.step->optimizer(), &key, "after10.bin");
  CHECK(restored.step == 10);
  CHECK(restored.base_learning_rate == 1e-3);
  CHECK_FALSE(restored.state.has_value());
  const std::vector<double> went_on = from_start.train(10, 15, {2, 20});
  const std::vector<double> resumed_losses = resumed.train(10, 15, {2, 20});
  for (size_t s = 0; s < went_on.size(); ++s) CHECK_THAT(resumed_losses[s], WithinRel(went_on[s], 2e-5));
}

TEST_CASE("a checkpoint of the Python program goes on as PyTorch goes on from it") {
  const std::string printed = canine::testing::run_python(
      fmt::format("import runpy, sys\nsys.argv = ['peer', '{0}/benchmarks', '{1}', '10', '15', '20', '2']\n"
                  "runpy.run_path('{0}/tests/train/continue_peer.py')",
                  CANINE_SOURCE, CANINE_FIXTURES "/tiny_a"),
      CANINE_SOURCE);
  std::istringstream lines(printed);
  const std::vector<double> expected{std::istream_iterator<double>(lines), {}};
  REQUIRE(expected.size() == 5);

  const LabelKey key = LabelKey::read(fixture("data/key.csv"));
  Reference resumed;
  restore_checkpoint(read_torch_file(fixture("after10.bin")), resumed.model, resumed.step->optimizer(), &key,
                     "after10.bin");
  const std::vector<double> losses = resumed.train(10, 15, {2, 20});
  for (size_t s = 0; s < expected.size(); ++s) CHECK_THAT(losses[s], WithinRel(expected[s], 1e-4));
}

TEST_CASE("what was read from the Python program is written back the same") {
  const LabelKey key = LabelKey::read(fixture("data/key.csv"));
  Reference resumed;
  const PickleValue original = read_torch_file(fixture("after10.bin"));
  const Restored restored = restore_checkpoint(original, resumed.model, resumed.step->optimizer(), &key, "after10.bin");
  const PickleValue ours = checkpoint_content(resumed.model, resumed.step->optimizer(), {2, 10},
                                              restored.base_learning_rate, restored.step, &key, RunState());
  for (const char* name : {"model", "optimizer", "scheduler", "step", "key"}) {
    CHECK_NOTHROW(require_equal(original.at(name, "original"), ours.at(name, "ours"), name));
  }
}

}  // namespace
}  // namespace canine
