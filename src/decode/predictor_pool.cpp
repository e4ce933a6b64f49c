#include "canine/decode/predictor_pool.hpp"

#include <ATen/Parallel.h>

#include <utility>

namespace canine {

PredictorPool::PredictorPool(std::vector<std::unique_ptr<Predictor>> predictors, int threads)
    : predictors_(std::move(predictors)) {
  for (const auto& predictor : predictors_) {
    threads_.emplace_back([this, &predictor = *predictor, threads] { work(predictor, threads); });
  }
}

PredictorPool::~PredictorPool() {
  drop_queue();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::future<std::vector<Prediction>> PredictorPool::submit(TextBatch batch) {
  Job job([batch = std::move(batch)](Predictor& predictor) { return predictor.predict(batch); });
  std::future<std::vector<Prediction>> result = job.get_future();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return room_in_queue(); });
  queue_.push_back(std::move(job));
  lock.unlock();
  changed_.notify_all();
  return result;
}

bool PredictorPool::has_room(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return room_in_queue(); });
}

void PredictorPool::drop_queue() {
  std::deque<Job> dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped.swap(queue_);
  }
  changed_.notify_all();
}

void PredictorPool::work(Predictor& predictor, int threads) {
  at::set_num_threads(threads);
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ended_ || !queue_.empty(); });
    if (ended_) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    changed_.notify_all();
    job(predictor);
    lock.lock();
  }
}

}  // namespace canine
