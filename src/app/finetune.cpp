#include "canine/app/finetune.hpp"

#include <optional>

#include "canine/app/input_columns.hpp"
#include "canine/app/training_run.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/readable.hpp"
#include "canine/data/preparation_check.hpp"

namespace canine {
namespace {

/// Rows and key that are prepared from one file.
class PreparedSource : public TrainingDataSource {
 public:
  explicit PreparedSource(const FinetuneOptions& values) : data_(values.data), folder_(values.train.save_path) {}

  FormatterOptions formatter() const override {
    return {.num_columns = static_cast<int64_t>(data_.target_cols.size()),
            .block_size = data_.block_size,
            .use_within_block_sep = data_.use_within_block_sep};
  }

  void look_through() const override {
    if (makes_prepared_files(data_, folder_)) require_rows({&data_.dataset, 1}, data_.input_col);
  }

  void prepare(const KeyCheck& check) override { prepared_ = canine::prepare(data_, folder_, check); }

  TrainingData load() override {
    if (!prepared_) prepared_ = open_prepared(data_, folder_);
    CodeSystem::Options codes;
    codes.formatter = formatter();
    codes.target_cols = data_.target_cols;
    codes.key = std::make_shared<const LabelKey>(prepared_->key);
    Dataset::Options rows;
    rows.num_threads = data_.num_threads;
    rows.tell_oddities = false;  // the preparation has
    rows.unknown_code_advice = "prepare the data again (--overwrite-prepared)";
    TrainingData data = TrainingData::read(codes, rows, {prepared_->train}, {prepared_->val});
    data.fingerprint = prepared_->fingerprint;
    return data;
  }

  std::map<std::string, std::string> meanings(const TrainingData& data) const override {
    return {
        {"dataset", counted(data.train->size() + data.val->size(), "row")},
        {"target-cols", data.codes_text()},
        {"block-size", data.positions_text()},
        {"share-val", counted(data.val->size(), "row") + " for validation"},
    };
  }

 private:
  const PrepareOptions& data_;
  std::filesystem::path folder_;
  std::optional<PreparedData> prepared_;
};

}  // namespace

int finetune_main(const std::vector<std::string>& arguments) {
  FinetuneOptions values;
  OptionSet options = finetune_option_set();
  declare_finetune_options(options, values);
  if (!options.parse(arguments)) return static_cast<int>(ExitCode::kDone);
  TrainingRun run(options, values, values.prepare_only);
  if (arguments.empty()) use_sample(options);
  check_finetune_options(options, values);
  PreparedSource source(values);
  return run.run(source);
}

}  // namespace canine
