#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "canine/decode/prediction_run.hpp"
#include "canine/decode/text_cache.hpp"
#include "canine/table/table_stream.hpp"

namespace canine {

/// A row of the input.
struct DescriptionRow {
  std::shared_ptr<CodedText> text;  ///< null = there is no description
  bool fresh = false;               ///< the first row with this text
  std::vector<std::string> kept;    ///< texts of the columns that go to the output
};

/// The rows of a prediction's input, one after the other.
class DescriptionRows {
 public:
  /// Throws as TableStream.
  explicit DescriptionRows(const PredictionTask& task);

  /// nullopt behind the last one.
  std::optional<DescriptionRow> next();

  /// Rows of the whole file, by the size of those read so far.
  int64_t estimated_rows() const;

 private:
  std::string_view language_of(int64_t row) const;

  const PredictionTask& task_;
  TableStream stream_;
  Table table_;
  int64_t next_row_ = 0;  ///< of table_
  std::string text_;      ///< reused from row to row
  TextCache cache_;
};

}  // namespace canine
