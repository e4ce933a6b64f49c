#include "canine/app/evaluation_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "canine/core/ascii_lower.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/output_stream.hpp"
#include "canine/core/python_float.hpp"
#include "canine/core/readable.hpp"
#include "canine/table/csv_writer.hpp"

namespace canine {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostLanguages = 20;  // on the console
constexpr size_t kMostCodes = 10;

std::string percent(double share) { return fmt::format("{:.2f}", 100 * share); }

/// Lines of equally many cells as columns: the first one on the left, the others on the right.
std::string aligned(const std::vector<std::vector<std::string>>& lines) {
  std::vector<size_t> widths(lines.front().size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    text += fmt::format("  {:<{}}", line[0], widths[0]);
    for (size_t i = 1; i < line.size(); ++i) text += fmt::format("  {:>{}}", line[i], widths[i]);
    text += '\n';
  }
  return text;
}

/// Numbers of k at which top-k accuracy is shown: 1 and the last one.
std::vector<int64_t> shown_k(int64_t k) {
  if (k == 0) return {};
  return k == 1 ? std::vector<int64_t>{1} : std::vector<int64_t>{1, k};
}

std::vector<std::string> group_line(const std::string& name, const CodeMetrics& metrics) {
  const MeanScores micro = metrics.micro();
  const MeanScores macro = metrics.macro();
  std::vector<std::string> line = {name,
                                   format_count(metrics.rows()),
                                   percent(metrics.exact_match()),
                                   percent(micro.precision),
                                   percent(micro.recall),
                                   percent(micro.f1),
                                   percent(macro.precision),
                                   percent(macro.recall),
                                   percent(macro.f1)};
  for (const int64_t k : shown_k(metrics.k())) line.push_back(percent(metrics.top_k(k)));
  return line;
}

/// Line below a table of which only the beginning is shown; "" if it is whole.
std::string rest_line(size_t all, size_t shown, const char* what) {
  return shown < all ? fmt::format("  ... and {} more {}; the file of --summary has all\n", all - shown, what) : "";
}

/// Below `lines`, which begin a table, those that `line_of` makes of languages, the ones with most rows.
template <typename LineOf>
std::string languages_table(std::vector<std::vector<std::string>> lines, const EvaluationSummary& summary,
                            const LineOf& line_of) {
  const std::vector<std::string> languages = summary.languages_by_rows();
  const size_t shown = std::min(languages.size(), kMostLanguages);
  for (size_t i = 0; i < shown; ++i) lines.push_back(line_of(languages[i]));
  return aligned(lines) + rest_line(languages.size(), shown, "languages");
}

std::string decoding_table(const EvaluationSummary& summary) {
  std::vector<std::string> head = {
      "%", "rows", "exact match", "precision", "recall", "F1", "macro precision", "macro recall", "macro F1"};
  for (const int64_t k : shown_k(summary.overall.k())) head.push_back(fmt::format("flat top {}", k));
  return languages_table({head, group_line("all rows", summary.overall)}, summary,
                         [&](const std::string& name) { return group_line(name, summary.languages.at(name)); });
}

std::string teacher_forced_table(const EvaluationSummary& summary) {
  const ValidationMetrics& all = summary.teacher_forced;
  return languages_table(
      {{"%", "sequence accuracy", "token accuracy", "flat accuracy"},
       {"all rows", percent(all.seq_acc / 100), percent(all.token_acc / 100), percent(all.flat_acc)}},
      summary, [&](const std::string& name) {
        const HitCounts& hits = summary.teacher_forced_by_language.at(name);
        return std::vector<std::string>{name, percent(hits.sequence_accuracy()), percent(hits.token_accuracy()),
                                        percent(hits.flat_accuracy())};
      });
}

int64_t errors_of(const CodeCounts& counts) { return counts.labels + counts.predicted - 2 * counts.right; }

/// Code of a class, which occurs and so has one.
std::string code_of(const EvaluationSummary& summary, int64_t index) { return summary.codes->code(index).value_or(""); }

/// The codes that were missed or wrongly predicted most often; "" if there are none.
std::string errors_table(const EvaluationSummary& summary) {
  std::vector<std::pair<int64_t, CodeCounts>> codes(summary.overall.codes().begin(), summary.overall.codes().end());
  std::erase_if(codes, [](const auto& code) { return errors_of(code.second) == 0; });
  if (codes.empty()) return "";
  std::ranges::stable_sort(codes,
                           [](const auto& a, const auto& b) { return errors_of(a.second) > errors_of(b.second); });
  std::vector<std::vector<std::string>> lines = {
      {"code", "rows", "predicted", "right", "precision %", "recall %", "F1 %"}};
  const size_t shown = std::min(codes.size(), kMostCodes);
  for (size_t i = 0; i < shown; ++i) {
    const auto& [index, counts] = codes[i];
    lines.push_back({code_of(summary, index), format_count(counts.labels), format_count(counts.predicted),
                     format_count(counts.right), percent(counts.precision()), percent(counts.recall()),
                     percent(counts.f1())});
  }
  return "\nCodes with most errors\n" + aligned(lines) + rest_line(codes.size(), shown, "codes with errors");
}

Json to_json(const MeanScores& scores) {
  return {{"precision", scores.precision}, {"recall", scores.recall}, {"f1", scores.f1}};
}

Json to_json(const CodeCounts& counts) {
  return {{"labels", counts.labels},
          {"predicted", counts.predicted},
          {"right", counts.right},
          {"precision", counts.precision()},
          {"recall", counts.recall()},
          {"f1", counts.f1()},
          {"flat_recall", counts.flat_recall()}};
}

Json to_json(const CodeMetrics& metrics) {
  Json top_k = Json::array();
  for (int64_t k = 1; k <= metrics.k(); ++k) top_k.push_back(metrics.top_k(k));
  const CodeCounts total = metrics.total();
  return {{"rows", metrics.rows()},
          {"exact_match", metrics.exact_match()},
          {"micro", to_json(metrics.micro())},
          {"macro", to_json(metrics.macro())},
          {"flat_top_k", top_k},
          {"labels", total.labels},
          {"predicted", total.predicted},
          {"right", total.right},
          {"predicted_without_class", metrics.classless().predicted}};
}

Json teacher_forced_json(const ValidationMetrics& metrics) {
  return {{"rows", static_cast<int64_t>(metrics.rows)}, {"sequence_accuracy", metrics.seq_acc / 100},
          {"token_accuracy", metrics.token_acc / 100},  {"flat_accuracy", metrics.flat_acc},
          {"loss_seq2seq", metrics.loss_seq2seq},       {"loss_linear", metrics.loss_linear}};
}

Json teacher_forced_json(const HitCounts& hits) {
  return {{"rows", hits.rows},
          {"sequence_accuracy", hits.sequence_accuracy()},
          {"token_accuracy", hits.token_accuracy()},
          {"flat_accuracy", hits.flat_accuracy()}};
}

/// Lines of the CSV form, cell by cell.
class SummaryCsv {
 public:
  explicit SummaryCsv(int64_t k) : k_(k) {
    cells_ = {"scope",  "name", "rows",        "labels",          "predicted",    "right",   "precision",
              "recall", "f1",   "exact_match", "macro_precision", "macro_recall", "macro_f1"};
    for (int64_t i = 1; i <= k_; ++i) cells_.push_back(fmt::format("flat_top_{}", i));
    for (const char* name : {"flat_recall", "sequence_accuracy", "token_accuracy", "flat_accuracy", "loss_seq2seq",
                             "loss_linear", "teacher_forced_rows"}) {
      cells_.emplace_back(name);
    }
    width_ = cells_.size();
    end_line();
  }

