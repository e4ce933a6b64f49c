#include "canine/train/epoch_meter.hpp"

#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace canine {

EpochMeter::EpochMeter(c10::Device device)
    : loss_and_rows_(at::zeros({2}, at::TensorOptions().dtype(at::kDouble).device(device))) {}

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

void EpochMeter::add_time(double batch_seconds, double data_seconds) {
  ++times_.batches;
  times_.batch_seconds += batch_seconds;
  times_.data_seconds += data_seconds;
  seen_seconds_ += batch_seconds;
}

EpochSums EpochMeter::read() const {
  const at::Tensor host = loss_and_rows_.to(at::kCPU);
  EpochSums sums = times_;
  sums.loss = host.const_data_ptr<double>()[0];
  sums.rows = host.const_data_ptr<double>()[1];
  return sums;
}

void EpochMeter::restore(const EpochSums& sums) {
  reset();
  times_ = sums;
  loss_and_rows_.select(0, 0).fill_(sums.loss);
  loss_and_rows_.select(0, 1).fill_(sums.rows);
}

double EpochMeter::mean_loss() const {
  const EpochSums sums = read();
  return sums.rows > 0 ? sums.loss / sums.rows : 0.0;
}

double EpochMeter::samples_per_second() const { return seen_seconds_ > 0 ? seen_rows_ / seen_seconds_ : 0.0; }

}  // namespace canine
