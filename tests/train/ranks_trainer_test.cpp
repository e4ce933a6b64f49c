#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <fcntl.h>

#include <atomic>
#include <csignal>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/report/logs_csv.hpp"
#include "canine/train/epoch_meter.hpp"
#include "canine/train/run_state.hpp"
#include "canine/train/step_agreement.hpp"
#include "train/rank_runs.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;
using test::RankRuns;
using test::TemporaryFolder;
using test::TinyRun;
using test::without_times;

void require_equal_weights(const std::vector<test::RankEnd>& ends) {
  for (const auto& end : ends) {
    for (size_t i = 0; i < end.weights.size(); ++i) {
      INFO(end.weights[i].first);
      REQUIRE(at::equal(end.weights[i].second, ends[0].weights[i].second));
    }
  }
}

int64_t stored_integer(const std::filesystem::path& path, const char* name) {
  return read_torch_file(path).at("canine", "checkpoint").at(name, "canine").as_int(name);
}

TEST_CASE(
    "validation covers every row once and gives the same values on 1, 2, 3 ranks and more ranks than batches") {  // D05
  const TemporaryFolder folder;
  const auto validate = [&](int world, int64_t eval_batch_size) {
    RankRuns runs(world, folder.path(), [&](TinyRun& run) {
      run.options.batch_size = 16;  // as typed: the same whatever the world
      run.options.eval_batch_size = eval_batch_size;
    });
    const auto all = testing::run_ranks(world, [&](const std::shared_ptr<ProcessGroup>& group) {
      at::set_num_threads(1);
      return runs.trainer(group).validate();
    });
    for (const ValidationMetrics& metrics : all) {
      CHECK(metrics.rows == 40);
      CHECK(metrics.loss == all[0].loss);  // every rank has the sums of all
      CHECK(metrics.token_acc == all[0].token_acc);
    }
    return all[0];
  };
  const ValidationMetrics alone = validate(1, 0);
  CHECK(alone.loss > 0);
  for (const int world : {2, 3, 5}) {  // 40 rows are 3 batches of 16, so five ranks leave two without any
    CAPTURE(world);
    const ValidationMetrics together = validate(world, 0);
    CHECK(together.seq_acc == alone.seq_acc);
    CHECK(together.token_acc == alone.token_acc);
    CHECK(together.flat_acc == alone.flat_acc);
    CHECK_THAT(together.loss, WithinRel(alone.loss, 1e-6));
    CHECK_THAT(together.loss_linear, WithinRel(alone.loss_linear, 1e-6));
    CHECK_THAT(together.loss_seq2seq, WithinRel(alone.loss_seq2seq, 1e-6));
  }
  CHECK_THAT(validate(2, 7).loss, WithinRel(alone.loss, 1e-6));  // one code a row: batches do not matter
}

TEST_CASE("two ranks validate after the first step, save once, and end with equal weights") {
  const TemporaryFolder folder;
  RankRuns runs(2, folder.path(), [](TinyRun& run) {
    run.options.num_epochs = 1;
    run.options.eval_interval = 1;  // the Python program aborts here (D06)
    run.options.check_sync = 2;
  });
  const auto ends = runs.train();
  require_equal_weights(ends);
  for (const auto& end : ends) CHECK(end.result.step == 6);
  CHECK(ends[0].result.last->rows == 40);
  CHECK(ends[0].result.last->loss == ends[1].result.last->loss);
  CHECK(last_logged_step(folder.path() / "logs.csv") == 6);
  // One header and six lines: only one rank writes.
  const std::string log = read_file(folder.path() / "logs.csv");
  CHECK(std::count(log.begin(), log.end(), '\n') == 7);
  CHECK(stored_integer(folder.path() / "last.bin", "world_size") == 2);
  CHECK(stored_integer(folder.path() / "last.bin", "global_batch_size") == 60);
}

