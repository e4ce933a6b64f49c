#include <ATen/ATen.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <random>
#include <string>
#include <vector>

#include "canine/objective/metrics.hpp"
#include "canine/text/make_formatter.hpp"
#include "objective/literal_loss.hpp"

namespace canine {
namespace {

using Catch::Matchers::WithinRel;

/// The built-in classifications: 27 and 8 label positions, most of them PAD in most rows.
struct System {
  explicit System(FormatterKind kind) : formatter(make_formatter({.kind = kind})) {
    const BlockLayout blocks = formatter->layout();
    layout = {.num_blocks = blocks.num_blocks, .block_size = blocks.block_size};
  }

  /// [codes.size(), L] targets of rows with that many random codes each.
  at::Tensor targets(const std::vector<int64_t>& codes, std::mt19937& random) const {
    const int64_t length = formatter->layout().sequence_length();
    at::Tensor rows = at::empty({static_cast<int64_t>(codes.size()), length}, at::kLong);
    int64_t* row = rows.mutable_data_ptr<int64_t>();
    for (const int64_t count : codes) {
      std::vector<std::string> texts;  // below 1000, so numbers of HISCO classes and OCC1950 codes alike
      for (int64_t i = 0; i < count; ++i) texts.push_back(std::to_string(random() % (i == 0 ? 4 : 1000)));
      const std::vector<std::optional<std::string_view>> cells(texts.begin(), texts.end());
      REQUIRE(formatter->encode(cells, {row, static_cast<size_t>(length)}) == std::nullopt);
      row += length;
    }
    return rows;
  }

  at::Tensor random_logits(int64_t rows) const {
    return 3 * at::randn({rows, layout.num_tokens() + 1, formatter->vocabulary_size()}, at::kDouble);
  }

  std::shared_ptr<const Formatter> formatter;
  LossLayout layout;
};

struct LiteralMetrics {
  double seq_acc = 0;
  double token_acc = 0;
};

/// The definition of the accuracies (model.md section 7) as loops over single numbers.
LiteralMetrics literal_metrics(const at::Tensor& logits, const at::Tensor& targets, const LossLayout& layout) {
  const at::Tensor predicted = logits.argmax(-1);
  const auto guess = predicted.accessor<int64_t, 2>();
  const auto target = targets.accessor<int64_t, 2>();
  const int64_t B = logits.size(0), nb = layout.num_blocks, bs = layout.block_size;
  LiteralMetrics metrics;
  for (int64_t row = 0; row < B; ++row) {
    bool all_found = true;
    for (int64_t j = 0; j < nb; ++j) {
      int64_t best = 0;
      for (int64_t c = 0; c < nb; ++c) {
        int64_t equal = 0;
        for (int64_t t = 0; t < bs; ++t) equal += guess[row][c * bs + t] == target[row][1 + j * bs + t];
        best = std::max(best, equal);
      }
      metrics.token_acc += 100.0 * static_cast<double>(best) / static_cast<double>(B * nb * bs);
      all_found = all_found && best == bs;
    }
    metrics.seq_acc += all_found ? 100.0 / static_cast<double>(B) : 0;
  }
  return metrics;
}

ValidationMetrics metrics_of(const System& system, const at::Tensor& logits, const at::Tensor& targets) {
  MetricSums sums(at::kCPU);
  const at::Tensor flat = at::zeros({targets.size(0), 7}, at::kDouble);
  sums.add(logits, flat, targets, flat, system.layout, 0.5);
  return sums.means();
}

TEST_CASE("losses and metrics of HISCO and OCC1950 rows equal their literal definitions") {
  const System system(GENERATE(FormatterKind::kHisco, FormatterKind::kOcc1950));
  std::mt19937 random(3);
  at::manual_seed(3);
  for (int repeat = 0; repeat < 40; ++repeat) {
    std::vector<int64_t> codes(1 + random() % 6);
    for (int64_t& count : codes) count = 1 + static_cast<int64_t>(random()) % system.layout.num_blocks;
    const at::Tensor targets = system.targets(codes, random);
    at::Tensor logits = system.random_logits(targets.size(0));
    // Half of the positions guess right, so that blocks are hit in part and as a whole.
    const at::Tensor known = at::rand({targets.size(0), system.layout.num_tokens()}).lt(repeat % 2 == 0 ? 0.5 : 0.95);
    logits.narrow(1, 0, system.layout.num_tokens())
        .scatter_add_(2, targets.narrow(1, 1, system.layout.num_tokens()).unsqueeze(2),
                      8.0 * known.to(at::kDouble).unsqueeze(2));
    const double loss = test::literal_loss(logits, targets, system.layout).total();
    const LiteralMetrics expected = literal_metrics(logits, targets, system.layout);
    const ValidationMetrics metrics = metrics_of(system, logits, targets);
    CHECK_THAT(order_invariant_loss(logits, targets, system.layout).item<double>(), WithinRel(loss, 1e-12));
    CHECK_THAT(metrics.loss_seq2seq, WithinRel(loss, 1e-12));
    CHECK_THAT(metrics.seq_acc, WithinRel(expected.seq_acc, 1e-12));
    CHECK_THAT(metrics.token_acc, WithinRel(expected.token_acc, 1e-12));
  }
}

TEST_CASE("the codes of a row may be predicted in any order, with their padding anywhere") {
  const System system(GENERATE(FormatterKind::kHisco, FormatterKind::kOcc1950));
  std::mt19937 random(4);
  const at::Tensor targets = system.targets({1, 2, system.layout.num_blocks}, random);
  const at::Tensor tokens = targets.narrow(1, 1, system.layout.num_tokens());
  const at::Tensor backwards =
      tokens.reshape({3, system.layout.num_blocks, system.layout.block_size}).flip(1).reshape_as(tokens);
  const at::Tensor last = at::full({3, 1}, 3, at::kLong);
  const auto logits_of = [&](const at::Tensor& guess) {
    return 30 * at::one_hot(at::cat({guess, last}, 1), system.formatter->vocabulary_size()).to(at::kDouble);
  };
  CHECK(metrics_of(system, logits_of(backwards), targets).seq_acc == 100);
  CHECK(metrics_of(system, logits_of(backwards), targets).token_acc == 100);
  CHECK(order_invariant_loss(logits_of(tokens), targets, system.layout).item<double>() < 1e-9);
  // Padding in front is an accepted prediction, but no loss of zero: the loss wants it at the end.
  CHECK(order_invariant_loss(logits_of(backwards), targets, system.layout).item<double>() > 1);
}

}  // namespace
}  // namespace canine
