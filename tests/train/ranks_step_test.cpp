#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <c10/core/GradMode.h>

#include "canine/data/filled_blocks.hpp"
#include "canine/data/loader.hpp"
#include "canine/train/training_step.hpp"
#include "train/rank_runs.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

namespace canine {
namespace {

using Catch::Matchers::WithinRel;
using test::RankRuns;
using test::TemporaryFolder;
using test::TinyRun;

struct Steps {
  std::vector<double> losses;         // of the global batch of each step
  std::vector<at::Tensor> gradients;  // before the first update
  std::vector<int64_t> reductions;    // all-reduces of each step
};

/// `count` steps of `world` ranks with `rows` rows x `accumulation`, outside a Trainer.
Steps steps_of(int world, int64_t rows, int64_t accumulation, int64_t count,
               const std::function<void(TinyRun&)>& change = {}) {
  const TemporaryFolder folder;
  RankRuns runs(world, folder.path(), change);
  const auto results = testing::run_ranks(world, [&](const std::shared_ptr<ProcessGroup>& group) {
    at::set_num_threads(1);
    const TrainParts& parts = runs.parts(group->rank());
    TrainOptions options = runs.run(group->rank()).options;
    options.clip_norm = 0;
    const BlockLayout layout = parts.train->formatter().layout();
    TrainingStep step(parts.model, parts.device, {layout.num_blocks, layout.block_size, LabelIndex::kPad}, options,
                      group);
    const DistributedSampler sampler(
        {parts.train->size(), group->rank(), world, true, 0, DistributedSampler::Remainder::kDrop});
    BatchLoader loader(*parts.train, sampler, nullptr, {.batch_size = rows, .collate = {.max_len = 32}});
    FilledBlocks blocks(*parts.train, sampler, rows * accumulation * world);
    const int64_t steps_per_epoch = sampler.rows_per_rank() / (rows * accumulation);
    Steps result;
    for (int64_t s = 0; s < count; ++s) {
      if (s % steps_per_epoch == 0) {
        loader.seek(static_cast<uint64_t>(s / steps_per_epoch));
        blocks.seek(static_cast<uint64_t>(s / steps_per_epoch));
      }
      std::vector<Batch> batches;
      for (int64_t i = 0; i < accumulation; ++i) batches.push_back(*loader.next());
      std::optional<int64_t> filled;
      if (options.loss_scope == LossScope::kGlobal) filled = blocks.of_batch(s % steps_per_epoch);
      const int64_t before = step.num_reductions();
      const auto outcome = step.run(batches, s, options.learning_rate, filled);
      result.reductions.push_back(step.num_reductions() - before);
      at::Tensor loss = outcome.loss.to(at::kDouble);
      group->all_reduce(loss, Reduction::kSum, "the losses of a test");
      result.losses.push_back(loss.item<double>() / world);
      if (s > 0) continue;
      // AdamW's first moment after the first update is a tenth of the gradient.
      for (const auto& state : step.optimizer().states()) result.gradients.push_back(state.exp_avg.clone());
    }
    return result;
  });
  return results.front();
}

double largest_difference(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double scale = std::max(1e-6, a[i].abs().max().item<double>());
    largest = std::max(largest, (a[i] - b[i]).abs().max().item<double>() / scale);
  }
  return largest;
}

void several_codes(TinyRun& run) {
  run.files = "data";
  run.columns = {"hisco_1", "hisco_2"};
}

TEST_CASE("1, 2 and 4 ranks with the same global batch have the same losses over 20 steps") {
  const Steps alone = steps_of(1, 24, 1, 20);
  REQUIRE(alone.losses.size() == 20);
  CHECK(alone.losses.back() < 0.9 * alone.losses.front());
  for (const int world : {2, 4}) {
    const Steps together = steps_of(world, 24 / world, 1, 20);
    for (size_t s = 0; s < 20; ++s) {
      CAPTURE(world, s);
      CHECK_THAT(together.losses[s], WithinRel(alone.losses[s], 1e-5));
    }
  }
}

TEST_CASE("micro-batches equal one big batch from the very first step, across the rebuilding of buckets") {
  const Steps whole = steps_of(1, 24, 1, 6);
  SECTION("one process") {
    const Steps parts = steps_of(1, 6, 4, 6);
    CHECK(largest_difference(whole.gradients, parts.gradients) < 1e-4);
    for (size_t s = 0; s < 6; ++s) CHECK_THAT(parts.losses[s], WithinRel(whole.losses[s], 1e-5));
  }
  SECTION("two processes, which exchange gradients once per update") {
    const Steps parts = steps_of(2, 4, 3, 6);
    CHECK(largest_difference(whole.gradients, parts.gradients) < 1e-4);
    for (size_t s = 0; s < 6; ++s) CHECK_THAT(parts.losses[s], WithinRel(whole.losses[s], 1e-5));
    const Steps once = steps_of(2, 12, 1, 6);
    CHECK(parts.reductions == once.reductions);
    CHECK(parts.reductions.front() > 0);
  }
}

TEST_CASE("micro-batches of different size count by their rows") {
  const TemporaryFolder folder;
  const auto gradients = [&](const std::vector<std::vector<int64_t>>& rows) {
    RankRuns runs(1, folder.path());
    const TrainParts& parts = runs.parts(0);
    const BlockLayout layout = parts.train->formatter().layout();
    TrainingStep step(parts.model, parts.device, {layout.num_blocks, layout.block_size, LabelIndex::kPad},
                      runs.run(0).options);
    std::vector<Batch> batches;
    for (const auto& of_batch : rows) batches.push_back(collate(*parts.train, of_batch, {.max_len = 32}));
    step.run(batches, 0, 1e-3);
    std::vector<at::Tensor> copies;
    for (const auto& state : step.optimizer().states()) copies.push_back(state.exp_avg.clone());
    return copies;
  };
  const auto whole = gradients({{0, 1, 2, 3, 4, 5, 6}});
  CHECK(largest_difference(whole, gradients({{0, 1, 2, 3, 4}, {5, 6}})) < 1e-4);
  CHECK(largest_difference(whole, gradients({{0}, {1, 2, 3, 4, 5, 6}})) < 1e-4);
}

TEST_CASE("every micro-batch drops out other elements") {
  const TemporaryFolder folder;
  const auto loss_of = [&](bool dropout, size_t times) {
    TinyRun run(folder.path());
    run.dropout = dropout;
    const TrainParts parts = run.parts();
    const BlockLayout layout = parts.train->formatter().layout();
    TrainingStep step(parts.model, parts.device, {layout.num_blocks, layout.block_size, LabelIndex::kPad}, run.options);
    const std::vector<int64_t> rows = {0, 1, 2};
    const std::vector<Batch> batches(times, collate(*parts.train, rows, {.max_len = 32}));
    return step.run(batches, 0, 1e-3).loss.item<double>();
  };
  CHECK_THAT(loss_of(false, 2), WithinRel(loss_of(false, 1), 1e-6));
  CHECK(std::abs(loss_of(true, 2) / loss_of(true, 1) - 1) > 1e-6);
}

TEST_CASE("the global scope of the loss gives two ranks the gradients of one, the process scope does not") {
  const auto scope = [](LossScope loss_scope) {
    return [loss_scope](TinyRun& run) {
      several_codes(run);
      run.options.loss_scope = loss_scope;
      run.options.seq2seq_weight = 1.0;
    };
  };
  // Rows of one and of two codes: small batches often have no second code on one rank only.
  const Steps alone = steps_of(1, 4, 1, 10, scope(LossScope::kProcess));
  const Steps global = steps_of(2, 2, 1, 10, scope(LossScope::kGlobal));
  const Steps process = steps_of(2, 2, 1, 10, scope(LossScope::kProcess));
  const Steps accumulated = steps_of(2, 1, 2, 10, scope(LossScope::kGlobal));
  double most_global = 0, most_process = 0, most_accumulated = 0;
  for (size_t s = 0; s < 10; ++s) {
    const auto off = [&](const Steps& steps) { return std::abs(steps.losses[s] / alone.losses[s] - 1); };
    most_global = std::max(most_global, off(global));
    most_process = std::max(most_process, off(process));
    most_accumulated = std::max(most_accumulated, off(accumulated));
  }
  CHECK(most_global < 1e-5);
  CHECK(most_accumulated < 1e-5);
  CHECK(most_process > 1e-3);
  CHECK(largest_difference(alone.gradients, global.gradients) < 1e-4);
}

TEST_CASE("an infinite loss with finite gradients on one rank makes both leave the update out") {
  const TemporaryFolder folder;
  RankRuns runs(2, folder.path());
  const auto skipped = testing::run_ranks(2, [&](const std::shared_ptr<ProcessGroup>& group) {
    at::set_num_threads(1);
    const TrainParts& parts = runs.parts(group->rank());
    const BlockLayout layout = parts.train->formatter().layout();
    {
      // Two logits of 3e38: their cross-entropies with 0 sum to infinity, with 1 to zero; gradients are 1 and 0.
      const c10::NoGradGuard no_grad;
      for (auto& item : parts.model->named_parameters()) {
        if (item.key() == "linear_decoder.bias") item.value().narrow(0, 0, 2).fill_(3e38F);
      }
    }
    TrainingStep step(parts.model, parts.device, {layout.num_blocks, layout.block_size, LabelIndex::kPad},
                      runs.run(group->rank()).options, group);
    const std::vector<int64_t> rows = {0, 1, 2};
    Batch batch = collate(*parts.train, rows, {.max_len = 32});
    batch.targets_linear.narrow(1, 0, 2).fill_(group->rank() == 0 ? 1 : 0);
    const auto outcome = step.run(batch, 0, 1e-3);
    step.check_in_sync("after a step that was left out");
    return std::pair(outcome.loss.isfinite().item<bool>(), outcome.fault.item<float>());
  });
  CHECK(skipped[0].first);
  CHECK(skipped[0].second == 1);
  CHECK_FALSE(skipped[1].first);
  CHECK(skipped[1].second == 2);
}

}  // namespace
}  // namespace canine
