#include "canine/train/step_agreement.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

/// Places in the vector, all joined by maximum. The step is there with both signs, for the largest and the smallest.
enum Field { kStep, kMinusStep, kStopSignal, kSaveRequested, kFailedRank, kNumFields };

bool ends_the_job(const StepNotice& notice) { return notice.stop_signal != 0 || notice.failed_rank >= 0; }

}  // namespace

/// One all-reduce; its tensor lives until it has been read.
struct StepAgreement::Exchange {
  int64_t step = 0;
  at::Tensor fields = at::empty({kNumFields}, at::kLong);
  PendingCollective pending;
};

StepNotice StepNotice::joined(const StepNotice& other) const {
  return {std::max(stop_signal, other.stop_signal), save_requested || other.save_requested,
          std::max(failed_rank, other.failed_rank)};
}

StepAgreement::StepAgreement(std::shared_ptr<ProcessGroup> group, std::string unit)
    : group_(std::move(group)), unit_(std::move(unit)) {}
StepAgreement::~StepAgreement() = default;

StepNotice StepAgreement::exchange(int64_t step, const StepNotice& own) {
  if (group_->world() == 1) return own;
  const StepNotice agreed = settle();
  if (ends_the_job(agreed)) return agreed;
  open_ = std::make_unique<Exchange>();
  open_->step = step;
  auto* fields = open_->fields.mutable_data_ptr<int64_t>();
  fields[kStep] = step;
  fields[kMinusStep] = -step;
  fields[kStopSignal] = own.stop_signal;
  fields[kSaveRequested] = own.save_requested ? 1 : 0;
  fields[kFailedRank] = own.failed_rank;
  open_->pending =
      group_->start_all_reduce(open_->fields, Reduction::kMax, fmt::format("the agreement after {} {}", unit_, step));
  return agreed;
}

StepNotice StepAgreement::settle() {
  if (!open_) return {};
  const std::unique_ptr<Exchange> read = std::move(open_);
  read->pending.wait();
  const auto* fields = read->fields.const_data_ptr<int64_t>();
  if (fields[kStep] != -fields[kMinusStep]) {
    throw PeerError(
        "the processes are not at the same {0}: this one (rank {1}) is at {2}, the first at {3}, the last at {4}. One "
        "of them has left out a {0}; resume from the last checkpoint",
        unit_, group_->rank(), read->step, fields[kStep], -fields[kMinusStep]);
  }
  return {static_cast<int>(fields[kStopSignal]), fields[kSaveRequested] != 0, static_cast<int>(fields[kFailedRank])};
}

}  // namespace canine
