#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace canine {

/// One bar on stderr: redrawn at most ten times a second on a terminal that can draw (TERM is neither empty nor dumb);
/// elsewhere, and in quiet processes, nothing (the training loop's lines per interval are the progress there). Lines
/// printed through core/log.hpp clear it first.
class ProgressBar {
 public:
  /// `label` stands in front ("epoch 3"), `total` items give 100 %. `start` counts as done before the clock started.
  ProgressBar(std::string label, int64_t total, int64_t start = 0);
  ~ProgressBar();  // clears the bar
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// A better estimate of `total`.
  void expect(int64_t total);

  /// Items done so far and a short text at the end ("loss 0.123").
  void update(int64_t done, std::string_view postfix = {});

 private:
  struct State;
  State* state_;
};

}  // namespace canine