TEST_CASE("the training loss of logs.csv is that of all rows, whatever the number of ranks") {  // D29
  const auto train_loss = [](int world) {
    const TemporaryFolder folder;
    RankRuns runs(world, folder.path(), [](TinyRun& run) {
      run.options.num_epochs = 1;
      run.options.learning_rate = 0;
    });
    runs.train();
    const PickleValue state = read_torch_file(folder.path() / "last.bin").at("canine", "saved");
    CHECK(state.at("epoch_rows", "canine").as_double("rows") == 360);
    return state.at("epoch_loss", "canine").as_double("loss");
  };
  const double alone = train_loss(1);
  CHECK_THAT(train_loss(2), WithinRel(alone, 1e-5));
  CHECK_THAT(train_loss(3), WithinRel(alone, 1e-5));
}

TEST_CASE("samples per second and times are those of the job") {  // D29
  const auto readings = testing::run_ranks(2, [](const std::shared_ptr<ProcessGroup>& group) {
    const double seconds = group->rank() == 0 ? 1 : 3;
    EpochMeter meter(c10::Device(c10::DeviceType::CPU), group);
    meter.add_loss(at::full({}, 2.0), at::zeros({}), 4);
    meter.add_time(seconds, seconds / 4, seconds / 2);
    return meter.read();
  });
  for (const auto& reading : readings) {
    CHECK(reading.samples_per_second == 4);  // 8 rows in 2 seconds
    CHECK(reading.sums.batch_seconds == 2);
    CHECK(reading.sums.data_seconds == 0.5);
    CHECK(reading.own_seconds == std::vector{0.5, 1.5});
  }
}

TEST_CASE("rows that the ranks leave over are dropped or filled up, as asked") {
  const auto rows_seen = [](DistributedSampler::Remainder remainder) {
    const TemporaryFolder folder;
    RankRuns runs(7, folder.path(), [&](TinyRun& run) {  // 360 rows: 3 over
      run.options.batch_size = 26;
      run.options.num_epochs = 1;
      run.options.remainder = remainder;
    });
    const auto ends = runs.train();
    CHECK(ends[0].result.step == 2);
    const PickleValue state = read_torch_file(folder.path() / "last.bin").at("canine", "saved");
    return state.at("epoch_rows", "canine").as_double("rows");
  };
  CHECK(rows_seen(DistributedSampler::Remainder::kDrop) == 357);
  CHECK(rows_seen(DistributedSampler::Remainder::kPad) == 364);
}

TEST_CASE("a frozen encoder trains on two ranks") {  // D09
  const TemporaryFolder folder;
  RankRuns runs(2, folder.path(), [](TinyRun& run) {
    run.options.num_epochs = 1;
    run.options.freeze_encoder = true;
  });
  const auto before = runs.run(1).weights();
  const auto ends = runs.train();
  require_equal_weights(ends);
  for (size_t i = 0; i < before.size(); ++i) {
    if (!before[i].first.starts_with("encoder.")) continue;
    CHECK(at::equal(before[i].second, ends[1].weights[i].second));
  }
}

TEST_CASE("initial weights are rank 0's although every rank draws its own") {
  const TemporaryFolder folder;
  RankRuns runs(2, folder.path(), [](TinyRun& run) { run.options.num_epochs = 1; });
  {
    const c10::NoGradGuard no_grad;
    for (auto& parameter : runs.parts(1).model->parameters()) parameter.mul_(1.5);
  }
  require_equal_weights(runs.train());
}

