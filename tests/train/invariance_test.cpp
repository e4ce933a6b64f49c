#include <ATen/core/CachingHostAllocator.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <span>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/dist/cuda_library.hpp"
#include "canine/report/logs_csv.hpp"
#include "canine/text/general_formatter.hpp"
#include "support/captured_stream.hpp"
#include "train/tiny_run.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>

namespace canine {
namespace {

using test::TemporaryFolder;
using test::TinyRun;
using testing::CapturedStream;

using Weights = std::vector<std::pair<std::string, at::Tensor>>;

int64_t count_checkpoints(const std::filesystem::path& folder) {
  int64_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    count += entry.path().extension() == ".bin" && entry.path().filename() != "last.bin" ? 1 : 0;
  }
  return count;
}

/// Counts the rows that it encodes.
class CountingFormatter : public GeneralFormatter {
 public:
  using GeneralFormatter::GeneralFormatter;

  std::optional<std::string> encode(std::span<const std::optional<std::string_view>> cells,
                                    std::span<int64_t> out) const override {
    {
      const std::lock_guard lock(mutex_);
      ++rows_;
    }
    changed_.notify_all();
    return GeneralFormatter::encode(cells, out);
  }

  int64_t rows() const {
    const std::lock_guard lock(mutex_);
    return rows_;
  }
  /// False if there are fewer after a minute.
  bool wait_for(int64_t rows) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return rows_ >= rows; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable int64_t rows_ = 0;
};

struct Finished {
  Weights weights;
  int64_t checkpoints = 0;
  int64_t evaluations = 0;
  int64_t lines = 0;         // about batches
  int64_t ranked = 0;        // checkpoints with a metric
  int64_t most_threads = 0;  // of the process, after a step
  int64_t most_ahead = 0;    // batches made before they were taken
};

constexpr int64_t kSteps = 6;

int64_t count_of(const std::string& what, const std::string& text) {
  int64_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

int64_t count_threads() {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  return std::distance(begin(threads), end(threads));
}

Finished train(const std::function<void(TinyRun&)>& change, c10::Device device = c10::DeviceType::CPU) {
  at::set_num_threads(1);
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  run.options.eval_interval = 1000;
  change(run);
  Finished finished;
  TrainParts parts = run.parts();
  parts.device = device;
  parts.model->to(device);
  const auto formatter = std::make_shared<CountingFormatter>(1, run.block_size, false);
  run.system = std::make_shared<CodeSystem>(testing::general_system(run.columns, run.block_size, run.key), formatter);
  parts.train = run.data(run.files + "/data_train.csv");
  const int64_t loaded = formatter->rows();  // each was encoded once to check it
  parts.stop_signal = [&] {
    finished.most_threads = std::max(finished.most_threads, count_threads());
    return 0;
  };
  int64_t taken = 0;
  parts.save_requested = [&] {  // asked once after each step
    ++taken;
    const int64_t may_be_made = taken + run.options.num_workers * run.options.prefetch_factor;
    CHECK(formatter->wait_for(loaded + std::min(kSteps, may_be_made) * run.options.batch_size));
    const int64_t rows_ahead = formatter->rows() - loaded - taken * run.options.batch_size;
    finished.most_ahead = std::max(finished.most_ahead, rows_ahead / run.options.batch_size);
    return false;
  };
  {
    const CapturedStream out(STDOUT_FILENO);
    Trainer trainer(parts, run.options);
    CHECK(trainer.run().step == kSteps);
    finished.lines = count_of("] Batch ", out.text());
  }
  const std::filesystem::path manifest = folder.path() / "checkpoints.json";
  finished.ranked = count_of("\"metric_name\": \"val_loss\"", read_file(manifest));
  for (int64_t step = last_logged_step(folder.path() / "logs.csv"); step > 0; ++finished.evaluations) {
    trim_log(folder.path() / "logs.csv", step - 1);
    step = last_logged_step(folder.path() / "logs.csv");
  }
  finished.weights = run.weights();
  finished.checkpoints = count_checkpoints(folder.path());
  return finished;
}

void check_equal(const Weights& a, const Weights& b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    INFO(a[i].first);
    CHECK(at::equal(a[i].second, b[i].second));
  }
}

bool differ(const Weights& a, const Weights& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i].second, b[i].second)) return true;
  }
  return false;
}

