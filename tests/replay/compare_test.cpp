#include "canine/replay/compare.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::ordered_json;

/// Two folders into which a test writes one file each.
struct Folders {
  testing::TemporaryFolder expected, got;

  void write(const std::string& name, const Json& reference, const Json& own) const {
    write_file(expected / name, reference.dump(), false);
    write_file(got / name, own.dump(), false);
  }
  void write(const std::string& name, const NamedTensors& reference, const NamedTensors& own) const {
    write_safetensors(expected / name, reference);
    write_safetensors(got / name, own);
  }
  std::vector<StageComparison> compare() const { return compare_replays(expected.path(), got.path()); }
};

StageComparison stage(const std::vector<StageComparison>& stages, const std::string& name) {
  const auto found = std::ranges::find(stages, name, &StageComparison::stage);
  if (found == stages.end()) FAIL("no stage " << name);
  return *found;
}

at::Tensor values(std::initializer_list<float> list) {
  return at::tensor(at::ArrayRef<float>(list.begin(), list.size()));
}

TEST_CASE("activations are compared by their largest difference, in the order of the data flow") {
  Folders folders;
  folders.write("activations.safetensors", {{"a", values({1, 2})}, {"b", values({3, 4})}, {"c", values({5})}},
                {{"b", values({3, 4.00001F})}, {"a", values({1, 2.001F})}});
  const std::vector<StageComparison> stages = folders.compare();
  REQUIRE(stages.size() == 3);
  CHECK(stages[0].stage == "b");
  CHECK(stages[0].agrees());
  CHECK(stages[1].stage == "a");
  CHECK_FALSE(stages[1].agrees());
  CHECK(std::abs(stages[1].error - 1e-3) < 1e-6);
  CHECK(stages[1].where == "[2]");
  CHECK(stages[2].stage == "c");
  CHECK_FALSE(stages[2].agrees());
  CHECK_THAT(comparison_report(stages), ContainsSubstring("First stage that diverges: a (max abs error 0.001"));
}

TEST_CASE("activations of other shapes and NaN diverge") {
  Folders folders;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  folders.write("activations.safetensors", {{"a", values({1, 2})}, {"b", values({3, 4})}},
                {{"a", values({1, nan})}, {"b", values({3})}});
  const std::vector<StageComparison> stages = folders.compare();
  CHECK_FALSE(stages[0].agrees());
  CHECK_FALSE(stages[1].agrees());
  CHECK(stages[1].where == "[1] instead of [2]");
}

TEST_CASE("gradients are compared by norm, from the heads back to the embeddings") {
  Folders folders;
  const at::Tensor large = at::ones({100});
  const at::Tensor near = large.clone();
  near[3] += 5e-4;  // 5e-5 of the norm
  const at::Tensor far = large.clone();
  far[3] += 5e-3;
  folders.write(
      "gradients.safetensors",
      {{"encoder.encoder.layer.0.x", large}, {"encoder.encoder.layer.0.y", large}, {"linear_decoder.w", large}},
      {{"encoder.encoder.layer.0.x", far}, {"encoder.encoder.layer.0.y", near}, {"linear_decoder.w", near}});
  const std::vector<StageComparison> stages = folders.compare();
  REQUIRE(stages.size() == 2);
  CHECK(stages[0].stage == "gradients of linear_decoder");
  CHECK(stages[0].agrees());
  CHECK(stages[1].stage == "gradients of encoder.encoder.layer.0");
  CHECK_FALSE(stages[1].agrees());
  CHECK(stages[1].where == "encoder.encoder.layer.0.x");
}

TEST_CASE("a gradient stored as its rows that are not zero is compared whole") {
  Folders folders;
  const std::string name = "decoder.token_emb.embedding.weight";
  const NamedTensors reference = {{name + ".rows", at::tensor({1, 3}, at::kLong)},
                                  {name + ".values", at::ones({2, 4})}};
  at::Tensor own = at::zeros({5, 4});
  own.select(0, 1).fill_(1);
  own.select(0, 3).fill_(1);
  folders.write("gradients.safetensors", reference, {{name, own}});
  CHECK(folders.compare().front().agrees());
  own[2][0] = 0.01;  // a row that must be zero
  folders.write("gradients.safetensors", reference, {{name, own}});
  CHECK_FALSE(folders.compare().front().agrees());
}