TEST_CASE("a run stopped and resumed again and again ends with the bits of one that was not, at 2 and 3 ranks") {
  for (const int world : {2, 3}) {
    CAPTURE(world);
    const TemporaryFolder whole_folder;
    const TemporaryFolder parts_folder;
    const auto options = [](TinyRun& run) {
      run.options.eval_interval = 4;
      run.options.ddp.bucket_cap_mb = 0.02;  // many buckets once they are settled, one before
    };
    RankRuns(world, whole_folder.path(), options).train();
    int starts = 0;
    for (TrainEnd end = TrainEnd::kStopped; end == TrainEnd::kStopped; ++starts) {
      REQUIRE(starts < 20);
      RankRuns runs(world, parts_folder.path(), options);
      // Another rank asks each time, after its first step; its request is read after the next one.
      auto stepped = std::make_shared<std::atomic<bool>>(false);
      runs.parts(starts % world).save_requested = [stepped] {
        *stepped = true;
        return false;
      };
      runs.parts(starts % world).stop_signal = [stepped] { return *stepped ? SIGTERM : 0; };
      const auto ends = runs.train();
      for (const auto& rank_end : ends) REQUIRE(rank_end.result.step == ends[0].result.step);
      end = ends[0].result.end;
    }
    CHECK(starts > 5);
    require_equal(without_times(whole_folder.path() / "last.bin"), without_times(parts_folder.path() / "last.bin"),
                  "checkpoint");
  }
}

TEST_CASE("a request to one rank stops all after the same step, with one checkpoint") {
  const TemporaryFolder folder;
  RankRuns runs(3, folder.path());
  auto asked = std::make_shared<std::atomic<int>>(0);
  runs.parts(2).stop_signal = [asked] { return ++*asked == 4 ? SIGINT : 0; };  // once, after step 3
  const auto ends = runs.train();
  for (const auto& end : ends) {
    CHECK(end.result.end == TrainEnd::kStopped);
    CHECK(end.result.step == 4);
  }
  require_equal_weights(ends);
  CHECK(std::filesystem::exists(folder.path() / "4.bin"));
}

TEST_CASE("a request before the first step ends all ranks without one") {
  for (const int world : {1, 2}) {
    CAPTURE(world);
    const TemporaryFolder folder;
    RankRuns runs(world, folder.path(), [](TinyRun& run) { run.options.eval_at_start = true; });
    runs.parts(world - 1).stop_signal = [] { return SIGTERM; };
    for (const auto& end : runs.train()) {
      CHECK(end.result.end == TrainEnd::kStopped);
      CHECK(end.result.step == 0);
      CHECK_FALSE(end.result.first);
    }
    CHECK_FALSE(std::filesystem::exists(folder.path() / "last.bin"));
  }
}

/// Asks for the end in the middle of the first validation after a step of this start.
void ask_in_validation(TrainParts& parts) {
  auto looks = std::make_shared<std::atomic<int>>(-1000);  // since the last step
  parts.save_requested = [looks] {
    *looks = 0;
    return false;
  };
  parts.stop_signal = [looks] { return ++*looks >= 2 ? SIGTERM : 0; };
}

TEST_CASE("a request in a validation breaks it off on all ranks, and the resumed run makes up for it") {
  for (const int world : {1, 2}) {
    CAPTURE(world);
    const auto options = [](TinyRun& run) { run.options.eval_batch_size = 4; };  // ten batches
    const TemporaryFolder whole_folder;
    const TemporaryFolder parts_folder;
    RankRuns(world, whole_folder.path(), options).train();
    for (const int64_t step : {5, 10, 12}) {
      CAPTURE(step);
      RankRuns runs(world, parts_folder.path(), options);
      ask_in_validation(runs.parts(world - 1));
      for (const auto& end : runs.train()) {
        CHECK(end.result.end == TrainEnd::kStopped);
        CHECK(end.result.step == step);
        // Only the one that the start before has left out.
        CHECK(end.result.first.has_value() == (step > 5));
      }
      CHECK(std::filesystem::exists(parts_folder.path() / (std::to_string(step) + ".bin")));
      const auto log = parts_folder.path() / "logs.csv";
      CHECK((std::filesystem::exists(log) ? last_logged_step(log) : 0) == (step == 5 ? 0 : step == 10 ? 5 : 10));
    }
    const auto ends = RankRuns(world, parts_folder.path(), options).train();
    CHECK(ends[0].result.end == TrainEnd::kComplete);
    CHECK(last_logged_step(parts_folder.path() / "logs.csv") == 12);
    require_equal(without_times(whole_folder.path() / "last.bin"), without_times(parts_folder.path() / "last.bin"),
                  "checkpoint");
  }
}

