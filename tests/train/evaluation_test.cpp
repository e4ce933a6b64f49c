#include <ATen/ATen.h>

#include "train/rank_runs.hpp"
#undef CHECK
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "canine/decode/greedy.hpp"
#include "canine/train/evaluation.hpp"
#include "canine/train/validation.hpp"

namespace canine {
namespace {

using Catch::Matchers::WithinRel;
using test::RankRuns;
using test::TemporaryFolder;
using test::TinyRun;

constexpr int64_t kBatchSize = 7;  // of 40 rows: six batches, the last one of five rows

Evaluation::Options options_of(const TinyRun& run) {
  Evaluation::Options options;
  options.loader.batch_size = kBatchSize;
  options.loader.collate.max_len = run.options.max_len;
  const BlockLayout layout = run.system->formatter()->layout();
  options.layout = {.num_blocks = layout.num_blocks, .block_size = layout.block_size};
  options.top_k = 3;
  return options;
}

struct Outcome {
  std::vector<EvaluatedBatch> batches;
  ValidationMetrics metrics;
};

Outcome evaluate(const TrainParts& parts, const TinyRun& run, const std::shared_ptr<ProcessGroup>& group) {
  Outcome outcome;
  Evaluation evaluation(*parts.val, parts.model, at::kCPU, group, options_of(run));
  outcome.metrics = evaluation.run([&](const EvaluatedBatch& batch) { outcome.batches.push_back(batch); });
  return outcome;
}

TEST_CASE("an evaluation gives the batches of greedy decoding and the metrics of the validation") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  TrainParts parts = run.parts();
  const Outcome outcome = evaluate(parts, run, ProcessGroup::single());
  REQUIRE(outcome.batches.size() == 6);
  int64_t next_row = 0;
  for (const EvaluatedBatch& batch : outcome.batches) {
    CHECK(batch.first_row == next_row);
    std::vector<int64_t> rows;
    for (; next_row < batch.first_row + batch.size(); ++next_row) rows.push_back(next_row);
    const Batch inputs = collate(*parts.val, rows, options_of(run).loader.collate);
    const GreedyResult greedy = greedy_decode(*parts.model, inputs.input_ids, inputs.attention_mask,
                                              run.system->formatter()->layout().sequence_length());
    CHECK(at::equal(batch.tokens, greedy.tokens));
    CHECK(at::equal(batch.probabilities, greedy.probabilities));
    const FlatTopK likeliest = flat_top_k(greedy.flat_logits, 3);
    CHECK(at::equal(batch.likeliest.classes, likeliest.classes));
    CHECK(at::equal(batch.likeliest.probabilities, likeliest.probabilities));
  }
  CHECK(next_row == 40);
  int64_t right_tokens = 0;
  for (const EvaluatedBatch& batch : outcome.batches) {
    CHECK(batch.hits.size(0) == batch.size());
    right_tokens += batch.hits.select(1, 1).sum().item<int64_t>();
  }
  CHECK(outcome.metrics.token_acc ==
        100.0 * static_cast<double>(right_tokens) / static_cast<double>(40 * options_of(run).layout.num_tokens()));

  Validation::Options options;
  options.loader = options_of(run).loader;
  options.layout = options_of(run).layout;
  const ValidationMetrics expected =
      Validation(*parts.val, parts.model, at::kCPU, ProcessGroup::single(), options).run();
  CHECK(outcome.metrics.rows == 40);
  CHECK(outcome.metrics.seq_acc == expected.seq_acc);
  CHECK(outcome.metrics.token_acc == expected.token_acc);
  CHECK(outcome.metrics.flat_acc == expected.flat_acc);
  CHECK_THAT(outcome.metrics.loss_seq2seq, WithinRel(expected.loss_seq2seq, 1e-6));
  CHECK_THAT(outcome.metrics.loss_linear, WithinRel(expected.loss_linear, 1e-6));
}

TEST_CASE("any number of ranks gives the same bits, in order and on rank 0 only") {
  const TemporaryFolder folder;
  RankRuns alone(1, folder.path());
  const Outcome expected = evaluate(alone.parts(0), alone.run(0), ProcessGroup::single());
  const int world = GENERATE(2, 3, 8);  // 8: more than there are batches
  CAPTURE(world);
  RankRuns runs(world, folder.path());
  const std::vector<Outcome> outcomes = testing::run_ranks(world, [&](const std::shared_ptr<ProcessGroup>& group) {
    at::set_num_threads(1);
    return evaluate(runs.parts(group->rank()), runs.run(group->rank()), group);
  });
  for (size_t rank = 0; rank < outcomes.size(); ++rank) {
    CHECK(outcomes[rank].metrics.loss == expected.metrics.loss);
    CHECK(outcomes[rank].metrics.token_acc == expected.metrics.token_acc);
    CHECK(outcomes[rank].metrics.rows == 40);
    CHECK(outcomes[rank].batches.size() == (rank == 0 ? 6 : 0));
  }
  for (size_t i = 0; i < expected.batches.size(); ++i) {
    const EvaluatedBatch& batch = outcomes[0].batches.at(i);
    CHECK(batch.first_row == expected.batches[i].first_row);
    CHECK(at::equal(batch.tokens, expected.batches[i].tokens));
    CHECK(at::equal(batch.probabilities, expected.batches[i].probabilities));
    CHECK(at::equal(batch.likeliest.classes, expected.batches[i].likeliest.classes));
    CHECK(at::equal(batch.likeliest.probabilities, expected.batches[i].likeliest.probabilities));
    CHECK(at::equal(batch.hits, expected.batches[i].hits));
  }
}

TEST_CASE("what the receiver throws ends the evaluation") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  TrainParts parts = run.parts();
  Evaluation evaluation(*parts.val, parts.model, at::kCPU, ProcessGroup::single(), options_of(run));
  CHECK_THROWS_AS(evaluation.run([](const EvaluatedBatch&) { throw IoError("disk full"); }), IoError);
  CHECK(parts.model->is_training());
}

}  // namespace
}  // namespace canine
