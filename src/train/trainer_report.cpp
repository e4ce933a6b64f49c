#include <algorithm>
#include <cmath>
#include <numeric>

#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/report/logs_csv.hpp"
#include "canine/train/main_rank.hpp"
#include "trainer_state.hpp"

namespace canine {
namespace {

/// How much longer than the others the slowest rank may take before it is named, as a share of the whole step.
constexpr double kTolerableSkew = 0.1;

double value_of(const ValidationMetrics& metrics, const std::string& metric) {
  if (metric == "seq_acc") return metrics.seq_acc;
  if (metric == "token_acc") return metrics.token_acc;
  if (metric == "flat_acc") return metrics.flat_acc;
  return metrics.loss;
}

}  // namespace

void Trainer::State::log_line(int64_t epoch, int64_t batch_index) {
  const EpochMeter::Reading reading = meter.read();
  meter.start_interval();
  if (!is_main()) return;
  const int64_t left = plan.steps_per_epoch - batch_index - 1;
  log_info(
      "[Epoch {}] Batch {}/{} | Loss: {:.6f} | LR: {:.2e} | Grad norm: {:.3f} | Batch time: {:.2f}s (data: {:.2f}s) | "
      "Samples/sec: {:.1f} | ETA: {}",
      epoch, batch_index + 1, plan.steps_per_epoch, reading.mean_loss(), next_rate(), gradient_norm.item<float>(),
      reading.batch_seconds(), reading.data_seconds(), reading.samples_per_second,
      format_duration(reading.batch_seconds() * static_cast<double>(left)));
  if (reading.peak_reserved > 0) {
    constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
    log_info("  GPU memory: {:.2f} GiB allocated at most, {:.2f} GiB reserved{}", reading.peak_allocated / kGiB,
             reading.peak_reserved / kGiB, group().world() > 1 ? ", on the fullest GPU" : "");
  }
  log_slowest(reading);
}

void Trainer::State::log_slowest(const EpochMeter::Reading& reading) const {
  const std::vector<double>& seconds = reading.own_seconds;
  if (seconds.size() < 2) return;
  const auto slowest = std::max_element(seconds.begin(), seconds.end());
  const double sum = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  const double others = (sum - *slowest) / static_cast<double>(seconds.size() - 1);
  if (*slowest - others <= kTolerableSkew * reading.batch_seconds()) return;
  log_info("  Slowest: rank {}, {:.3f}s a step before the exchange of gradients, the others {:.3f}s on average",
           slowest - seconds.begin(), *slowest, others);
}

/// Whether logs.csv lacks the line of this step; the first rank looks.
bool Trainer::State::evaluation_is_missing() {
  const std::string last = text_of_main_rank(group(), "the last line of logs.csv",
                                             [&] { return std::to_string(last_logged_step(log_path())); });
  return std::stoll(last) < step;
}

/// A validation that a stop request has ended: it is made up for when the run goes on (evaluation_is_missing).
void Trainer::State::break_off(TrainResult& result) {
  if (is_main()) log_info("The validation is broken off; it will be done when the run goes on.");
  if (step != plan.first_step) save();
  result.end = TrainEnd::kStopped;
}

void Trainer::State::evaluate_at_start(TrainResult& result) {
  if (parts.val->size() == 0) return;
  if (is_main()) log_info("\n{}\nStarting evaluation pass before the first step...", kRule);
  first_validation = validation.run_unless_stopped(parts.stop_signal);
  if (!first_validation) break_off(result);
}

void Trainer::State::evaluate(TrainResult& result) {
  if (parts.val->size() == 0) return;
  if (is_main()) log_info("\n{}\nStarting evaluation pass...", kRule);
  const std::optional<ValidationMetrics> found = validation.run_unless_stopped(parts.stop_signal);
  if (!found) return break_off(result);
  const ValidationMetrics& metrics = *found;
  check_last_step();
  const EpochMeter::Reading reading = meter.read();
  if (is_main()) {
    log_info(
        "{0}\nEVALUATION RESULTS (Step {1})\n{0}\n"
        "Validation Loss     : {2:.6f} (Linear: {3:.6f}, Seq2Seq: {4:.6f})\n"
        "Training Loss       : {5:.6f}\nSequence Accuracy   : {6:.2f}%\nToken Accuracy      : {7:.2f}%\n"
        "Flat Accuracy       : {8:.2f}%\nLearning Rate       : {9:.2e}\nRows                : {10} of {11} rows\n{0}\n",
        kRule, step, metrics.loss, metrics.loss_linear, metrics.loss_seq2seq, reading.mean_loss(), metrics.seq_acc,
        metrics.token_acc, 100 * metrics.flat_acc, next_rate(), metrics.rows, parts.val->size());
  }
  on_main_rank(group(), fmt::format("the line of step {} in logs.csv", step), [&] {
    append_log(log_path(), {step, reading.batch_seconds(), reading.data_seconds(), reading.mean_loss(), metrics.loss,
                            metrics.loss_linear, metrics.loss_seq2seq, metrics.seq_acc, metrics.token_acc,
                            metrics.flat_acc, next_rate()});
  });
  if (!first_validation) first_validation = metrics;
  result.last = metrics;
  if (options.keep_best.empty()) return;
  const double value = value_of(metrics, options.keep_best);
  if (!std::isfinite(value) || (best_metric && !RunFolder::is_better(options.keep_best, value, *best_metric))) return;
  best_metric = value;
  save(value);
}

}  // namespace canine
