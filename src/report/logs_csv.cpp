#include "canine/report/logs_csv.hpp"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <string>
#include <string_view>

#include "canine/core/file.hpp"
#include "canine/core/python_float.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHeader =
    "step,batch_time,batch_time_data,train_loss,val_loss,val_loss_linear,val_loss_seq2seq,seq_acc,token_acc,flat_acc,"
    "lr\r\n";

/// Cuts off what follows the last line end. Returns the number of bytes left.
size_t cut_torn_line(const fs::path& path) {
  if (!fs::exists(path)) return 0;
  const std::string text = read_file(path);
  const size_t last_end = text.rfind('\n');
  const size_t whole = last_end == std::string::npos ? 0 : last_end + 1;
  if (whole < text.size()) write_file(path, text.substr(0, whole));
  return whole;
}

/// Length of the text without its last line, and the step of that line (-1 for the header or anything else).
struct LastLine {
  size_t start = 0;
  int64_t step = -1;
};

LastLine last_line(std::string_view text) {
  LastLine line;
  const size_t end = text.find_last_not_of("\r\n");
  if (end == std::string_view::npos) return line;
  const size_t before = text.rfind('\n', end);
  line.start = before == std::string_view::npos ? 0 : before + 1;
  std::from_chars(text.data() + line.start, text.data() + end + 1, line.step);
  return line;
}

}  // namespace

int64_t last_logged_step(const fs::path& path) {
  const size_t whole = cut_torn_line(path);
  return whole == 0 ? -1 : last_line(read_file(path)).step;
}

void trim_log(const fs::path& path, int64_t step) {
  if (cut_torn_line(path) == 0) return;
  const std::string text = read_file(path);
  std::string_view kept = text;
  for (LastLine line = last_line(kept); line.step > step; line = last_line(kept)) kept = kept.substr(0, line.start);
  if (kept.size() < text.size()) write_file(path, kept);
}

void append_log(const fs::path& path, const LogRow& row) {
  std::string text = cut_torn_line(path) == 0 ? kHeader : "";
  text += std::to_string(row.step);
  for (const double value : {row.batch_time, row.batch_time_data, row.train_loss, row.val_loss, row.val_loss_linear,
                             row.val_loss_seq2seq, row.seq_acc, row.token_acc, row.flat_acc, row.lr}) {
    fmt::format_to(std::back_inserter(text), ",{}", python_float(value));
  }
  text += "\r\n";
  append_file(path, text);
}

}  // namespace canine
