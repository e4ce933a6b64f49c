#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "canine/app/option_set.hpp"
#include "canine/app/processes.hpp"
#include "canine/app/training_settings.hpp"
#include "canine/data/dataset.hpp"
#include "canine/data/prepare.hpp"
#include "canine/text/make_formatter.hpp"

namespace canine {

/// Labelled rows of a run, of one system of codes.
struct TrainingData {
  std::shared_ptr<Dataset> train;
  std::shared_ptr<Dataset> val;
  std::string fingerprint;  ///< equal rows and codes, equal text

  /// Reads the rows of the files as `rows` says of all else; the fingerprint is left to the caller. Throws DataError.
  static TrainingData read(const CodeSystem::Options& codes, Dataset::Options rows,
                           const std::vector<std::filesystem::path>& train_files,
                           const std::vector<std::filesystem::path>& val_files);

  /// "3 codes a row at most, 28 classes in all", "label sequences of 17 positions".
  std::string codes_text() const;
  std::string positions_text() const;
};

/// How a program comes to its data: that in which training programs differ, apart from their flags.
class TrainingDataSource {
 public:
  virtual ~TrainingDataSource() = default;

  /// How the codes of the run are written, known before any data is read.
  virtual FormatterOptions formatter() const = 0;

  /// Throws if a row of the files that are to be read cannot be, before anything is loaded or written. Only the first
  /// process of a job is asked.
  virtual void look_through() const = 0;

  /// Writes what belongs into the run's folder, which is there and locked, once `check` (if there is one) has seen the
  /// codes, where they come from the data. Only the first process of a job is asked.
  virtual void prepare(const KeyCheck& check) = 0;

  /// Reads the rows, in every process, after prepare() in the first one.
  virtual TrainingData load() = 0;

  /// What the program's own flags mean for the run, by option name.
  virtual std::map<std::string, std::string> meanings(const TrainingData& data) const = 0;
};

/// One start of a training program: what all of them do once their flags are parsed, up to the exit status.
class TrainingRun {
 public:
  /// Finds the place of this process in its job and its devices; from now on only the first process tells the common
  /// story. Variables behind `options` and `settings` may still change until run(). `only_prepare`: stop when the data
  /// is prepared. Throws UsageError.
  TrainingRun(const OptionSet& options, const TrainingSettings& settings, bool only_prepare = false);

  /// Starts this program once per device, if that is what was asked for, or does the work of this process: data, model,
  /// training. Returns the exit status.
  int run(TrainingDataSource& source);

 private:
  const OptionSet& options_;
  const TrainingSettings& settings_;
  bool only_prepare_;
  ProgramStart start_;
};

}  // namespace canine