TEST_CASE("a request for a checkpoint saves on the way and training goes on") {
  const TemporaryFolder folder;
  RankRuns runs(2, folder.path());
  auto asked = std::make_shared<std::atomic<int>>(0);
  runs.parts(1).save_requested = [asked] { return ++*asked == 2; };
  const auto ends = runs.train();
  CHECK(ends[0].result.end == TrainEnd::kComplete);
  CHECK(std::filesystem::exists(folder.path() / "3.bin"));
}

TEST_CASE("another number of ranks goes on with the same losses") {
  const auto losses = [](int first_world, int second_world) {
    const TemporaryFolder folder;
    {
      RankRuns runs(first_world, folder.path());
      auto asked = std::make_shared<std::atomic<int>>(0);
      const int stop_at = first_world == 1 ? 6 : 5;  // asked before the first step too; several stop one step later
      runs.parts(0).stop_signal = [asked, stop_at] { return ++*asked == stop_at ? SIGTERM : 0; };
      CHECK(runs.train()[0].result.step == 5);
    }
    RankRuns runs(second_world, folder.path());
    const auto ends = runs.train();
    CHECK(ends[0].result.step == 12);
    return ends[0].result.last->loss;
  };
  const double alone = losses(1, 1);
  CHECK_THAT(losses(1, 2), WithinRel(alone, 1e-4));
  CHECK_THAT(losses(2, 3), WithinRel(alone, 1e-4));
  CHECK_THAT(losses(3, 1), WithinRel(alone, 1e-4));
}

TEST_CASE("a loss that is not finite on one rank makes all leave the update out") {
  const TemporaryFolder folder;
  RankRuns runs(2, folder.path(), [](TinyRun& run) {
    run.options.batch_size = 1;  // the two ranks' rows seldom have the digit both
    run.options.num_epochs = 1;
    run.options.max_nonfinite_steps = 1000;
    run.options.log_interval = 1000;
  });
  {
    const c10::NoGradGuard no_grad;  // index 1013 is the digit 9: rows with one in their code overflow
    for (int rank = 0; rank < 2; ++rank) {
      for (auto& item : runs.parts(rank).model->named_parameters()) {
        if (item.key() == "decoder.token_emb.embedding.weight") item.value()[1013].fill_(1e38F);
      }
    }
  }
  const auto ends = runs.train();
  require_equal_weights(ends);
  for (const auto& end : ends) {
    CHECK(end.result.step == 180);
    for (const auto& [name, tensor] : end.weights) {
      INFO(name);
      CHECK(tensor.isfinite().all().item<bool>());
    }
  }
  const int64_t skipped = stored_integer(folder.path() / "last.bin", "nonfinite_steps");
  CHECK(skipped > 0);
  CHECK(skipped < 180);
}

TEST_CASE("a save that fails on rank 0 ends all ranks alike with the cause") {
  const TemporaryFolder folder;
  RankRuns runs(2, folder.path(), [](TinyRun& run) { run.options.save_interval = 2; });
  // A folder where the checkpoint's name should go: writing fails for root, too.
  std::filesystem::create_directories(folder.path() / "2.bin" / "occupied");
  const testing::RankFailures failures = runs.try_train();
  REQUIRE(failures.order.size() == 2);
  for (const int rank : {0, 1}) CHECK_THAT(failures.message(rank), ContainsSubstring("2.bin"));
  CHECK_THAT(failures.message(1), ContainsSubstring("rank 0"));
  const auto code = [&](int rank) {
    try {
      std::rethrow_exception(failures.by_rank[static_cast<size_t>(rank)]);
    } catch (const Error& error) {
      return error.exit_code();
    }
  };
  CHECK(code(0) == code(1));
  CHECK(code(0) != ExitCode::kPeer);
}

