#include "split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "canine/core/log.hpp"
#include "canine/core/random.hpp"
#include "canine/core/readable.hpp"
#include "canine/data/description_survey.hpp"
#include "canine/data/shared_texts.hpp"

namespace canine {
namespace {

constexpr uint32_t kSplitSeed = 42;

TextRows rows_of(const StringColumn& texts, const std::vector<int64_t>& rows) {
  return {std::ssize(rows), [&](int64_t i) { return texts.text(rows[static_cast<size_t>(i)]); }};
}

int64_t count_untrained_codes(const LabelColumns& labels, const Split& split, const LabelKey& key) {
  std::vector<bool> trained(static_cast<size_t>(key.size()), false);
  for (const int64_t row : split.train) {
    for (size_t column = 0; column < labels.size(); ++column) {
      if (const auto cell = labels.cell(row, column)) trained[static_cast<size_t>(key.find(*cell))] = true;
    }
  }
  int64_t untrained = 0;
  for (int64_t index = 0; index < key.size(); ++index) {
    untrained += key.code(index).has_value() && !trained[static_cast<size_t>(index)];
  }
  return untrained;
}

int64_t count_missing(const StringColumn& column, const Split& split) {
  const auto missing = [&column](int64_t row) { return column.missing(row); };
  return std::ranges::count_if(split.train, missing) + std::ranges::count_if(split.val, missing);
}

DescriptionSurvey survey_of(const StringColumn& texts, const Split& split) {
  DescriptionSurvey survey;
  for (const std::vector<int64_t>* rows : {&split.train, &split.val}) {
    for (const int64_t row : *rows) survey.add(texts.text(row), texts.missing(row));
  }
  return survey;
}

}  // namespace

Split split_rows(std::vector<int64_t> rows, double share_val) {
  const auto num_rows = static_cast<int64_t>(rows.size());
  const auto num_val = static_cast<int64_t>(static_cast<double>(num_rows) * share_val);
  Split split;
  split.val = numpy_sample(kSplitSeed, num_rows, num_val);
  split.val.shrink_to_fit();
  std::vector<bool> is_val(rows.size(), false);
  for (int64_t& position : split.val) {
    is_val[static_cast<size_t>(position)] = true;
    position = rows[static_cast<size_t>(position)];
  }
  size_t num_kept = 0;
  for (size_t position = 0; position < rows.size(); ++position) {
    if (!is_val[position]) rows[num_kept++] = rows[position];
  }
  rows.resize(num_kept);
  split.train = std::move(rows);
  return split;
}

void warn_about_oddities(const Table& table, const PrepareOptions& options, const LabelColumns& labels,
                         const LabelScan& scan, const Split& split, const LabelKey& key) {
  const auto warn_if_any = [](int64_t count, std::string_view one, std::string_view several, std::string_view what) {
    if (count > 0) log_warning("{} {} {}", format_count(count), count == 1 ? one : several, what);
  };
  const auto warn_if_any_row = [&](int64_t count, std::string_view what) {
    warn_if_any(count, "row has", "rows have", what);
  };
  const StringColumn& texts = table.column(options.input_col);
  if (!split.train.empty()) {
    warn_if_any(count_shared_texts(rows_of(texts, split.train), rows_of(texts, split.val)), "validation row has",
                "validation rows have",
                "a description that is in the training rows too, so validation looks better than new texts will");
    warn_if_any(count_untrained_codes(labels, split, key), "code occurs", "codes occur",
                "in the validation rows only and will never be trained");
  }
  warn_if_any_row(scan.num_split_codes, "a '&' inside a label cell; it separates codes, so such a cell is several");
  warn_if_any_row(scan.num_without_code,
                  fmt::format("no code in column {}; as in the Python program it becomes '?', which is learned like "
                              "another code, with those of the columns behind it. Take such rows out if that is not "
                              "meant",
                              options.target_cols.front()));
  warn_if_any_row(scan.num_gaps, "a code behind an empty label column; codes after a gap are not learned");
  const DescriptionSurvey descriptions = survey_of(texts, split);
  warn_if_any_row(descriptions.empty(), kNoDescription);
  descriptions.tell("--input-col " + options.input_col);
  if (options.language_col) {
    warn_if_any_row(count_missing(table.column(*options.language_col), split),
                    "no language, which training reads as 'unk'");
  }
}

}  // namespace canine
