#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "canine/dist/process_group.hpp"

namespace canine {

/// What one rank wants after a step, or what all ranks have agreed on.
struct StepNotice {
  int stop_signal = 0;          ///< number of the signal that asks for the end; 0 = none
  bool save_requested = false;  ///< a checkpoint now, then on
  int failed_rank = -1;         ///< a rank that cannot go on; -1 = none

  StepNotice joined(const StepNotice& other) const;
};

/// Lets all ranks do the same after the same step: each step's notices are joined in one small asynchronous all-reduce
/// on the CPU, which is read after the next step, when it has long ended. So a request takes effect one step later than
/// with one process, where it takes effect at once, and no rank ever leaves alone.
///
/// The step's number travels along: a rank that has left out a step or done one too many is found here, not by a
/// collective that never ends.
class StepAgreement {
 public:
  /// `unit`: what is counted, for names and messages.
  explicit StepAgreement(std::shared_ptr<ProcessGroup> group, std::string unit = "step");
  ~StepAgreement();  // never waits

  /// Called by every rank after step `step` (counted from 1) with its own notice; returns what was agreed on after the
  /// step before (with one process: `own`). Where that ends the job nothing new is started, so no collective stays
  /// open. Throws PeerError if the ranks are not at the same step.
  StepNotice exchange(int64_t step, const StepNotice& own);

  /// What was agreed on after the last step; waits for it. Called by every rank before anything that cannot be taken
  /// back (a checkpoint) and at the end.
  StepNotice settle();

 private:
  struct Exchange;

  std::shared_ptr<ProcessGroup> group_;
  std::string unit_;
  std::unique_ptr<Exchange> open_;  // started and not read yet; null = none
};

}  // namespace canine
