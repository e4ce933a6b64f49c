#include "canine/app/evaluate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "canine/app/evaluation_rows.hpp"
#include "canine/app/evaluation_summary.hpp"
#include "canine/app/input_columns.hpp"
#include "canine/app/processes.hpp"
#include "canine/core/clock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/readable.hpp"
#include "canine/core/result.hpp"
#include "canine/data/cut_texts.hpp"
#include "canine/exchange/model_languages.hpp"
#include "canine/launch/signal_thread.hpp"
#include "canine/launch/stop_request.hpp"
#include "canine/report/progress.hpp"
#include "canine/train/evaluation.hpp"
#include "canine/train/loss_layout.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// Lines and a bar about the rows done so far.
class Progress {
 public:
  Progress(int64_t rows, int64_t batches) : rows_(rows), batches_(batches), bar_("evaluation", rows) {}

  void add(int64_t rows) {
    constexpr int64_t kBatchesBetweenLines = 10;
    done_ += rows;
    ++batch_;
    bar_.update(done_);
    if (batch_ != 1 && batch_ % kBatchesBetweenLines != 0 && batch_ != batches_) return;
    const double rate = static_cast<double>(done_) / std::max(clock_.seconds(), 1e-9);
    log_info("Batch {}/{} | {}/{} rows | {:.1f} rows/s | ETA: {}", batch_, batches_, format_count(done_),
             format_count(rows_), rate, format_duration(static_cast<double>(rows_ - done_) / rate));
  }

 private:
  int64_t rows_, batches_;
  int64_t done_ = 0, batch_ = 0;
  Stopwatch clock_;
  ProgressBar bar_;
};

/// Nobody can go on with half an evaluation, so nothing of it is left.
void end_if_asked(int64_t rows, int64_t all) {
  if (StopRequest::signal() == 0) return;
  throw StoppedError("stopped by {} after {} of {} rows; nothing was written, the same command starts again",
                     signal_text(StopRequest::signal()), format_count(rows), format_count(all));
}

/// Before any work, in the process that writes.
void require_outputs(const EvaluateOptions& values) {
  require_output_folders(values.outputs());
  require_new_table({"fn-out", values.fn_out}, values.overwrite);
  const NamedFile summary = {"summary", values.summary};
  require_new_files({&summary, 1}, values.overwrite);
}

/// A launcher mixes what its processes print, and so would this program.
void refuse_streams_of_several(const EvaluateOptions& values, bool several) {
  for (const NamedFile& output : values.outputs()) {
    if (!several || !named_descriptor(output.path)) continue;
    throw UsageError("--{} {}: several processes share this stream; give a file, or start one process", output.option,
                     output.path.string());
  }
}

/// The work of one process.
class Work {
 public:
  Work(Job& job, const OptionSet& options, const EvaluateOptions& values, const ProcessSetup& setup)
      : job_(job), options_(options), values_(values), setup_(setup) {}

  int run();

 private:
  LoadedModel load();
  std::shared_ptr<const CodeSystem> codes_of_files(const LoadedModel& loaded) const;
  std::shared_ptr<ProcessGroup> join(const LoadedModel& loaded, const Dataset& data);
  Evaluation::Options evaluation_options(const LoadedModel& loaded, const Dataset& data) const;
  void prepare_texts(const LoadedModel& loaded, Dataset& data) const;
  void describe(const LoadedModel& loaded, const Dataset& data) const;
  void conclude(const LoadedModel& loaded, EvaluationRows& rows, const ValidationMetrics& teacher_forced) const;

  Job& job_;
  const OptionSet& options_;
  const EvaluateOptions& values_;
  const ProcessSetup& setup_;
};

LoadedModel Work::load() {
  LoadedModel loaded = load_from(values_.model, job_);
  if (loaded.card.type != ModelType::kMixer) {
    throw CheckpointError(
        "--{} {}: expected a model with a decoder and a flat head (mixer); this one has only one of them",
        values_.model.flag, loaded.path.string());
  }
  return loaded;
}

/// The model's codes, in the columns of --target-col-naming if that is given.
std::shared_ptr<const CodeSystem> Work::codes_of_files(const LoadedModel& loaded) const {
  if (!values_.target_col_naming) return loaded.codes;
  CodeSystem::Options codes = loaded.codes->options();
  if (codes.formatter.kind == FormatterKind::kGeneral) {
    throw UsageError(
        "--target-col-naming {}: the model's codes are of a system of its own; name their columns with "
        "--target-cols",
        name_of(*values_.target_col_naming));
  }
  codes.target_cols = CodeSystem::usual_columns(*values_.target_col_naming);
  return std::make_shared<const CodeSystem>(codes, loaded.codes->formatter());
}

/// What all processes must have alike.
std::shared_ptr<ProcessGroup> Work::join(const LoadedModel& loaded, const Dataset& data) {
  JobDigest digest = common_digest(options_, setup_);
  digest.add("model", fmt::format("{} step {}", loaded.card.to_json(), loaded.step.value_or(-1)));
  digest.add("data", data.fingerprint());
  return job_.join(digest);
}