TEST_CASE("settings that must not change numbers change none") {
  const Finished plain = train([](TinyRun&) {});
  CHECK(plain.checkpoints == 1);
  CHECK(plain.evaluations == 1);
  CHECK(plain.most_ahead == 0);
  SECTION("loader threads") {
    const Finished with_workers = train([](TinyRun& run) { run.options.num_workers = 3; });
    CHECK(with_workers.most_threads == plain.most_threads + 6);  // of training and of validation
    check_equal(plain.weights, with_workers.weights);
  }
  SECTION("prefetch") {
    const auto with_prefetch = [](int prefetch) {
      return train([&](TinyRun& run) {
        run.options.num_workers = 2;
        run.options.prefetch_factor = prefetch;
      });
    };
    const Finished near = with_prefetch(1);
    const Finished far = with_prefetch(8);
    CHECK(near.most_ahead == 2);
    CHECK(far.most_ahead == kSteps - 1);  // the whole epoch
    CHECK(near.most_threads == far.most_threads);
    check_equal(plain.weights, near.weights);
    check_equal(plain.weights, far.weights);
  }
  SECTION("log lines") {
    const Finished talking = train([](TinyRun& run) { run.options.log_interval = 1; });
    CHECK(plain.lines == 3);  // of batches 1, 5 and the last
    CHECK(talking.lines == 6);
    check_equal(plain.weights, talking.weights);
  }
  SECTION("checkpoints") {
    const Finished saving = train([](TinyRun& run) { run.options.save_interval = 2; });
    CHECK(saving.checkpoints == 3);
    check_equal(plain.weights, saving.weights);
  }
  SECTION("checkpoints pruned") {
    const Finished saving = train([](TinyRun& run) {
      run.options.save_interval = 1;
      run.options.keep_last = 2;
    });
    CHECK(saving.checkpoints == 2);
    check_equal(plain.weights, saving.weights);
  }
  SECTION("validations in between") {
    const Finished evaluating = train([](TinyRun& run) { run.options.eval_interval = 1; });
    CHECK(evaluating.evaluations == 6);
    check_equal(plain.weights, evaluating.weights);
  }
  SECTION("a validation before the first step") {
    const Finished evaluating = train([](TinyRun& run) { run.options.eval_at_start = true; });
    CHECK(evaluating.evaluations == 1);  // it has no line in logs.csv
    check_equal(plain.weights, evaluating.weights);
  }
  SECTION("keeping the best") {
    const Finished keeping = train([](TinyRun& run) {
      run.options.eval_interval = 2;
      run.options.keep_best = "val_loss";
    });
    CHECK(keeping.evaluations == 3);
    CHECK(plain.ranked == 0);
    CHECK(keeping.ranked > 0);
    check_equal(plain.weights, keeping.weights);
  }
}

/// GPU kernels that give the same numbers every time, while it lives.
struct DeterministicKernels {
  DeterministicKernels() {
    ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  }
  ~DeterministicKernels() { at::globalContext().setDeterministicAlgorithms(false, /*warn_only=*/false); }
  DeterministicKernels(const DeterministicKernels&) = delete;
  DeterministicKernels& operator=(const DeterministicKernels&) = delete;
};

TEST_CASE("pinned memory changes no number") {
  if (num_visible_gpus() == 0) SKIP("needs a GPU: " + open_cuda());
  const DeterministicKernels deterministic;
  const auto with_pinned = [](bool pin, int64_t& tensors) {
    const auto requests = [] { return at::getHostAllocator(at::kCUDA)->get_stats().active_requests.allocated; };
    const int64_t before = requests();
    const Finished finished =
        train([&](TinyRun& run) { run.options.pin_memory = pin; }, c10::Device(c10::DeviceType::CUDA, 0));
    tensors = requests() - before;
    return finished;
  };
  int64_t few = 0, many = 0;
  const Finished plain = with_pinned(false, few);
  const Finished pinned = with_pinned(true, many);
  CHECK(many >= few + 4 * (kSteps + 1));  // the tensors of each batch, and of one at least in validation
  check_equal(plain.weights, pinned.weights);
}

TEST_CASE("settings that must change numbers do") {
  const Finished plain = train([](TinyRun&) {});
  CHECK(differ(plain.weights, train([](TinyRun& run) { run.options.seed = 1; }).weights));
  CHECK(differ(plain.weights, train([](TinyRun& run) { run.options.clip_norm = 0.01; }).weights));
  CHECK(differ(plain.weights, train([](TinyRun& run) { run.options.weight_decay = 0.5; }).weights));
  CHECK(differ(plain.weights, train([](TinyRun& run) { run.options.precision = Precision::kBf16; }).weights));
  CHECK(differ(plain.weights, train([](TinyRun& run) { run.options.padding = Padding::kMask; }).weights));
  CHECK(differ(plain.weights, train([](TinyRun& run) { run.options.warmup_steps = 3; }).weights));
}

