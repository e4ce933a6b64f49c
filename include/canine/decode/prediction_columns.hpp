#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "canine/decode/batch_width.hpp"
#include "canine/decode/text_cache.hpp"
#include "canine/table/table.hpp"
#include "canine/table/table_writer.hpp"

namespace canine {

/// What codes mean, for people.
using CodeDescriptions = std::unordered_map<std::string, std::string>;

/// Description of a code that has none, as in the Python program.
inline constexpr std::string_view kUnknownCode = "Unknown code";

/// Predictions as rows of a table. Columns: those kept of the input, the text, then for each code i = 1, 2, ...:
/// <name>_i, in flat and full mode prob_i, with descriptions desc_i; in greedy mode conf at the end. Places without a
/// code are empty. A text that stands as in the input has its column there too: kept columns already hold it if it is
/// one of them, and where codes have its name it is called occ1, with a note.
class PredictionColumns {
 public:
  struct Options {
    DecodeMode mode = DecodeMode::kGreedy;
    std::string name = "hisco";          ///< of the code columns, without "_1"
    int64_t max_codes = 5;               ///< places for codes, at least 1
    std::vector<std::string> kept = {};  ///< columns of the input
    std::string text_col = "occ1";       ///< name of the text's column
    bool text_as_it_stood = false;       ///< the text is the input's; otherwise language[SEP]text as the model gets it
    std::shared_ptr<const CodeDescriptions> descriptions = {};  ///< null = no desc columns
  };

  /// Throws UsageError naming --keep-cols if two columns would have one name.
  explicit PredictionColumns(Options options);

  const std::vector<OutputColumn>& columns() const { return columns_; }

  /// The cells of a row, valid as long as its texts are. `written`: the text's cell. `coded` null = an empty
  /// description, which gets no codes.
  std::vector<OutputCell> cells(const std::vector<std::string>& kept, std::string_view written,
                                const CodedText* coded) const;

  /// The text and the prediction of a row that was written earlier; numbers come back exactly.
  std::string_view text(const Table& table, int64_t row) const;
  Prediction prediction(const Table& table, int64_t row) const;

  /// Columns that are empty if no text has more than `most` codes; those of the first code stay.
  std::vector<std::string> unused(int64_t most) const;

 private:
  bool has_probabilities() const { return options_.mode != DecodeMode::kGreedy; }
  std::string_view description(const std::string& code) const;
  size_t columns_per_code() const { return 1 + (has_probabilities() ? 1 : 0) + (options_.descriptions ? 1 : 0); }
  size_t first_code() const { return std::max(options_.kept.size(), text_place_ + 1); }
  std::vector<OutputColumn> code_columns() const;
  void add_text_column(bool may_be_kept);

  Options options_;
  std::vector<OutputColumn> columns_;
  size_t text_place_ = 0;  ///< of the text's column
};

}  // namespace canine
