#include "canine/train/epoch_meter.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <utility>

#include "device_memory.hpp"

namespace canine {
namespace {

/// What a rank contributes: a row of a table of all ranks. Adding tables of which each rank has filled its own row
/// gathers them without rounding, and every rank then sums the rows in the same order.
enum Column {
  kLoss,
  kRows,
  kBatchSeconds,
  kDataSeconds,
  kSeenRows,
  kSeenSeconds,
  kOwnSeconds,
  kAllocated,
  kReserved,
  kNumColumns
};

}  // namespace

EpochMeter::EpochMeter(c10::Device device, std::shared_ptr<ProcessGroup> group)
    : device_(device),
      group_(std::move(group)),
      loss_and_rows_(at::zeros({2}, at::TensorOptions().dtype(at::kDouble).device(device))) {}

void EpochMeter::reset() {
  loss_and_rows_.zero_();
  times_ = {};
  seen_rows_ = seen_seconds_ = 0;
}

void EpochMeter::add_loss(const at::Tensor& loss, const at::Tensor& skipped, int64_t rows) {
  const at::Tensor counted = 1 - skipped.to(at::kDouble);
  const at::Tensor value = loss.to(at::kDouble);
  // where, not a product: 0 * NaN is NaN.
  const at::Tensor kept = at::where(counted > 0, value, at::zeros_like(value));
  loss_and_rows_.add_(at::stack({kept, counted}), static_cast<double>(rows));
  seen_rows_ += static_cast<double>(rows);
}

void EpochMeter::add_time(double batch_seconds, double data_seconds, double own_seconds) {
  ++times_.batches;
  times_.batch_seconds += batch_seconds;
  times_.data_seconds += data_seconds;
  seen_seconds_ += batch_seconds;
  own_seconds_ += own_seconds;
  ++own_steps_;
}

void EpochMeter::start_interval() { own_seconds_ = own_steps_ = 0; }

EpochMeter::Reading EpochMeter::read() const {
  const int64_t world = group_->world();
  at::Tensor table = at::zeros({world, kNumColumns}, at::kDouble);
  const at::Tensor host = loss_and_rows_.to(at::kCPU);
  const DeviceMemory memory = peak_memory(device_);
  auto* all = table.mutable_data_ptr<double>();
  double* own = all + group_->rank() * kNumColumns;
  own[kLoss] = host.const_data_ptr<double>()[0];
  own[kRows] = host.const_data_ptr<double>()[1];
  own[kBatchSeconds] = times_.batch_seconds;
  own[kDataSeconds] = times_.data_seconds;
  own[kSeenRows] = seen_rows_;
  own[kSeenSeconds] = seen_seconds_;
  own[kOwnSeconds] = own_steps_ > 0 ? own_seconds_ / own_steps_ : 0.0;
  own[kAllocated] = memory.allocated;
  own[kReserved] = memory.reserved;
  group_->all_reduce(table, Reduction::kSum, "the sums of the running epoch");

  Reading reading;
  double seen_rows = 0;
  double seen_seconds = 0;
  for (const double* rank = all; rank != all + world * kNumColumns; rank += kNumColumns) {
    reading.sums.loss += rank[kLoss];
    reading.sums.rows += rank[kRows];
    reading.sums.loss_by_rank.push_back(rank[kLoss]);
    reading.sums.batch_seconds += rank[kBatchSeconds] / static_cast<double>(world);
    reading.sums.data_seconds += rank[kDataSeconds] / static_cast<double>(world);
    seen_rows += rank[kSeenRows];
    seen_seconds += rank[kSeenSeconds] / static_cast<double>(world);
    reading.own_seconds.push_back(rank[kOwnSeconds]);
    reading.peak_allocated = std::max(reading.peak_allocated, rank[kAllocated]);
    reading.peak_reserved = std::max(reading.peak_reserved, rank[kReserved]);
  }
  reading.sums.batches = times_.batches;
  reading.samples_per_second = seen_seconds > 0 ? seen_rows / seen_seconds : 0.0;
  return reading;
}

void EpochMeter::restore(const EpochSums& sums) {
  reset();
  times_ = sums;
  const auto rank = static_cast<size_t>(group_->rank());
  double loss = rank == 0 ? sums.loss : 0.0;
  if (sums.loss_by_rank.size() == static_cast<size_t>(group_->world())) loss = sums.loss_by_rank[rank];
  loss_and_rows_.select(0, 0).fill_(loss);
  // Numbers of rows are whole, so they may stay with the first rank.
  loss_and_rows_.select(0, 1).fill_(rank == 0 ? sums.rows : 0.0);
}

}  // namespace canine
