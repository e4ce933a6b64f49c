#include "canine/table/csv_writer.hpp"

namespace canine {
namespace {

void append_field(std::string& out, std::string_view text, char separator) {
  const char special[] = {separator, '"', '\n', '\r'};
  if (text.find_first_of({special, sizeof special}) == std::string_view::npos) {
    out.append(text);
    return;
  }
  out.push_back('"');
  for (size_t quote = 0; (quote = text.find('"')) != std::string_view::npos; text.remove_prefix(quote + 1)) {
    out.append(text.substr(0, quote + 1)).push_back('"');
  }
  out.append(text).push_back('"');
}

std::string_view text_of(std::string_view cell) { return cell; }
std::string_view text_of(const std::optional<std::string_view>& cell) { return cell.value_or(std::string_view()); }

template <typename Cell>
void append_row(std::string& out, std::span<const Cell> cells, std::string_view line_end, char separator) {
  const size_t start = out.size();
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out.push_back(separator);
    append_field(out, text_of(cells[i]), separator);
  }
  if (cells.size() == 1 && out.find_first_not_of(" \t", start) == std::string::npos) {  // would be a blank line
    out.insert(start, 1, '"').push_back('"');
  }
  out.append(line_end);
}

}  // namespace

void CsvWriter::row(std::span<const std::optional<std::string_view>> cells) {
  append_row(out_, cells, line_end_, separator_);
}
void CsvWriter::row(std::span<const std::string_view> cells) { append_row(out_, cells, line_end_, separator_); }

}  // namespace canine