  void overall(const CodeMetrics& metrics, const ValidationMetrics& teacher_forced) {
    group("overall", "", metrics);
    numbers({teacher_forced.seq_acc / 100, teacher_forced.token_acc / 100, teacher_forced.flat_acc,
             teacher_forced.loss_seq2seq, teacher_forced.loss_linear});
    cells_.push_back(std::to_string(static_cast<int64_t>(teacher_forced.rows)));
    end_line();
  }

  void language(const std::string& name, const CodeMetrics& metrics, const HitCounts& teacher_forced) {
    group("language", name, metrics);
    numbers({teacher_forced.sequence_accuracy(), teacher_forced.token_accuracy(), teacher_forced.flat_accuracy()});
    cells_.resize(width_ - 1);  // losses
    cells_.push_back(std::to_string(teacher_forced.rows));
    end_line();
  }

  void code(const std::string& code, const CodeCounts& of_code) {
    cells_ = {"code", code, ""};
    counts(of_code);
    cells_.resize(cells_.size() + 4 + static_cast<size_t>(k_));  // figures of groups
    numbers({of_code.flat_recall()});
    end_line();
  }

  std::string take() { return std::move(text_); }

 private:
  void group(const char* scope, const std::string& name, const CodeMetrics& metrics) {
    cells_ = {scope, name, std::to_string(metrics.rows())};
    counts(metrics.total());
    const MeanScores macro = metrics.macro();
    numbers({metrics.exact_match(), macro.precision, macro.recall, macro.f1});
    for (int64_t k = 1; k <= k_; ++k) numbers({metrics.top_k(k)});
    cells_.emplace_back();  // flat_recall
  }

