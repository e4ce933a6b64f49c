#include "canine/app/predict.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "canine/app/code_descriptions.hpp"
#include "canine/app/output_files.hpp"
#include "canine/app/prediction_settings.hpp"
#include "canine/app/processes.hpp"
#include "canine/core/clock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/readable.hpp"
#include "canine/decode/prediction_run.hpp"
#include "canine/decode/predictor_pool.hpp"
#include "canine/dist/find_launch.hpp"
#include "canine/exchange/model_languages.hpp"
#include "canine/launch/signal_thread.hpp"
#include "canine/launch/stop_request.hpp"
#include "canine/report/progress.hpp"
#include "canine/report/progress_lines.hpp"
#include "canine/table/table_writer.hpp"
#include "canine/train/training_step.hpp"

namespace canine {
namespace {

/// Name of the columns of codes, without "_1".
const char* column_name(FormatterKind kind) { return kind == FormatterKind::kGeneral ? "code" : name_of(kind).data(); }

/// What people see of a run: a bar on a terminal, lines elsewhere.
class Report {
 public:
  void update(const PredictionProgress& progress) {
    if (!bar_) bar_ = std::make_unique<ProgressBar>("rows", progress.expected_rows, progress.rows_before);
    bar_->expect(progress.expected_rows);
    bar_->update(progress.rows);
    if (!lines_.due()) return;
    log_info("{}", row_progress(progress.rows, progress.rows_before, progress.expected_rows, whole_.seconds()));
  }

  void conclude(const PredictionSummary& summary) {
    bar_.reset();
    const double seconds = whole_.seconds();
    log_info("{} in {} ({:.1f} rows/s); the model coded {}.", counted(summary.rows - summary.rows_before, "row"),
             format_duration(seconds), static_cast<double>(summary.rows - summary.rows_before) / seconds,
             counted(summary.texts, "different text"));
    if (summary.empty_rows > 0) {
      log_info("{} of {} {} no description and so no code.", format_count(summary.empty_rows),
               counted(summary.rows, "row"), summary.empty_rows == 1 ? "has" : "have");
    }
    if (summary.language_note) log_note("{}", *summary.language_note);
  }

