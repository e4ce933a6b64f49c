#include "canine/app/train_mixer.hpp"

#include <fmt/format.h>

#include "canine/app/input_columns.hpp"
#include "canine/app/training_run.hpp"
#include "canine/checkpoint/run_folder.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/core/sha256.hpp"
#include "canine/data/columns.hpp"
#include "canine/data/key_check.hpp"
#include "canine/data/shared_texts.hpp"
#include "canine/exchange/load_model.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKeyFile = "key.csv";

/// Files as they were given. Codes of gpf get a key from them.
class GivenFiles : public TrainingDataSource {
 public:
  explicit GivenFiles(const TrainMixerOptions& values)
      : data_(values.data), key_file_(values.train.save_path / kKeyFile), num_threads_(values.machine.num_threads) {}

  FormatterOptions formatter() const override { return data_.codes.formatter; }

  void look_through() const override {
    require_rows(data_.train_files, std::string(kTextColumn));
    require_rows(data_.val_files, std::string(kTextColumn));
  }

  /// A run that goes on keeps its key: classes are positions in it. Folders of the Python program have no key.csv.
  void prepare(const KeyCheck& check) override {
    if (data_.formatter != FormatterKind::kGeneral) return;
    const fs::path folder = key_file_.parent_path();
    const bool goes_on = RunFolder::has_checkpoint(folder);
    if (goes_on && fs::exists(key_file_)) return;
    const LabelKey key = goes_on ? key_of_run(read_model_content(folder.string()))
                                 : collect_key(data_.train_files, data_.val_files, data_.target_cols);
    if (check) check(key);
    require_replaceable(key);
    key.write(key_file_);
    log_info("{} in {}", counted(key.size(), "code"), key_file_.string());
    if (!goes_on) warn_of_lost_zeros(key, data_.codes.formatter);
  }

  TrainingData load() override {
    CodeSystem::Options codes = data_.codes;
    if (data_.formatter == FormatterKind::kGeneral) {
      codes.key = std::make_shared<const LabelKey>(LabelKey::read(key_file_));
    }
    Dataset::Options rows;
    rows.num_threads = num_threads_;
    rows.unknown_code_advice =
        fmt::format("{} has those of this run; new codes need a new run (another --save-dir)", key_file_.string());
    TrainingData data = TrainingData::read(codes, rows, data_.train_files, data_.val_files);
    check_rows(data);
    data.fingerprint = sha256_of(data.train->fingerprint() + data.val->fingerprint());
    return data;
  }

  std::map<std::string, std::string> meanings(const TrainingData& data) const override {
    return {
        {"train-data", files_and_rows(data_.train_files, *data.train)},
        {"val-data", files_and_rows(data_.val_files, *data.val)},
        {"formatter", data.codes_text() + ", " + data.positions_text()},
    };
  }

 private:
  /// A key.csv that is there already is that of an earlier start with these files or of a run, or it is somebody's own.
  void require_replaceable(const LabelKey& key) const {
    std::error_code ignored;
    if (!fs::exists(key_file_, ignored) || fs::exists(key_file_.parent_path() / "args.yaml", ignored)) return;
    if (read_file(key_file_) == key.to_csv()) return;
    throw UsageError(
        "{} is there already, holds other codes than these files, and would be replaced; move it away, or choose "
        "another --save-dir",
        key_file_.string());
  }

  void check_rows(const TrainingData& data) const {
    if (data.train->size() == 0) {
      throw DataError("--train-data: {} no rows below the names of the columns",
                      data_.train_files.size() == 1 ? data_.train_files.front().string() + " has" : "the files have");
    }
    if (log_is_quiet()) return;  // the first process tells
    if (const int64_t shared = count_shared_texts(*data.train, *data.val); shared > 0) {
      log_warning(
          "{} of {} {} a description that is in the training rows too, so validation looks better than new texts will",
          format_count(shared), counted(data.val->size(), "validation row"), shared == 1 ? "has" : "have");
    }
  }

  static std::string files_and_rows(const std::vector<fs::path>& files, const Dataset& data) {
    return fmt::format("{}, {}", counted(static_cast<int64_t>(files.size()), "file"), counted(data.size(), "row"));
  }

  const MixerData& data_;
  fs::path key_file_;
  int num_threads_;
};

}  // namespace

int train_mixer_main(const std::vector<std::string>& arguments) {
  TrainMixerOptions values;
  OptionSet options = train_mixer_option_set();
  declare_train_mixer_options(options, values);
  if (!options.parse(arguments)) return static_cast<int>(ExitCode::kDone);
  TrainingRun run(options, values);
  check_train_mixer_options(options, values);
  GivenFiles source(values);
  return run.run(source);
}

}  // namespace canine
