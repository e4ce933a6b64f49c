#pragma once

#include <cstdint>
#include <filesystem>

namespace canine {

/// One line of logs.csv; units as the Python program writes them.
struct LogRow {
  int64_t step = 0;
  double batch_time = 0;       ///< s, mean over the epoch so far
  double batch_time_data = 0;  ///< s, mean over the epoch so far, waiting for data
  double train_loss = 0;       ///< row-weighted mean over the epoch so far
  double val_loss = 0;
  double val_loss_linear = 0;
  double val_loss_seq2seq = 0;
  double seq_acc = 0;    ///< 0-100
  double token_acc = 0;  ///< 0-100
  double flat_acc = 0;   ///< 0-1
  double lr = 0;         ///< rate of the next step
};

/// Appends to logs.csv: CRLF line ends, header only in a new file, numbers as Python's repr. A torn last line (power
/// cut) is cut off first. Throws IoError.
void append_log(const std::filesystem::path& path, const LogRow& row);

/// Step of the last line, or -1 if there is no log or no line in it.
int64_t last_logged_step(const std::filesystem::path& path);

/// Takes lines of steps after `step` off the end, atomically: a run resumed from that step writes them again.
void trim_log(const std::filesystem::path& path, int64_t step);

}  // namespace canine
