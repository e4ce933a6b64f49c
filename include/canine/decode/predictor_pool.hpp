#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "canine/decode/predictor.hpp"

namespace canine {

/// One thread per predictor. They draw batches from one queue, so a fast device gets more of them than a slow one.
/// Which predictor gets a batch depends on their speed; predictors of equal devices give equal results.
class PredictorPool {
 public:
  /// `threads` = threads that LibTorch uses for the operations of each predictor on a CPU, at least 1.
  PredictorPool(std::vector<std::unique_ptr<Predictor>> predictors, int threads);

  /// Waits for batches in work and forgets those in the queue.
  ~PredictorPool();
  PredictorPool(const PredictorPool&) = delete;
  PredictorPool& operator=(const PredictorPool&) = delete;

  /// Predictions of a batch, in time; also what was thrown. Waits while two batches per predictor are in the queue.
  std::future<std::vector<Prediction>> submit(TextBatch batch);

  /// Whether submit() has no need to wait, at the latest after `patience`.
  bool has_room(std::chrono::milliseconds patience);

  /// Forgets the batches in the queue: their futures throw std::future_error.
  void drop_queue();

  size_t size() const { return threads_.size(); }

 private:
  using Job = std::packaged_task<std::vector<Prediction>(Predictor&)>;

  void work(Predictor& predictor, int threads);
  bool room_in_queue() const { return queue_.size() < 2 * predictors_.size(); }

  std::vector<std::unique_ptr<Predictor>> predictors_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;  ///< guarded by mutex_, as is ended_
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace canine
