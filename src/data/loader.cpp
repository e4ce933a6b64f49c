#include "canine/data/loader.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

void validate(const BatchLoader::Options& options) {
  if (options.batch_size < 1) throw UsageError("--batch-size: expected 1 or more, got {}", options.batch_size);
  if (options.num_workers < 0) throw UsageError("--num-workers: expected 0 or more, got {}", options.num_workers);
  if (options.prefetch < 1) throw UsageError("--prefetch-factor: expected 1 or more, got {}", options.prefetch);
}

}  // namespace

/// The rows of an epoch and how many they are.
struct BatchLoader::Order {
  std::function<std::vector<int64_t>(uint64_t epoch)> epoch;
  int64_t num_rows = 0;
};

/// A batch passes through a slot: claimed by a worker, made without the lock, put into its slot, taken by next() in
/// order. Batch i uses slot i modulo the number of slots, and is claimed only once the batch before in that slot was
/// taken, so the slots bound what is made ahead. seek() starts a new generation; what workers were making for an older
/// one is dropped when they come back with it.
struct BatchLoader::State {
  struct Slot {
    std::optional<Batch> batch;
    std::exception_ptr error;
    bool ready() const { return batch || error; }
  };

  State(const Dataset& dataset, Order rows_of_epochs, std::shared_ptr<const Augmentation> text_augmentation,
        const Options& loader_options)
      : data(dataset),
        row_order(std::move(rows_of_epochs)),
        augmentation(std::move(text_augmentation)),
        options(loader_options),
        num_batches((row_order.num_rows + options.batch_size - 1) / options.batch_size),
        slots(static_cast<size_t>(options.num_workers) * static_cast<size_t>(options.prefetch)) {
    try {
      for (int worker = 0; worker < options.num_workers; ++worker) workers.emplace_back([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }

  ~State() { stop(); }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    may_claim.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  Batch make(uint64_t of_epoch, const std::vector<int64_t>& rows, int64_t index) const {
    const auto begin = static_cast<size_t>(index * options.batch_size);
    const size_t count = std::min(static_cast<size_t>(options.batch_size), rows.size() - begin);
    return collate(data, std::span(rows).subspan(begin, count), options.collate, augmentation.get(), options.seed,
                   of_epoch);
  }

  Slot& slot_of(int64_t index) { return slots[static_cast<size_t>(index) % slots.size()]; }

  bool can_claim() const {
    return next_claim < num_batches && next_claim < next_take + static_cast<int64_t>(slots.size());
  }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      may_claim.wait(lock, [this] { return stopping || (order && can_claim()); });
      if (stopping) return;
      const int64_t index = next_claim++;
      const uint64_t claimed_generation = generation;
      const uint64_t claimed_epoch = epoch;
      const std::shared_ptr<const std::vector<int64_t>> rows = order;
      lock.unlock();
      Slot made;
      try {
        made.batch = make(claimed_epoch, *rows, index);
      } catch (...) {
        made.error = std::current_exception();
      }
      lock.lock();
      if (claimed_generation != generation) continue;
      slot_of(index) = std::move(made);
      if (index == next_take) may_take.notify_one();
    }
  }

  const Dataset& data;
  const Order row_order;
  const std::shared_ptr<const Augmentation> augmentation;
  const Options options;
  const int64_t num_batches;

  std::mutex mutex;  // guards what follows, except where there are no workers
  std::condition_variable may_claim;
  std::condition_variable may_take;
  bool stopping = false;
  uint64_t generation = 0;
  uint64_t epoch = 0;
  std::shared_ptr<const std::vector<int64_t>> order;  // rows of the epoch; null before the first seek
  int64_t next_claim = 0;
  int64_t next_take = 0;
  std::vector<Slot> slots;
  std::vector<std::thread> workers;  // last: they use all of the above
};

BatchLoader::BatchLoader(const Dataset& data, const DistributedSampler& sampler,
                         std::shared_ptr<const Augmentation> augmentation, const Options& options) {
  validate(options);
  const Order order{[sampler](uint64_t epoch) { return sampler.epoch(epoch); }, sampler.rows_per_rank()};
  state_ = std::make_unique<State>(data, order, std::move(augmentation), options);
}

BatchLoader::BatchLoader(const Dataset& data, std::vector<int64_t> rows,
                         std::shared_ptr<const Augmentation> augmentation, const Options& options) {
  validate(options);
  const auto num_rows = static_cast<int64_t>(rows.size());
  const Order order{[rows = std::move(rows)](uint64_t) { return rows; }, num_rows};
  state_ = std::make_unique<State>(data, order, std::move(augmentation), options);
}

BatchLoader::~BatchLoader() = default;

int64_t BatchLoader::batches_per_epoch() const { return state_->num_batches; }

void BatchLoader::seek(uint64_t epoch, int64_t next_batch) {
  State& state = *state_;
  if (next_batch < 0 || next_batch > state.num_batches) {
    throw UsageError("position in the epoch: expected 0 to {} batches, got {}", state.num_batches, next_batch);
  }
  auto order = std::make_shared<const std::vector<int64_t>>(state.row_order.epoch(epoch));
  {
    const std::lock_guard lock(state.mutex);
    ++state.generation;
    state.epoch = epoch;
    state.order = std::move(order);
    state.next_claim = state.next_take = next_batch;
    for (State::Slot& slot : state.slots) slot = {};
  }
  state.may_claim.notify_all();
}

std::optional<Batch> BatchLoader::next() {
  State& state = *state_;
  if (!state.order) throw InternalError("BatchLoader::next was called before seek");
  if (state.next_take >= state.num_batches) return std::nullopt;
  if (state.workers.empty()) return state.make(state.epoch, *state.order, state.next_take++);

  State::Slot taken;
  {
    std::unique_lock lock(state.mutex);
    State::Slot& slot = state.slot_of(state.next_take);
    state.may_take.wait(lock, [&slot] { return slot.ready(); });
    taken = std::exchange(slot, {});
    ++state.next_take;
  }
  state.may_claim.notify_one();
  if (taken.error) std::rethrow_exception(taken.error);
  return std::move(taken.batch);
}

}  // namespace canine