Evaluation::Options Work::evaluation_options(const LoadedModel& loaded, const Dataset& data) const {
  Evaluation::Options options;
  options.loader.batch_size = values_.batch_size;
  options.loader.num_workers = values_.num_workers;
  options.loader.collate = {.max_len = loaded.card.max_len,
                            .padding = loaded.card.padding,
                            .cleaning = loaded.card.cleaning,
                            .pin_memory = true};
  options.layout = loss_layout(data.formatter());
  options.top_k = std::min(values_.top_k, data.num_classes());
  options.precision = setup_.precision;
  return options;
}

/// Languages as the model knows them; says what it does not know, and what it sees the beginning of only.
void Work::prepare_texts(const LoadedModel& loaded, Dataset& data) const {
  const auto note =
      data.mend_languages(known_languages(loaded), fmt::format("column {}", values_.columns().language_col));
  if (note) log_note("{}", *note);
  if (!job_.is_main()) return;
  const ModelCard& card = loaded.card;
  const CutTexts cut =
      find_cut_texts(data, card.cleaning, TextUse::kPrediction, card.max_len, values_.machine.num_threads);
  if (const auto warning = cut.warning("descriptions", card.max_len, card.encoder.num_hash_buckets)) {
    log_warning("{}", *warning);
  }
}

void Work::describe(const LoadedModel& loaded, const Dataset& data) const {
  const FormatterOptions& formatter = loaded.card.formatter;
  log_info("Model: {}{}, {} with {}", loaded.path.string(),
           loaded.step ? fmt::format(" (step {})", format_count(*loaded.step)) : "", name_of(formatter.kind),
           counted(data.num_classes(), "class", "es"));
  log_info("Data: {} in {}; codes in {}", counted(data.size(), "row"),
           counted(static_cast<int64_t>(values_.files.size()), "file"), fmt::join(data.system().target_cols(), ", "));
}

void Work::conclude(const LoadedModel& loaded, EvaluationRows& rows, const ValidationMetrics& teacher_forced) const {
  rows.finish();
  EvaluationSummary summary(loaded.codes, rows.metrics(), rows.top_k());
  summary.teacher_forced = teacher_forced;
  summary.teacher_forced_by_language = rows.teacher_forced();
  summary.model = loaded.path.string();
  summary.step = loaded.step;
  summary.unknown_rows = rows.unknown_rows();
  for (const fs::path& file : values_.files) summary.files.push_back(file.string());
  if (!values_.summary.empty()) write_summary(values_.summary, summary);
  print_result(fmt::format("\n{}", summary_text(summary)));
  for (const fs::path& path : {values_.fn_out, values_.summary}) {
    if (!path.empty()) log_info("Written: {}", name_of_output(path));
  }
}

int Work::run() {
  if (job_.is_main()) {
    require_outputs(values_);
    require_rows(values_.files, values_.input_col);
  }
  const LoadedModel loaded = load();
  Dataset::Options rows_of_files = values_.columns();
  rows_of_files.files = values_.files;
  rows_of_files.system = codes_of_files(loaded);
  rows_of_files.num_threads = values_.machine.num_threads;
  rows_of_files.keep_unknown_codes = true;
  require_evaluated_columns(values_, rows_of_files.system->target_cols());
  if (values_.language) rows_of_files.language = checked_language(loaded, "--language", *values_.language);
  if (values_.names_no_language) rows_of_files.language = usual_language(loaded, "--language");
  Dataset data(rows_of_files);
  if (data.size() == 0)
    throw DataError("--val-data: the {} no rows", values_.files.size() == 1 ? "file has" : "files have");
  prepare_texts(loaded, data);
  describe(loaded, data);
  const auto group = join(loaded, data);
  Mixer model = loaded.model;
  model->to(setup_.device);
  const Evaluation::Options options = evaluation_options(loaded, data);
  std::optional<EvaluationRows> rows;
  std::optional<StopRequest> stop_requests;
  if (job_.is_main()) {
    stop_requests.emplace();  // from here on there are files to take away
    rows.emplace(data, options.top_k, values_.fn_out);
  }
  Evaluation evaluation(data, model, setup_.device, group, options);
  Progress progress(data.size(), evaluation.num_batches());
  const ValidationMetrics teacher_forced = evaluation.run([&](const EvaluatedBatch& batch) {
    rows->add(batch);
    progress.add(batch.size());
    end_if_asked(batch.first_row + batch.size(), data.size());
  });
  if (rows) conclude(loaded, *rows, teacher_forced);
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace

int evaluate_main(const std::vector<std::string>& arguments) {
  EvaluateOptions values;
  OptionSet options = evaluate_option_set();
  declare_evaluate_options(options, values);
  if (!options.parse(arguments)) return static_cast<int>(ExitCode::kDone);
  const ProgramStart start = find_start(options, values.launch, values.machine);
  refuse_streams_of_several(values, start.starts_others || start.launch.distributed());
  keep_standard_output(values.outputs());
  check_evaluate_options(values);
  check_evaluated_files(values);
  if (start.starts_others) return start_processes(start.devices, "evaluation");
  const SignalThread signals;  // before any thread that computes
  Job job(start.launch, values.launch);
  const ProcessSetup setup =
      set_up_process(options, job.launch(), start.device_of(job.launch()), values.machine, values.precision);
  print_start_lines(setup);
  job.meet(setup.device);
  return job.run([&] { return Work(job, options, values, setup).run(); });
}

}  // namespace canine
