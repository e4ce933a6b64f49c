#include "rejected_rows.hpp"

#include <system_error>

#include "block_size_advice.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "examples.hpp"
#include "prepared_files.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

std::string count_reasons(const LabelScan& scan) {
  std::string text;
  for (const auto& [reason, count] : scan.bad_reasons) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", reason, format_count(count));
  }
  return text;
}

void write_rejected(const LabelScan& scan, const fs::path& path) {
  AtomicFile file(path);
  file.write("line,column,code,reason\n");
  file.write(scan.rejected_lines);
  file.commit(/*sync=*/false);
}

/// What to do about codes of other lengths than the block, in a line; "" if nothing is known.
std::string block_size_line(const LabelScan& scan, const PrepareOptions& options) {
  const bool too_long = scan.bad_reasons.contains("code too long") && scan.longest_code > options.block_size;
  const bool all_short = scan.num_short > 0 && scan.longest_code < options.block_size && scan.longest_code > 0;
  if (!too_long && !all_short) return "";
  return block_size_advice(scan.longest_code, std::ssize(options.target_cols), scan.forms) + "\n";
}

}  // namespace

void report_rejected(const LabelScan& scan, const std::vector<std::string>& findings, const PrepareOptions& options,
                     const fs::path& folder) {
  const fs::path list = folder / kRejectedFile;
  if (scan.rejected_lines.empty()) {
    std::error_code ignored;
    fs::remove(list, ignored);
  } else {
    write_rejected(scan, list);
  }
  std::string refusal;
  if (scan.num_bad > 0 && !options.drop_bad_labels) {
    refusal += fmt::format(
        "{}: {} labels that cannot be encoded ({}):{}\n"
        "Mend them, or leave these rows out with --drop-bad-labels.\n",
        options.dataset.string(), rows_have(scan.num_bad, scan.num_rows), count_reasons(scan),
        examples_of(scan.bad_examples, scan.num_bad));
  }
  if (scan.num_short > 0 && !options.allow_codes_shorter_than_block_size) {
    refusal += fmt::format(
        "{}: {} codes shorter than --block-size {}; were leading zeros lost?{}\n"
        "If the codes are right, add --allow-codes-shorter-than-block-size.\n",
        options.dataset.string(), rows_have(scan.num_short, scan.num_rows), options.block_size,
        examples_of(scan.short_examples, scan.num_short));
  }
  if (!refusal.empty()) {
    for (const std::string& finding : findings) refusal += fmt::format("In {}.\n", finding);
    refusal += block_size_line(scan, options);
    throw DataError("{}All these rows are listed in {}.", refusal, list.string());
  }
  for (const std::string& finding : findings) log_warning("{}", finding);
  if (scan.num_bad > 0) {
    log_info("Dropped {} with labels that cannot be encoded ({}), listed in {}", counted(scan.num_bad, "row"),
             count_reasons(scan), list.string());
  }
  if (scan.num_short > 0) {
    log_info("{} codes shorter than the block size; kept because of --allow-codes-shorter-than-block-size",
             rows_have(scan.num_short, scan.num_rows));
  }
}

}  // namespace canine
