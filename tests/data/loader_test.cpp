#include "canine/data/loader.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "batch_support.hpp"
#include "canine/core/errors.hpp"
#include "canine/text/general_formatter.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

/// One process, shuffled.
DistributedSampler sampler_of(const Dataset& data, int rank = 0, int world = 1) {
  return DistributedSampler({data.size(), rank, world, true, 0, DistributedSampler::Remainder::kPad});
}

std::vector<Batch> rest_of(BatchLoader& loader) {
  std::vector<Batch> batches;
  while (std::optional<Batch> batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

bool equal(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), testing::equal_batches);
}

TEST_CASE("Any number of workers makes the same batches", "[loader]") {
  const auto data = testing::dataset_of(testing::many_texts(103));
  const auto augmentation = std::make_shared<Augmentation>(Augmentation::Options{}, data->word_source());
  BatchLoader::Options options{.batch_size = 8, .seed = 7};
  options.collate.padding = Padding::kMask;
  BatchLoader plain(*data, sampler_of(*data), augmentation, options);
  plain.seek(0);
  const std::vector<Batch> first_epoch = rest_of(plain);
  plain.seek(1);
  const std::vector<Batch> second_epoch = rest_of(plain);
  REQUIRE(first_epoch.size() == 13);
  CHECK(plain.batches_per_epoch() == 13);
  CHECK(first_epoch.back().size() == 7);
  CHECK_FALSE(equal(first_epoch, second_epoch));

  for (const int num_workers : {1, 3}) {
    for (const int prefetch : {1, 4}) {
      CAPTURE(num_workers, prefetch);
      options.num_workers = num_workers;
      options.prefetch = prefetch;
      BatchLoader loader(*data, sampler_of(*data), augmentation, options);
      loader.seek(0);
      CHECK(equal(rest_of(loader), first_epoch));
      CHECK_FALSE(loader.next());
      loader.seek(1);
      CHECK(equal(rest_of(loader), second_epoch));
    }
  }
}

TEST_CASE("An epoch visits the sampler's rows in its order", "[loader]") {
  const auto data = testing::dataset_of(testing::many_texts(29));
  for (const int num_workers : {0, 2}) {
    for (int rank = 0; rank < 3; ++rank) {
      const DistributedSampler sampler = sampler_of(*data, rank, 3);
      BatchLoader loader(*data, sampler, nullptr, {.batch_size = 4, .num_workers = num_workers});
      loader.seek(5);
      std::vector<int64_t> rows;
      for (const Batch& batch : rest_of(loader)) rows.insert(rows.end(), batch.rows.begin(), batch.rows.end());
      CHECK(rows == sampler.epoch(5));
    }
  }
}

TEST_CASE("Ranks together see the global batches of one process", "[loader]") {
  const auto data = testing::dataset_of(testing::many_texts(24));
  const auto augmentation = std::make_shared<Augmentation>(Augmentation::Options{}, data->word_source());
  BatchLoader alone(*data, sampler_of(*data), augmentation, {.batch_size = 6});
  BatchLoader first(*data, sampler_of(*data, 0, 2), augmentation, {.batch_size = 3});
  BatchLoader second(*data, sampler_of(*data, 1, 2), augmentation, {.batch_size = 3});
  for (BatchLoader* loader : {&alone, &first, &second}) loader->seek(2);
  while (const auto global = alone.next()) {
    const auto a = first.next();
    const auto b = second.next();
    REQUIRE((a && b));
    std::set<int64_t> rows(a->rows.begin(), a->rows.end());
    rows.insert(b->rows.begin(), b->rows.end());
    CHECK(rows == std::set<int64_t>(global->rows.begin(), global->rows.end()));
    // Rows alternate between the ranks, and are augmented alike.
    CHECK(a->rows[1] == global->rows[2]);
    CHECK(at::equal(a->input_ids[1], global->input_ids[2]));
    CHECK(at::equal(b->input_ids[2], global->input_ids[5]));
  }
}

TEST_CASE("Seeking gives what skipping gives", "[loader]") {
  const auto data = testing::dataset_of(testing::many_texts(50));
  const auto augmentation = std::make_shared<Augmentation>(Augmentation::Options{}, data->word_source());
  for (const int num_workers : {0, 1, 3}) {
    BatchLoader loader(*data, sampler_of(*data), augmentation, {.batch_size = 4, .num_workers = num_workers});
    loader.seek(1);
    std::vector<Batch> skipped = rest_of(loader);
    skipped.erase(skipped.begin(), skipped.begin() + 5);
    loader.seek(0);
    loader.next();
    loader.seek(1, 5);
    CHECK(equal(rest_of(loader), skipped));
    loader.seek(1, 13);
    CHECK_FALSE(loader.next());
    CHECK_THROWS_AS(loader.seek(1, 14), UsageError);
    CHECK_THROWS_AS(loader.seek(1, -1), UsageError);
    loader.seek(1, 12);
    CHECK(loader.next()->size() == 2);
  }
}

TEST_CASE("Empty data gives no batches", "[loader]") {
  const auto data = testing::dataset_of({});
  for (const int num_workers : {0, 2}) {
    BatchLoader loader(*data, sampler_of(*data), nullptr, {.num_workers = num_workers});
    CHECK(loader.batches_per_epoch() == 0);
    loader.seek(0);
    CHECK_FALSE(loader.next());
  }
}

