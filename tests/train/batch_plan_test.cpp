#include "canine/train/batch_plan.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Catch::Matchers::WithinRel;

BatchOptions batch_of(int64_t rows) { return {.batch_size = rows, .global_batch_size = {}, .lr_ref_batch = {}}; }

TEST_CASE("under a launcher --batch-size is the rows of each process") {
  const BatchPlan plan = BatchPlan::of(batch_of(16), 4, BatchMeaning::kPerProcess);
  CHECK(plan.per_process == 16);
  CHECK(plan.global_batch() == 64);
}

TEST_CASE("with processes of its own --batch-size is the rows of all") {
  const BatchPlan plan = BatchPlan::of(batch_of(64), 4, BatchMeaning::kWhole);
  CHECK(plan.per_process == 16);
  CHECK(plan.global_batch() == 64);
  CHECK_THROWS_MATCHES(BatchPlan::of(batch_of(66), 4, BatchMeaning::kWhole), UsageError,
                       MessageMatches(ContainsSubstring("--batch-size 66") && ContainsSubstring("divisible by 4") &&
                                      ContainsSubstring("64 or 68")));
}

TEST_CASE("--global-batch-size fixes the rows of an update whatever the processes and micro-batches") {
  for (const BatchMeaning meaning : {BatchMeaning::kPerProcess, BatchMeaning::kWhole}) {
    for (const int processes : {1, 2, 3, 4}) {
      BatchOptions options = batch_of(7);
      options.global_batch_size = 48;
      options.grad_accum_steps = 2;
      const BatchPlan plan = BatchPlan::of(options, processes, meaning);
      CHECK(plan.global_batch() == 48);
      CHECK(plan.per_process == 24 / processes);
    }
  }
  BatchOptions options = batch_of(7);
  options.global_batch_size = 50;
  options.grad_accum_steps = 2;
  CHECK_THROWS_MATCHES(
      BatchPlan::of(options, 3, BatchMeaning::kPerProcess), UsageError,
      MessageMatches(ContainsSubstring("--global-batch-size 50") &&
                     ContainsSubstring("6 (3 processes x 2 accumulation)") && ContainsSubstring("48 or 54")));
}

TEST_CASE("the learning rate follows the global batch if asked to") {
  BatchOptions options = batch_of(16);
  CHECK(BatchPlan::of(options, 4, BatchMeaning::kPerProcess).learning_rate() == 2e-5);
  options.lr_scale = LrScale::kLinear;
  CHECK_THAT(BatchPlan::of(options, 4, BatchMeaning::kPerProcess).learning_rate(), WithinRel(8e-5, 1e-12));
  options.lr_scale = LrScale::kSqrt;
  CHECK_THAT(BatchPlan::of(options, 4, BatchMeaning::kPerProcess).learning_rate(), WithinRel(4e-5, 1e-12));
  options.lr_ref_batch = 256;
  CHECK_THAT(BatchPlan::of(options, 4, BatchMeaning::kPerProcess).learning_rate(), WithinRel(1e-5, 1e-12));
}

TEST_CASE("where the batch typed is that of all processes, their number does not change the rate") {
  for (const int processes : {1, 2, 4}) {
    for (const int64_t accumulation : {1, 3}) {
      CAPTURE(processes, accumulation);
      BatchOptions options = batch_of(32);
      options.lr_scale = LrScale::kLinear;
      options.grad_accum_steps = accumulation;
      CHECK(BatchPlan::of(options, processes, BatchMeaning::kWhole).learning_rate() == 2e-5);
      options.global_batch_size = 48;
      for (const BatchMeaning meaning : {BatchMeaning::kPerProcess, BatchMeaning::kWhole}) {
        CHECK(BatchPlan::of(options, processes, meaning).learning_rate() == 2e-5);
      }
    }
  }
  BatchOptions options = batch_of(32);
  options.lr_scale = LrScale::kLinear;
  options.lr_ref_batch = 16;
  CHECK_THAT(BatchPlan::of(options, 2, BatchMeaning::kWhole).learning_rate(), WithinRel(4e-5, 1e-12));
}

TEST_CASE("accumulation alone does not change the rate: the reference is what one process does in an update") {
  BatchOptions options = batch_of(16);
  options.lr_scale = LrScale::kLinear;
  options.grad_accum_steps = 8;
  CHECK(BatchPlan::of(options, 1, BatchMeaning::kPerProcess).learning_rate() == 2e-5);
}

TEST_CASE("the arithmetic fits one line") {
  BatchOptions options = batch_of(16);
  options.lr_scale = LrScale::kLinear;
  options.grad_accum_steps = 2;
  CHECK(BatchPlan::of(options, 4, BatchMeaning::kPerProcess).text(113, 8e-5) ==
        "16 rows x 4 processes x 2 accumulation = global batch 128 | learning rate 2e-05 x 4 (linear) = 8e-05 | "
        "113 steps per epoch");
  CHECK(BatchPlan::of(batch_of(1), 1, BatchMeaning::kPerProcess).text(1, 2e-5) ==
        "1 row x 1 process x 1 accumulation = global batch 1 | learning rate 2e-05 | 1 step per epoch");
  CHECK_THAT(BatchPlan::of(options, 4, BatchMeaning::kPerProcess).text(113, 1e-3),
             ContainsSubstring(" | learning rate 0.001 (of the checkpoint) | "));
}

TEST_CASE("an epoch ends with what is left") {
  BatchOptions options = batch_of(4);
  options.grad_accum_steps = 3;
  const BatchPlan plan = BatchPlan::of(options, 2, BatchMeaning::kPerProcess);
  CHECK(plan.steps_per_epoch(24) == 2);
  CHECK(plan.steps_per_epoch(25) == 3);
  CHECK(plan.steps_per_epoch(0) == 0);
}

TEST_CASE("numbers below one are refused by the name of their flag") {
  const auto refused = [](auto change, const char* flag) {
    BatchOptions options = batch_of(16);
    change(options);
    CHECK_THROWS_MATCHES(BatchPlan::of(options, 2, BatchMeaning::kPerProcess), UsageError,
                         MessageMatches(ContainsSubstring(flag)));
  };
  refused([](BatchOptions& o) { o.batch_size = 0; }, "--batch-size 0");
  refused([](BatchOptions& o) { o.global_batch_size = -2; }, "--global-batch-size -2");
  refused([](BatchOptions& o) { o.grad_accum_steps = 0; }, "--grad-accum-steps 0");
  refused([](BatchOptions& o) { o.lr_ref_batch = 0; }, "--lr-ref-batch 0");
}

TEST_CASE("the largest number of devices that divides the batch") {
  CHECK(largest_even_division(128, 4) == 4);
  CHECK(largest_even_division(128, 6) == 4);
  CHECK(largest_even_division(127, 6) == 1);
  CHECK(largest_even_division(9, 8) == 3);
  CHECK(largest_even_division(2, 8) == 2);
}

}  // namespace
}  // namespace canine