TEST_CASE("gradients that are zero in exact arithmetic are only held to the size of noise") {
  Folders folders;
  const std::string key = "encoder.encoder.layer.0.attention.self.key.bias";
  const std::string joint = "decoder.decoder.layers.0.self_attn.in_proj_bias";
  const auto compare = [&](const at::Tensor& key_bias, const at::Tensor& joint_bias) {
    folders.write("gradients.safetensors", {{key, values({1e-9F, -2e-9F})}, {joint, values({1, 2e-9F, 3})}},
                  {{key, key_bias}, {joint, joint_bias}});
    return folders.compare();
  };
  for (const auto& one : compare(values({-3e-9F, 4e-9F}), values({1, -5e-9F, 3}))) CHECK(one.agrees());
  CHECK_FALSE(stage(compare(values({1e-3F, 0}), values({1, 0, 3})), "gradients of encoder.encoder.layer.0").agrees());
  CHECK_FALSE(stage(compare(values({0, 0}), values({1, 1e-3F, 3})), "gradients of decoder.decoder.layers.0").agrees());
  CHECK_FALSE(stage(compare(values({0, 0}), values({1, 0, 3.1F})), "gradients of decoder.decoder.layers.0").agrees());
}

TEST_CASE("gradients that are missing or too many diverge") {
  Folders folders;
  folders.write("gradients.safetensors", {{"decoder.head.weight", at::ones({2})}},
                {{"linear_decoder.weight", at::ones({2})}});
  const std::vector<StageComparison> stages = folders.compare();
  REQUIRE(stages.size() == 2);
  CHECK_FALSE(stages[0].agrees());
  CHECK_FALSE(stages[1].agrees());
}

TEST_CASE("losses are compared relatively, null is not a number") {
  Folders folders;
  const auto file = [](const Json& total, const Json& accuracy) {
    return Json{{"seq2seq", 8.0},
                {"linear", 0.5},
                {"total", total},
                {"loss_by_step_batch_at_start", {{{"loss", 2.0}, {"seq_acc", accuracy}}}}};
  };
  folders.write("losses.json", file(2.0, 0.0), file(2.000001, 0.0));
  CHECK(stage(folders.compare(), "loss total").agrees());
  CHECK(stage(folders.compare(), "losses of step batch 0").agrees());
  folders.write("losses.json", file(2.0, 0.0), file(2.00001, 12.5));
  CHECK_FALSE(stage(folders.compare(), "loss total").agrees());
  CHECK_FALSE(stage(folders.compare(), "losses of step batch 0").agrees());
  folders.write("losses.json", file(2.0, 0.0), file(nullptr, 0.0));
  CHECK_FALSE(stage(folders.compare(), "loss total").agrees());
}

/// greedy.json of one row of four positions.
Json greedy(std::vector<int> tokens, std::vector<double> probabilities, double gap) {
  return {{"tokens", {tokens}}, {"probabilities", {probabilities}}, {"logit_gap_to_second", {{0.5, gap, 0.5}}}};
}

TEST_CASE("tokens must be equal up to a tie of the reference") {
  Folders folders;
  const Json reference = greedy({2, 5, 6, 7}, {1, .5, .4, .3}, 1e-3);
  const Json tied = greedy({2, 5, 6, 7}, {1, .5, .4, .3}, 9e-6);
  const Json other = greedy({2, 5, 8, 9}, {1, .5, .1, .1}, 0.5);

  folders.write("greedy.json", reference, reference);
  for (const auto& one : folders.compare()) CHECK(one.agrees());
  folders.write("greedy.json", reference, other);
  CHECK_FALSE(stage(folders.compare(), "greedy tokens").agrees());
  CHECK(stage(folders.compare(), "greedy tokens").where == "first: row 0, position 2");
  folders.write("greedy.json", tied, other);
  for (const auto& one : folders.compare()) CHECK(one.agrees());
  folders.write("greedy.json", tied, greedy({2, 5, 8, 9}, {1, .5001, .1, .1}, 0.5));
  CHECK_FALSE(stage(folders.compare(), "greedy probabilities").agrees());
  folders.write("greedy.json", tied, greedy({2, 4, 6, 7}, {1, .5, .4, .3}, 0.5));  // before the tie
  CHECK_FALSE(stage(folders.compare(), "greedy tokens").agrees());
}

