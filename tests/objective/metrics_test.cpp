#include "canine/objective/metrics.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "support/host_reads.hpp"

namespace canine {
namespace {

using Catch::Matchers::WithinRel;

const LossLayout kLayout{.num_blocks = 2, .block_size = 2, .pad_index = 1};

at::Tensor tokens(std::initializer_list<int64_t> values) {
  return at::tensor(at::ArrayRef<int64_t>(values.begin(), values.size()), at::kLong).view({1, -1});
}

/// Logits [1, 5, 7] whose largest entries spell the four predicted tokens (the last position says 0).
at::Tensor predicting(std::initializer_list<int64_t> values) {
  const at::Tensor index = at::cat({tokens(values), at::zeros({1, 1}, at::kLong)}, 1).unsqueeze(2);
  return at::zeros({1, 5, 7}).scatter(2, index, 1.0);
}

ValidationMetrics metrics_of(const at::Tensor& sequence_logits, const at::Tensor& targets) {
  MetricSums sums(at::kCPU);
  const at::Tensor flat = at::zeros({targets.size(0), 3});
  sums.add(sequence_logits, flat, targets, flat, kLayout, 0.1);
  return sums.means();
}

TEST_CASE("worked example: sequence 0, token 25, flat 2/3") {
  const auto index = [](int64_t count) { return at::arange(count, at::kDouble); };
  const at::Tensor logits =
      at::sin(1 + index(3).view({3, 1, 1}) + 2 * index(5).view({1, 5, 1}) + 3 * index(7).view({1, 1, 7}));
  const at::Tensor targets = at::tensor({2, 5, 6, 1, 1, 3, 2, 5, 3, 6, 4, 3, 2, 6, 6, 1, 1, 3}, at::kLong).view({3, 6});
  const at::Tensor flat_logits = at::tensor({.5, -1., 2., 0., 1., -2., 1., 1., 1.}, at::kDouble).view({3, 3});
  const at::Tensor flat_targets = at::tensor({1., 0., 0., 0., 1., 0., 1., 1., 1.}, at::kDouble).view({3, 3});
  MetricSums sums(at::kCPU);
  sums.add(logits, flat_logits, targets, flat_targets, kLayout, 0.1);
  const ValidationMetrics metrics = sums.means();
  CHECK(metrics.rows == 3);
  CHECK(metrics.seq_acc == 0);
  CHECK_THAT(metrics.token_acc, WithinRel(25.0, 1e-12));
  CHECK_THAT(metrics.flat_acc, WithinRel(2.0 / 3.0, 1e-12));
  CHECK_THAT(metrics.loss, WithinRel(0.714605488141, 1e-11));
  CHECK_THAT(metrics.loss_seq2seq, WithinRel(2.158666256993, 1e-11));
  CHECK_THAT(metrics.loss_linear, WithinRel(0.554154291602, 1e-11));
}

TEST_CASE("an empty target block is satisfied by an empty predicted block only") {
  const at::Tensor target = tokens({2, 5, 6, 1, 1, 3});
  const ValidationMetrics doubled = metrics_of(predicting({5, 6, 5, 6}), target);
  CHECK(doubled.seq_acc == 0);
  CHECK(doubled.token_acc == 50);
  const ValidationMetrics swapped = metrics_of(predicting({1, 1, 5, 6}), target);
  CHECK(swapped.seq_acc == 100);
  CHECK(swapped.token_acc == 100);
}

TEST_CASE("the order of blocks does not matter, the order within a block does") {
  const at::Tensor target = tokens({2, 5, 6, 3, 4, 3});
  CHECK(metrics_of(predicting({3, 4, 5, 6}), target).seq_acc == 100);
  const ValidationMetrics turned = metrics_of(predicting({6, 5, 3, 4}), target);
  CHECK(turned.seq_acc == 0);
  CHECK(turned.token_acc == 50);
}

TEST_CASE("hits of each row, and groups of rows") {
  const at::Tensor logits = at::cat({predicting({5, 6, 1, 1}), predicting({3, 6, 3, 4}), predicting({5, 6, 1, 1})});
  const at::Tensor targets =
      at::cat({tokens({2, 5, 6, 1, 1, 3}), tokens({2, 5, 6, 3, 4, 3}), tokens({2, 6, 5, 6, 5, 3})});
  const at::Tensor flat = at::tensor({1., -1., 1., 1., -1., -1.}, at::kDouble).view({3, 2});
  const at::Tensor flat_targets = at::tensor({1., 0., 1., 0., 0., 0.}, at::kDouble).view({3, 2});
  MetricSums sums(at::kCPU);
  const at::Tensor hits = sums.add(logits, flat, targets, flat_targets, kLayout, 0.1);
  CHECK(at::equal(hits, at::tensor({1, 4, 1, 0, 3, 0, 0, 0, 1}, at::kLong).view({3, 3})));
  HitCounts all;
  for (int64_t row = 0; row < 3; ++row) all.add({hits.const_data_ptr<int64_t>() + 3 * row, 3}, kLayout.num_tokens());
  const ValidationMetrics metrics = sums.means();
  CHECK_THAT(100 * all.sequence_accuracy(), WithinRel(metrics.seq_acc, 1e-12));
  CHECK_THAT(100 * all.token_accuracy(), WithinRel(metrics.token_acc, 1e-12));
  CHECK_THAT(all.flat_accuracy(), WithinRel(metrics.flat_acc, 1e-12));
  CHECK(HitCounts().token_accuracy() == 0);
}

TEST_CASE("equal logits count as the first index, the last position does not count") {
  // All logits 0: the prediction is token 0 everywhere.
  CHECK(metrics_of(at::zeros({1, 5, 7}), tokens({2, 0, 0, 0, 0, 3})).seq_acc == 100);
  CHECK(metrics_of(at::zeros({1, 5, 7}), tokens({2, 1, 1, 1, 1, 3})).token_acc == 0);
}

TEST_CASE("a flat probability of exactly one half is a 0") {
  const at::Tensor logits = at::tensor({0.0F, 1e-9F, -1e-9F}).view({1, 3});  // all give 0.5 in float32
  MetricSums sums(at::kCPU);
  sums.add(predicting({5, 6, 1, 1}), logits, tokens({2, 5, 6, 1, 1, 3}), at::zeros({1, 3}), kLayout, 0.1);
  CHECK(sums.means().flat_acc == 1);
}

TEST_CASE("batches are weighted by their rows, and sums of several counters can be added") {
  const at::Tensor target = tokens({2, 5, 6, 1, 1, 3});
  const at::Tensor flat = at::full({1, 3}, -1.0);
  const at::Tensor right = predicting({5, 6, 1, 1});
  const at::Tensor wrong = predicting({4, 4, 4, 4});
  const auto add = [&](MetricSums& sums, const at::Tensor& logits, int64_t rows, double flat_target) {
    sums.add(logits.expand({rows, 5, 7}), flat.expand({rows, 3}), target.expand({rows, 6}),
             at::full({rows, 3}, flat_target), kLayout, 0.25);
  };
  MetricSums all(at::kCPU), one(at::kCPU), two(at::kCPU);
  add(one, right, 3, 0);
  add(two, wrong, 1, 1);
  add(all, right, 3, 0);
  add(all, wrong, 1, 1);
  const double loss_right = mixer_loss(right, flat, target, at::zeros({1, 3}), kLayout, 0.25).total.item<double>();
  const double loss_wrong = mixer_loss(wrong, flat, target, at::ones({1, 3}), kLayout, 0.25).total.item<double>();

  const ValidationMetrics metrics = all.means();
  CHECK(metrics.rows == 4);
  CHECK(metrics.seq_acc == 75);
  CHECK(metrics.token_acc == 75);
  CHECK(metrics.flat_acc == 0.75);
  CHECK_THAT(metrics.loss, WithinRel((3 * loss_right + loss_wrong) / 4, 1e-6));
  one.sums().add_(two.sums());
  CHECK(at::equal(one.sums(), all.sums()));
}

TEST_CASE("no rows give zeros") {
  const ValidationMetrics metrics = MetricSums(at::kCPU).means();
  CHECK(metrics.rows == 0);
  CHECK(metrics.loss == 0);
  CHECK(metrics.token_acc == 0);
}

TEST_CASE("adding a batch never makes the host wait") {
  MetricSums sums(at::kCPU);
  const at::Tensor logits = predicting({5, 6, 1, 1}).requires_grad_();
  const test::HostReads reads;
  sums.add(logits, at::zeros({1, 3}), tokens({2, 5, 6, 1, 1, 3}), at::zeros({1, 3}), kLayout, 0.1);
  CHECK(reads.count() == 0);
  CHECK_FALSE(sums.sums().requires_grad());
}

}  // namespace
}  // namespace canine
