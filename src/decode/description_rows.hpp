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
  std::string written;              ///< the text as the output shows it
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

  /// Of the rows so far.
  const CutTexts& cut_texts() const { return cut_texts_; }
  std::optional<std::string> language_note() const;

 private:
  std::string_view language_of(int64_t row);
  void count_cut(int64_t row);

  const PredictionTask& task_;
  TableStream stream_;
  Table table_;
  int64_t next_row_ = 0;  ///< of table_
  std::string prefix_;    ///< this and the next are reused from row to row
  std::string text_;
  TextCache cache_;
  LanguageTally languages_;
  bool unknown_language_told_ = false;
  CutTexts cut_texts_;
};

}  // namespace canine