TEST_CASE("neighbours of the flat head may change places only if they are nearly equal") {
  Folders folders;
  const auto file = [](std::vector<int> index, std::vector<double> probability) {
    return Json{{"tokens", {{2}}},
                {"probabilities", {{1.0}}},
                {"flat_top5", {{"index", {index}}, {"probability", {probability}}}}};
  };
  folders.write("greedy.json", file({4, 1, 3}, {.9, .800001, .8}), file({4, 3, 1}, {.9, .800001, .8}));
  CHECK(stage(folders.compare(), "greedy flat top 5").agrees());
  folders.write("greedy.json", file({4, 1, 3}, {.9, .81, .8}), file({4, 3, 1}, {.9, .81, .8}));
  CHECK_FALSE(stage(folders.compare(), "greedy flat top 5").agrees());
  folders.write("greedy.json", file({4, 1, 3}, {.9, .81, .8}), file({4, 1, 3}, {.9, .81, .7999}));
  CHECK_FALSE(stage(folders.compare(), "greedy flat probabilities").agrees());
}

Json steps_file(double rate, double loss, double sum) {
  return {{"total_steps", 1},
          {"steps",
           {{{"loss", loss},
             {"loss_seq2seq", 2.0},
             {"loss_linear", 0.5},
             {"lr_used", rate},
             {"grad_norm_before_clip", 1.5}}}},
          {"state_sum_and_abs_sum_after",
           {{"encoder.pooler.dense.weight", {sum, 10.0}},
            {"encoder.encoder.layer.0.attention.self.key.bias", {sum, 10.0}}}}};
}

TEST_CASE("steps, rates and the weights after them are compared") {
  Folders folders;
  const auto compare = [&](const Json& own) {
    folders.write("steps.json", steps_file(1e-3, 1.0, 2.0), own);
    return folders.compare();
  };
  for (const auto& one : compare(steps_file(1e-3, 1.00005, 2.0005))) CHECK(one.agrees());
  CHECK_FALSE(stage(compare(steps_file(1.0001e-3, 1.0, 2.0)), "learning rates").agrees());
  CHECK_FALSE(stage(compare(steps_file(1e-3, 1.0002, 2.0)), "step 1").agrees());
  const std::vector<StageComparison> stages = compare(steps_file(1e-3, 1.0, 2.01));
  CHECK_FALSE(stage(stages, "weights after steps: encoder.pooler").agrees());
  CHECK(std::ranges::none_of(stages, [](const auto& one) { return one.stage.ends_with("layer.0"); }));
}

TEST_CASE("files of another layout are refused") {
  Folders folders;
  CHECK_THROWS_AS(folders.compare(), UsageError);  // nothing to compare with
  Json fewer = steps_file(1e-3, 1, 2);
  fewer["steps"] = Json::array();
  folders.write("steps.json", steps_file(1e-3, 1, 2), fewer);
  CHECK_THROWS_AS(folders.compare(), DataError);
  folders.write("steps.json", steps_file(1e-3, 1, 2), Json{{"steps", "none"}});
  CHECK_THROWS_AS(folders.compare(), DataError);
  write_file(folders.got / "steps.json",
             "{\"steps\": [{\"loss\": " + std::string(1000000, '[') + std::string(1000000, ']') + "}]}");
  CHECK_THROWS_AS(folders.compare(), DataError);
  std::filesystem::remove(folders.got / "steps.json");
  CHECK_THROWS_AS(folders.compare(), DataError);
}

TEST_CASE("the report aligns its columns and says when all agree") {
  const std::string report =
      comparison_report({{"a", "max abs", 0, 1e-5, "[2]"}, {"a longer stage", "relative", 1e-9, 1e-6, "x"}});
  CHECK_THAT(report, ContainsSubstring("\na longer stage   1.00e-09      1e-06  relative  agrees    x\n"));
  CHECK_THAT(report, ContainsSubstring("\na                0.00e+00      1e-05  max abs   agrees    [2]\n"));
  CHECK_THAT(report, ContainsSubstring("All 2 stages agree with the reference."));
}

}  // namespace
}  // namespace canine