 private:
  std::unique_ptr<ProgressBar> bar_;
  ProgressLines lines_;
  Stopwatch whole_;
};

PredictionTask make_task(const PredictOptions& values, const LoadedModel& model, const PredictorOptions& predictor,
                         c10::Device device) {
  PredictionTask task;
  task.input = values.fn_in;
  task.text_col = values.col;
  task.cleaning = model.card.cleaning;
  task.language = values.language;
  task.language_col = values.language_col;
  task.known_languages = known_languages(model);
  task.output = values.fn_out;
  task.resume = values.resume;
  task.settings = prediction_settings(values, model, device);
  task.checkpoint_interval = values.checkpoint_interval;
  task.batches = {.mode = values.mode,
                  .padding = model.card.padding,
                  .max_len = model.card.max_len,
                  .batch_size = values.batch_size,
                  .threshold = values.threshold};
  task.columns = {.mode = values.mode,
                  .name = column_name(model.codes->options().formatter.kind),
                  .max_codes = max_codes(predictor, *model.codes),
                  .kept = values.keep_cols,
                  .descriptions = nullptr};
  if (model.has_card) {
    task.columns.text_col = values.col;
    task.columns.text_as_it_stood = true;
  }
  if (!values.descriptions.empty()) {
    task.columns.descriptions =
        std::make_shared<const CodeDescriptions>(read_code_descriptions(values.descriptions, *model.codes));
  } else if (model.codes->options().formatter.kind == FormatterKind::kHisco) {
    log_note(  // the Python program has these columns for HISCO
        "descriptions of HISCO codes do not come with the program; --descriptions FILE adds columns for them");
  }
  return task;
}

/// Language of all rows, where it is not a column that says it.
void choose_language(PredictOptions& values, const LoadedModel& model) {
  if (!values.language_col.empty()) return;
  values.language = values.language.empty() ? usual_language(model, "--language")
                                            : checked_language(model, "--language", values.language);
}

/// Flat models know one way only, so nobody needs to say it.
void choose_mode(const OptionSet& options, PredictOptions& values, const LoadedModel& model) {
  if (options.given("mode") || model.model->has_decoder()) return;
  values.mode = DecodeMode::kFlat;
  log_note("{} is a flat model, so this is --mode flat", model.path.string());
}

void print_start(const PredictOptions& values, const LoadedModel& model, const std::vector<c10::Device>& devices) {
  const CodeSystem& codes = *model.codes;
  log_info("Model: {} ({}, {}{})", model.path.string(), name_of(codes.options().formatter.kind),
           counted(codes.num_classes(), "code"), model.step ? fmt::format(", step {}", format_count(*model.step)) : "");
  std::vector<std::string> names;
  for (const c10::Device device : devices) names.push_back(device.str());
  log_info("Devices: {}, {}", fmt::join(names, ", "), name_of(values.precision));
  log_info("Descriptions: {}, column '{}', {}; mode {}", values.fn_in.string(), values.col,
           values.language_col.empty() ? "language " + values.language
                                       : fmt::format("languages of column '{}'", values.language_col),
           word(values.mode));
}

/// Threads of each predictor on a CPU: those of the process, shared.
int threads_of_each(const std::vector<c10::Device>& devices, int threads) {
  if (!devices.front().is_cpu()) return 1;
  return std::max(1, threads / static_cast<int>(devices.size()));
}

int run_predict(const OptionSet& options, PredictOptions& values, const LaunchContext& launch) {
  const SignalThread signals;  // before any thread that computes
  const StopRequest stop_requests;
  const std::vector<c10::Device> devices = resolve_devices(values.machine.devices);
  const ProcessSetup setup = set_up_process(options, launch, devices.front(), values.machine, values.precision);
  values.precision = setup.precision;

  PredictionTask task;
  int64_t most_characters = 0;
  std::vector<std::unique_ptr<Predictor>> predictors;
  {
    const LoadedModel model = load_from(values.model);
    choose_mode(options, values, model);
    choose_language(values, model);
    note_flags_of_other_modes(options, values);
    const PredictorOptions predictor{.mode = values.mode,
                                     .top_k = values.top_k,
                                     .any_order = values.any_order,
                                     .precision = autocast_type(values.precision)};
    predictor.validate(model);
    print_start(values, model, devices);
    most_characters = model.card.encoder.num_hash_buckets;
    task = make_task(values, model, predictor, devices.front());
    predictors = make_predictors(model, predictor, devices);
  }
  PredictorPool pool(std::move(predictors), threads_of_each(devices, setup.threads.threads));

  Report report;
  const PredictionWatch watch{.should_stop = [] { return StopRequest::signal() != 0; },
                              .progress = [&](const PredictionProgress& progress) { report.update(progress); }};
  const PredictionSummary summary = predict_table(task, pool, watch);
  if (summary.rows_before > 0) {
    log_info("{} {} there from an earlier run.", counted(summary.rows_before, "row"),
             summary.rows_before == 1 ? "was" : "were");
  }
  report.conclude(summary);
  if (summary.rows == 0 && !summary.stopped) {
    log_warning("--fn-in {}: the file has no rows; the output has a header only", values.fn_in.string());
  }
  if (const auto warning = summary.cut_texts.warning("descriptions", task.batches.max_len, most_characters)) {
    log_warning("{}", *warning);
  }
  const std::string output = name_of_output(values.fn_out);
  if (summary.stopped && named_descriptor(values.fn_out)) {
    log_info("Stopped by signal {}; nothing was written to {}.", StopRequest::signal(), output);
    return static_cast<int>(ExitCode::kStopped);
  }
  if (summary.stopped) {
    log_info("Stopped by {}; {} kept. The same command with --resume goes on.", signal_text(StopRequest::signal()),
             summary.rows == 1 ? "1 row is" : counted(summary.rows, "row") + " are");
    return static_cast<int>(ExitCode::kStopped);
  }
  log_info("Written: {}", output);
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace

int predict_main(const std::vector<std::string>& arguments) {
  PredictOptions values;
  OptionSet options = predict_option_set();
  declare_predict_options(options, values);
  if (!options.parse(arguments)) return static_cast<int>(ExitCode::kDone);
  set_log_role("", values.non_verbose);
  const NamedFile output = {"fn-out", values.fn_out};
  keep_standard_output({&output, 1});
  LaunchFlags place;
  place.single = values.launcher == "single";
  const LaunchContext launch = find_launch(place);
  if (launch.distributed()) {
    throw UsageError(
        "predict is one process for all --devices of a machine, but {} has started {}: start it plainly, or, where a "
        "launcher has only left its variables in the shell, with --launcher single",
        name_of(launch.launcher), launch.world);
  }
  check_predict_options(options, values);
  if (values.resume && output_state(values.fn_out) == OutputState::kComplete) {
    log_info(
        "{} is complete; nothing was done. Its settings were not compared with these: --overwrite instead of --resume "
        "makes it anew.",
        values.fn_out.string());
    return static_cast<int>(ExitCode::kDone);
  }
  look_through_input(values);
  return run_predict(options, values, launch);
}

}  // namespace canine
