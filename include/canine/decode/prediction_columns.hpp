#pragma once

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

/// Predictions as rows of a table. Columns: those kept of the input, occ1 (the text as the model gets it), then for
/// each code i = 1, 2, ...: <name>_i, in flat and full mode prob_i, with descriptions desc_i; in greedy mode conf at
/// the end. Places without a code are empty.
class PredictionColumns {
 public:
  struct Options {
    DecodeMode mode = DecodeMode::kGreedy;
    std::string name = "hisco";                                 ///< of the code columns, without "_1"
    int64_t max_codes = 5;                                      ///< places for codes, at least 1
    std::vector<std::string> kept = {};                         ///< columns of the input
    std::shared_ptr<const CodeDescriptions> descriptions = {};  ///< null = no desc columns
  };

  /// Throws UsageError naming --keep-cols if two columns would have one name.
  explicit PredictionColumns(Options options);

  const std::vector<OutputColumn>& columns() const { return columns_; }

  /// The cells of a row, valid as long as its texts are. `text` null = an empty description, which gets no codes.
  std::vector<OutputCell> cells(const std::vector<std::string>& kept, const CodedText* text) const;

  /// The text and the prediction of a row that was written earlier; numbers come back exactly.
  std::string_view text(const Table& table, int64_t row) const;
  Prediction prediction(const Table& table, int64_t row) const;

  /// Columns that are empty if no text has more than `most` codes; those of the first code stay.
  std::vector<std::string> unused(int64_t most) const;

 private:
  bool has_probabilities() const { return options_.mode != DecodeMode::kGreedy; }
  std::string_view description(const std::string& code) const;
  size_t columns_per_code() const { return 1 + (has_probabilities() ? 1 : 0) + (options_.descriptions ? 1 : 0); }
  size_t first_code() const { return options_.kept.size() + 1; }

  Options options_;
  std::vector<OutputColumn> columns_;
};

}  // namespace canine