/// Encodes until a given number of rows, then throws, as damaged data would.
class FailingFormatter : public Formatter {
 public:
  FailingFormatter(std::shared_ptr<const Formatter> real, int64_t good) : real_(std::move(real)), left_(good) {}
  BlockLayout layout() const override { return real_->layout(); }
  int64_t vocabulary_size() const override { return real_->vocabulary_size(); }
  std::optional<std::string> encode(std::span<const std::optional<std::string_view>> cells,
                                    std::span<int64_t> out) const override {
    if (left_-- <= 0) throw DataError("the disk of this row is gone");
    return real_->encode(cells, out);
  }
  std::string decode(std::span<const int64_t> sequence) const override { return real_->decode(sequence); }

 private:
  std::shared_ptr<const Formatter> real_;
  mutable std::atomic<int64_t> left_;
};

TEST_CASE("a rank whose data fail ends all ranks, and the others say which and why") {
  const TemporaryFolder folder;
  RankRuns runs(2, folder.path(), [](TinyRun& run) { run.options.save_interval = 1; });
  Dataset::Options data;
  data.files = {test::fixture("run/data_train.csv")};
  // 360 rows are checked when loading, one stands in, four batches of 30 are good.
  const CodeSystem& system = *runs.run(1).system;
  data.system = std::make_shared<CodeSystem>(system.options(),
                                             std::make_shared<FailingFormatter>(system.formatter(), 360 + 1 + 4 * 30));
  runs.parts(1).train = std::make_shared<Dataset>(data);
  const testing::RankFailures failures = runs.try_train();
  REQUIRE(failures.order.size() == 2);
  CHECK(failures.is<DataError>(1));
  CHECK(failures.is<PeerError>(0));
  CHECK_THAT(failures.message(0), ContainsSubstring("rank 1") && ContainsSubstring("the disk of this row is gone"));
  CHECK(std::filesystem::exists(folder.path() / "4.bin"));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "5.bin"));
}

TEST_CASE("a rank that goes in the middle ends the others with the step that they wait in") {
  const TemporaryFolder folder;
  RankRuns runs(2, folder.path());
  auto asked = std::make_shared<std::atomic<int>>(0);
  runs.parts(1).stop_signal = [asked]() -> int {
    if (++*asked == 4) throw InternalError("rank 1 has had enough");
    return 0;
  };
  const testing::RankFailures failures = runs.try_train();
  CHECK(failures.is<InternalError>(1));
  CHECK(failures.is<PeerError>(0));
  CHECK_THAT(failures.message(0), ContainsSubstring("step 3") || ContainsSubstring("step 4"));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "last.bin"));
}

TEST_CASE("only the first rank's folder is asked for a checkpoint, and all go on from it") {
  const TemporaryFolder folder;
  {
    RankRuns runs(2, folder.path(), [](TinyRun& run) { run.options.num_epochs = 1; });
    runs.train();
  }
  RankRuns runs(2, folder.path());
  const auto ends = runs.train();
  require_equal_weights(ends);
  for (const auto& end : ends) CHECK(end.result.step == 12);
  CHECK(std::filesystem::exists(folder.path() / "12.bin"));
}

TEST_CASE("ranks at different steps are found by their agreement") {
  const testing::RankFailures failures = testing::try_ranks(2, [](const std::shared_ptr<ProcessGroup>& group) {
    StepAgreement agreement(group);
    agreement.exchange(group->rank() == 0 ? 12 : 13, {});
    agreement.settle();
  });
  for (const int rank : {0, 1}) {
    CHECK(failures.is<PeerError>(rank));
    CHECK_THAT(failures.message(rank), ContainsSubstring("12") && ContainsSubstring("13"));
  }
}

TEST_CASE("too few rows for the ranks, and batches that cannot be divided, are refused on every rank") {
  const TemporaryFolder folder;
  RankRuns runs(2, folder.path(), [](TinyRun& run) { run.options.global_batch_size = 31; });
  const testing::RankFailures failures = runs.try_train();
  CHECK(failures.is<UsageError>(0));
  CHECK(failures.is<UsageError>(1));
}

}  // namespace
}  // namespace canine
