#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "canine/checkpoint/pickle_value.hpp"

namespace canine {

/// The checkpoints of one run: `{step}.bin` files, `last.bin`, and checkpoints.json with size and SHA-256 of each.
///
/// save(): free-space check -> `{step}.bin` written aside, synced, renamed -> manifest -> `last.bin` made by reflink or
/// hard link under another name and renamed over the old one -> old checkpoints pruned. `last.bin` thus always names a
/// complete checkpoint and costs no second write. finish() makes last.bin a file of its own, because the Python program
/// rewrites last.bin in place, which would change `{step}.bin` through a hard link.
class RunFolder {
 public:
  struct Options {
    std::filesystem::path folder;
    int keep_last = 0;           ///< newest checkpoints kept; 0 = all
    std::string keep_best = "";  ///< metric of which the best checkpoint is also kept ("" = none)
  };

  explicit RunFolder(const Options& options);

  /// Writes a checkpoint of `step`; `metric` is the value of keep_best, if known.
  /// Returns the path of `{step}.bin`. Throws IoError/CannotWriteError with last.bin untouched.
  std::filesystem::path save(int64_t step, const PickleValue& content, std::optional<double> metric = {});

  /// Gives the metric of a checkpoint that was saved before it was known, and prunes.
  void set_metric(int64_t step, double metric);

  /// Best value of keep_best among the listed checkpoints.
  std::optional<double> best_metric() const;

  /// Whether `value` is better than `other`: less of "val_loss", more of any other metric.
  static bool is_better(const std::string& metric, double value, double other);

  /// Clean end of the run (see above).
  void finish();

  struct Found {
    std::filesystem::path path;
    PickleValue content;
  };

  /// The newest checkpoint that verifies: last.bin (or a listed `{step}.bin` written after it, where a crash came
  /// between the two), else the `{step}.bin` with the highest step. Broken ones are named with a warning. nullopt if
  /// there is none at all; CheckpointError if there are some but none is whole.
  /// Removes aside files that earlier processes left, and puts the checkpoint it has found in the place of a broken
  /// last.bin.
  std::optional<Found> newest();

  /// The same for readers beside a run: nothing in the folder is changed.
  static std::optional<Found> find_newest(const std::filesystem::path& folder);

  /// Names, sizes and hashes (of the manifest) of the checkpoint files, as text: equal for all who see the same folder.
  std::string fingerprint() const;

  /// The files called like checkpoints, whole or not, in the order in which newest() tries them.
  static std::vector<std::filesystem::path> checkpoints(const std::filesystem::path& folder);

  /// True if `folder` holds a file called like a checkpoint, whole or not.
  static bool has_checkpoint(const std::filesystem::path& folder);

  /// True for the names of what programs write into the folder of a run: checkpoints, and the files that README lists
  /// under "Files of a run".
  static bool is_run_file(const std::string& name);

 private:
  void prune() const;
  void mend_last(const std::filesystem::path& good) const;

  Options options_;
};

}  // namespace canine