  void counts(const CodeCounts& counts) {
    for (const int64_t count : {counts.labels, counts.predicted, counts.right}) cells_.push_back(std::to_string(count));
    numbers({counts.precision(), counts.recall(), counts.f1()});
  }

  void numbers(std::initializer_list<double> numbers) {
    for (const double number : numbers) cells_.push_back(python_float(number));
  }

  void end_line() {
    cells_.resize(width_);
    CsvWriter(text_).row(std::vector<std::string_view>(cells_.begin(), cells_.end()));
  }

  int64_t k_;
  size_t width_ = 0;
  std::vector<std::string> cells_;
  std::string text_;
};

/// In any case.
bool ends_in(const std::filesystem::path& path, std::string_view ending) {
  return ascii_lower(path.extension().string()) == ending;
}

}  // namespace

EvaluationSummary::EvaluationSummary(std::shared_ptr<const CodeSystem> system,
                                     std::map<std::string, CodeMetrics> by_language, int64_t k)
    : codes(std::move(system)), languages(std::move(by_language)), overall(k) {
  for (const auto& [language, metrics] : languages) overall += metrics;
}

std::vector<std::string> EvaluationSummary::languages_by_rows() const {
  std::vector<std::string> names;
  for (const auto& [name, metrics] : languages) names.push_back(name);
  std::ranges::stable_sort(
      names, [this](const auto& a, const auto& b) { return languages.at(a).rows() > languages.at(b).rows(); });
  return names;
}

std::string summary_text(const EvaluationSummary& summary) {
  const ValidationMetrics& forced = summary.teacher_forced;
  const std::string left_out =
      summary.unknown_rows == 0
          ? ""
          : fmt::format("  {} not counted here: the model lacks codes of {}, which is wrong above\n",
                        counted(summary.unknown_rows, "row") + (summary.unknown_rows == 1 ? " is" : " are"),
                        summary.unknown_rows == 1 ? "it" : "them");
  return fmt::format(
      "Decoding\n{}{}\nTeacher-forced, as in logs.csv\n{}{}  loss of the decoder {:.6f}, of the flat head {:.6f}",
      decoding_table(summary), errors_table(summary), teacher_forced_table(summary), left_out, forced.loss_seq2seq,
      forced.loss_linear);
}

std::string summary_json(const EvaluationSummary& summary) {
  Json languages = Json::object();
  for (const std::string& name : summary.languages_by_rows()) {
    languages[name] = to_json(summary.languages.at(name));
    languages[name]["teacher_forced"] = teacher_forced_json(summary.teacher_forced_by_language.at(name));
  }
  Json codes = Json::object();
  for (const auto& [index, counts] : summary.overall.codes()) codes[code_of(summary, index)] = to_json(counts);
  const Json json = {{"model", summary.model},
                     {"step", summary.step ? Json(*summary.step) : Json()},
                     {"files", summary.files},
                     {"rows_with_unknown_codes", summary.unknown_rows},
                     {"overall", to_json(summary.overall)},
                     {"teacher_forced", teacher_forced_json(summary.teacher_forced)},
                     {"languages", languages},
                     {"codes", codes}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string summary_csv(const EvaluationSummary& summary) {
  SummaryCsv csv(summary.overall.k());
  csv.overall(summary.overall, summary.teacher_forced);
  for (const std::string& name : summary.languages_by_rows()) {
    csv.language(name, summary.languages.at(name), summary.teacher_forced_by_language.at(name));
  }
  for (const auto& [index, counts] : summary.overall.codes()) csv.code(code_of(summary, index), counts);
  return csv.take();
}

void check_summary_name(const std::filesystem::path& path) {
  if (named_descriptor(path) || ends_in(path, ".json") || ends_in(path, ".csv")) return;
  throw UsageError("--summary {}: expected a name that ends in .json or .csv", path.string());
}

void write_summary(const std::filesystem::path& path, const EvaluationSummary& summary) {
  if (named_descriptor(path)) {
    const std::string text = summary_json(summary);
    OutputStream(path).write(std::as_bytes(std::span(text)));
    return;
  }
  write_file(path, ends_in(path, ".json") ? summary_json(summary) : summary_csv(summary));
}

}  // namespace canine