TEST_CASE("The first position has to be chosen", "[loader]") {
  const auto data = testing::dataset_of({"x"});
  BatchLoader loader(*data, sampler_of(*data), nullptr, {.num_workers = 1});
  CHECK_THROWS_AS(loader.next(), InternalError);
}

TEST_CASE("Impossible loader options are refused", "[loader]") {
  const auto data = testing::dataset_of({"x"});
  const auto refused = [&data](const BatchLoader::Options& options, const std::string& flag) {
    CHECK_THROWS_MATCHES(BatchLoader(*data, sampler_of(*data), nullptr, options), UsageError,
                         MessageMatches(ContainsSubstring(flag)));
  };
  refused({.batch_size = 0}, "--batch-size");
  refused({.num_workers = -1}, "--num-workers");
  refused({.prefetch = 0}, "--prefetch-factor");
}

/// A formatter that counts its calls once the data are loaded, can hold them up, and can refuse one of them.
class Gate : public GeneralFormatter {
 public:
  Gate() : GeneralFormatter(1, 5, false) {}

  std::optional<std::string> encode(std::span<const std::optional<std::string_view>> cells,
                                    std::span<int64_t> out) const override {
    std::unique_lock lock(mutex_);
    if (counting_ && ++calls_ == refused_call_) return "refused by the test";
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    lock.unlock();
    return GeneralFormatter::encode(cells, out);
  }

  void start_counting() {
    set([this] { counting_ = true; });
  }
  void close() {
    set([this] { open_ = false; });
  }
  void open() {
    set([this] { open_ = true; });
  }
  void refuse_call(int call) {
    set([this, call] { refused_call_ = call; });
  }
  int calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  bool wait_for_calls(int calls) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return calls_ >= calls; });
  }

 private:
  template <typename Change>
  void set(const Change& change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable int calls_ = 0;
  bool counting_ = false;
  bool open_ = true;
  int refused_call_ = 0;
};

TEST_CASE("Batches are made ahead up to the bound and not beyond", "[loader]") {
  const auto gate = std::make_shared<Gate>();
  const auto data = testing::dataset_of(testing::many_texts(40), gate);
  gate->start_counting();
  BatchLoader loader(*data, sampler_of(*data), nullptr, {.batch_size = 1, .num_workers = 2, .prefetch = 3});
  CHECK(gate->calls() == 0);
  loader.seek(0);
  for (int taken = 0; taken <= 34; ++taken) {
    REQUIRE(gate->wait_for_calls(taken + 6));
    CHECK(gate->calls() == taken + 6);
    REQUIRE(loader.next());
  }
}

TEST_CASE("Seeking does not wait for batches being made, and drops them", "[loader]") {
  const auto gate = std::make_shared<Gate>();
  const auto data = testing::dataset_of(testing::many_texts(40), gate);
  BatchLoader plain(*data, sampler_of(*data), nullptr, {.batch_size = 4});
  plain.seek(1, 2);
  const std::vector<Batch> expected = rest_of(plain);

  gate->start_counting();
  BatchLoader loader(*data, sampler_of(*data), nullptr, {.batch_size = 4, .num_workers = 3, .prefetch = 2});
  gate->close();
  loader.seek(0);
  REQUIRE(gate->wait_for_calls(3));  // each worker is in the middle of a batch of epoch 0
  loader.seek(1, 2);
  gate->open();
  CHECK(equal(rest_of(loader), expected));
}

TEST_CASE("An exception comes at its batch's turn, and the loader goes on", "[loader]") {
  for (const int num_workers : {0, 1}) {
    const auto gate = std::make_shared<Gate>();
    const auto data = testing::dataset_of(testing::many_texts(10), gate);
    gate->start_counting();
    gate->refuse_call(5);  // the first row of the third batch
    BatchLoader loader(*data, sampler_of(*data), nullptr, {.batch_size = 2, .num_workers = num_workers});
    loader.seek(0);
    CHECK(loader.next());
    CHECK(loader.next());
    CHECK_THROWS_MATCHES(loader.next(), InternalError, MessageMatches(ContainsSubstring("refused by the test")));
    CHECK(loader.next());
    CHECK(loader.next());
    CHECK_FALSE(loader.next());
    loader.seek(0);
    CHECK(rest_of(loader).size() == 5);
  }
}

TEST_CASE("A loader may go while its workers are busy or idle", "[loader]") {
  const auto gate = std::make_shared<Gate>();
  const auto data = testing::dataset_of(testing::many_texts(40), gate);
  gate->start_counting();
  { BatchLoader never_started(*data, sampler_of(*data), nullptr, {.num_workers = 3}); }
  CHECK(gate->calls() == 0);
  {
    BatchLoader loader(*data, sampler_of(*data), nullptr, {.batch_size = 2, .num_workers = 3});
    loader.seek(0);
    loader.next();
  }
  gate->close();
  const int calls = gate->calls();
  std::thread opener;
  {
    BatchLoader loader(*data, sampler_of(*data), nullptr, {.batch_size = 2, .num_workers = 3});
    loader.seek(1);
    REQUIRE(gate->wait_for_calls(calls + 1));
    opener = std::thread([&gate] { gate->open(); });
  }
  opener.join();
  BatchLoader again(*data, sampler_of(*data), nullptr, {.batch_size = 2, .num_workers = 3});
  again.seek(0);
  CHECK(rest_of(again).size() == 20);
}

}  // namespace
}  // namespace canine