TEST_CASE("a frozen encoder keeps its weights, everything else learns") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  run.options.freeze_encoder = true;
  Trainer trainer = run.trainer();
  const Weights before = run.weights();
  trainer.run();
  const Weights after = run.weights();
  for (size_t i = 0; i < before.size(); ++i) {
    INFO(before[i].first);
    const bool fixed = before[i].first.starts_with("encoder.") || before[i].first.ends_with("pos_embedding");
    CHECK(at::equal(before[i].second, after[i].second) == fixed);
  }
}

TEST_CASE("a non-finite batch is left out, named, and ends the run when it goes on") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  run.options.max_nonfinite_steps = 3;
  Trainer trainer = run.trainer();
  const c10::NoGradGuard no_grad;
  SECTION("every batch") {
    // Finite weights whose products are not: the loss of every batch overflows, and nothing may be saved as trained.
    for (auto& item : run.model->named_parameters()) {
      if (item.key() == "decoder.token_emb.embedding.weight") item.value().fill_(1e38F);
    }
    const Weights before = run.weights();
    const c10::AutoGradMode grad(true);
    CHECK_THROWS_AS(trainer.run(), InternalError);
    CHECK(count_checkpoints(folder.path()) == 0);
    const Weights after = run.weights();
    for (size_t i = 0; i < before.size(); ++i) CHECK(at::equal(before[i].second, after[i].second));
  }
  SECTION("some batches") {
    // Index 1013 is the digit 9: only batches with a row that has one in its code overflow.
    run.options.batch_size = 2;
    run.options.max_nonfinite_steps = 1000;
    Trainer small_batches = run.trainer();
    for (auto& item : run.model->named_parameters()) {
      if (item.key() == "decoder.token_emb.embedding.weight") item.value()[1013].fill_(1e38F);
    }
    const c10::AutoGradMode grad(true);
    CHECK(small_batches.run().step == 180);
    const PickleValue saved = read_torch_file(folder.path() / "last.bin");
    const int64_t skipped = saved.at("canine", "saved").at("nonfinite_steps", "canine").as_int("nonfinite_steps");
    CHECK(skipped > 0);
    CHECK(skipped < 180);
  }
  SECTION("weights that are not finite are never saved") {
    for (auto& item : run.model->named_parameters()) {
      if (item.key() == "encoder.pooler.dense.bias") item.value()[0].fill_(std::numeric_limits<float>::infinity());
    }
    run.options.num_epochs = 0;
    const c10::AutoGradMode grad(true);
    CHECK_THROWS_AS(trainer.run(), InternalError);
    CHECK(count_checkpoints(folder.path()) == 0);
  }
}

TEST_CASE("a dry run leaves nothing behind") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  Trainer trainer = run.trainer();
  trainer.dry_run();
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("training lowers the loss") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 6;
  run.options.learning_rate = 1e-2;
  Trainer trainer = run.trainer();
  const ValidationMetrics before = trainer.validate();
  const TrainResult result = trainer.run();
  REQUIRE(result.last.has_value());
  CHECK(result.last->loss < 0.8 * before.loss);
  CHECK(result.last->rows == 40);
}

TEST_CASE("option ranges are checked and named") {
  const auto refused = [](const std::function<void(TrainOptions&)>& change) {
    TrainOptions options;
    change(options);
    CHECK_THROWS_AS(options.validate(), UsageError);
  };
  TrainOptions().validate();
  refused([](TrainOptions& o) { o.save_interval = 0; });
  refused([](TrainOptions& o) { o.eval_interval = -1; });
  refused([](TrainOptions& o) { o.log_interval = 0; });
  refused([](TrainOptions& o) { o.batch_size = 0; });
  refused([](TrainOptions& o) { o.learning_rate = -1e-9; });
  refused([](TrainOptions& o) { o.learning_rate = std::numeric_limits<double>::quiet_NaN(); });
  refused([](TrainOptions& o) { o.warmup_pct = 1.5; });
  refused([](TrainOptions& o) { o.seq2seq_weight = 2; });
  refused([](TrainOptions& o) { o.keep_best = "accuracy"; });
  refused([](TrainOptions& o) { o.num_workers = -1; });
}

}  // namespace
}  // namespace canine
