#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dist/ranks.hpp"
#include "train/tiny_run.hpp"

namespace canine::test {

/// What one rank of a job ended with.
struct RankEnd {
  TrainResult result;
  std::vector<std::pair<std::string, at::Tensor>> weights;
};

/// One TinyRun per rank of a job, all in the same folder, without dropout. Models are made one after the other, because
/// ranks are threads and share torch's generator.
class RankRuns {
 public:
  RankRuns(int world, const std::filesystem::path& folder, const std::function<void(TinyRun&)>& change = {}) {
    at::set_num_threads(1);
    for (int rank = 0; rank < world; ++rank) {
      auto run = std::make_unique<TinyRun>(folder);
      run->dropout = false;
      run->options.batch_size = 60 / world;
      if (change) change(*run);
      parts_.push_back(run->parts());
      runs_.push_back(std::move(run));
    }
  }

  int world() const { return static_cast<int>(runs_.size()); }
  TrainParts& parts(int rank) { return parts_.at(static_cast<size_t>(rank)); }
  TinyRun& run(int rank) { return *runs_.at(static_cast<size_t>(rank)); }

  Trainer trainer(const std::shared_ptr<ProcessGroup>& group) {
    TrainParts with_group = parts(group->rank());
    with_group.group = group;
    return Trainer(with_group, run(group->rank()).options);
  }

  /// Every rank resumes if it can and trains to its end.
  std::vector<RankEnd> train() {
    return testing::run_ranks(world(), [this](const std::shared_ptr<ProcessGroup>& group) { return end(group); });
  }
  testing::RankFailures try_train() {
    return testing::try_ranks(world(), [this](const std::shared_ptr<ProcessGroup>& group) { end(group); });
  }

 private:
  RankEnd end(const std::shared_ptr<ProcessGroup>& group) {
    at::set_num_threads(1);
    Trainer trainer = this->trainer(group);
    trainer.resume();
    const TrainResult result = trainer.run();
    return {result, run(group->rank()).weights()};
  }

  std::vector<std::unique_ptr<TinyRun>> runs_;
  std::vector<TrainParts> parts_;
};

}  // namespace canine::test
