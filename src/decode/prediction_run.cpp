#include "canine/decode/prediction_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <future>
#include <optional>
#include <utility>

#include "canine/core/clock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/fault_injection.hpp"
#include "canine/core/field_hash.hpp"
#include "canine/core/readable.hpp"
#include "canine/table/table_stream.hpp"
#include "canine/table/table_writer.hpp"
#include "description_rows.hpp"

namespace canine {
namespace {

constexpr int64_t kMostRows = 16384;  // of a chunk
constexpr const char* kHowToGoOn = "Give the file with these rows, or start anew with --overwrite";
constexpr std::chrono::milliseconds kPatience(100);  // between looks for a stop request while batches are in work

/// Rows that are predicted together.
struct Chunk {
  std::vector<DescriptionRow> rows;
  Texts fresh;  ///< texts that are not known yet

  struct Part {
    Texts texts;
    std::future<std::vector<Prediction>> predictions;
  };
  std::vector<Part> parts;

  /// Whether all predictions are there, at the latest after `patience` for each part.
  bool ready(std::chrono::milliseconds patience = {}) const {
    return std::ranges::all_of(
        parts, [&](const Part& part) { return part.predictions.wait_for(patience) == std::future_status::ready; });
  }
};

/// What the output shows of the rows of the input so far, as one hash: that before these rows, and theirs.
std::string digest_of(const std::string& before, const std::vector<DescriptionRow>& rows) {
  FieldHash hash;
  hash.add(before);
  for (const DescriptionRow& row : rows) {
    row.text ? hash.add(row.text->text) : hash.add_missing();
    hash.add(row.written);
    for (const std::string& cell : row.kept) hash.add(cell);
  }
  return hash.hex_digest();
}

TableWriter::Options writer_options(const PredictionTask& task, const PredictionColumns& columns) {
  return {.path = task.output, .columns = columns.columns(), .settings = task.settings, .resume = task.resume};
}

class Run {
 public:
  Run(const PredictionTask& task, PredictorPool& pool, const PredictionWatch& watch)
      : task_(task),
        pool_(pool),
        watch_(watch),
        columns_(task.columns),
        rows_(task),
        writer_(writer_options(task, columns_)) {}

  PredictionSummary run() {
    read_earlier_rows();
    while (!stopping()) {
      Chunk chunk = next_chunk();
      if (chunk.rows.empty() || !submit(chunk)) break;
      in_work_.push_back(std::move(chunk));
      while (!in_work_.empty() && in_work_.front().ready()) write_first();
      while (in_work_.size() > most_in_work() && wait_for_first()) write_first();
    }
    while (!in_work_.empty() && wait_for_first()) write_first();
    if (stopping()) {
      stop();
    } else {
      writer_.checkpoint(digest_);
      writer_.finish(columns_.unused(summary_.most_codes));
    }
    summary_.rows = rows_written_;
    summary_.cut_texts = rows_.cut_texts();
    summary_.language_note = rows_.language_note();
    return summary_;
  }

 private:
  size_t most_in_work() const { return 3 * pool_.size() + 2; }

  bool stopping() {
    summary_.stopped = summary_.stopped || (watch_.should_stop && watch_.should_stop());
    return summary_.stopped;
  }

  /// At most `most_rows`, where an earlier run came to the end of its input.
  Chunk next_chunk(int64_t most_rows = kMostRows) {
    const auto most_texts = static_cast<size_t>(task_.batches.texts_at_once());
    Chunk chunk;
    while (std::ssize(chunk.rows) < std::min(most_rows, kMostRows) && chunk.fresh.size() < most_texts) {
      std::optional<DescriptionRow> row = rows_.next();
      if (!row) break;
      if (row->fresh) chunk.fresh.push_back(row->text);
      chunk.rows.push_back(std::move(*row));
    }
    return chunk;
  }

  /// False if a stop was asked for in front of its end; the chunk is then of no use.
  bool submit(Chunk& chunk) {
    for (Texts& texts : share_out(std::move(chunk.fresh), task_.batches)) {
      TextBatch batch = make_text_batch(texts, task_.batches);
      do {
        if (stopping()) return false;
      } while (!pool_.has_room(kPatience));
      chunk.parts.push_back({std::move(texts), pool_.submit(std::move(batch))});
    }
    return true;
  }

  /// False if a stop was asked for before the first chunk was done.
  bool wait_for_first() {
    do {
      if (stopping()) return false;
    } while (!in_work_.front().ready(kPatience));
    return true;
  }

  void write_first() {
    Chunk& chunk = in_work_.front();
    for (Chunk::Part& part : chunk.parts) {
      std::vector<Prediction> predictions = part.predictions.get();
      summary_.texts += static_cast<int64_t>(predictions.size());
      for (size_t i = 0; i < predictions.size(); ++i) part.texts[i]->prediction = std::move(predictions[i]);
    }
    for (const DescriptionRow& row : chunk.rows) {
      count(row);
      writer_.row(columns_.cells(row.kept, row.written, row.text.get()));
    }
    digest_ = digest_of(digest_, chunk.rows);
    in_work_.pop_front();
    fault_point("predicted", 0, ++chunks_written_);
    if (since_checkpoint_.seconds() >= task_.checkpoint_interval) {
      writer_.checkpoint(digest_);
      since_checkpoint_.restart();
    }
    if (watch_.progress) watch_.progress({rows_written_, summary_.rows_before, rows_.estimated_rows()});
  }

  void count(const DescriptionRow& row) {
    ++rows_written_;
    if (!row.text) {
      ++summary_.empty_rows;
    } else {
      summary_.most_codes = std::max(summary_.most_codes, static_cast<int64_t>(row.text->prediction.codes.size()));
    }
  }

  /// Goes through the rows that an earlier run has written as that run did, with its predictions.
  void read_earlier_rows() {
    summary_.rows_before = writer_.num_rows();
    if (writer_.num_rows() == 0) return;
    ReadOptions read;
    for (const OutputColumn& column : columns_.columns()) read.raw_columns.push_back(column.name);
    read.keep_lines = false;
    read.show_progress = false;
    read.warn = false;
    TableStream written(writer_.partial_file(), read);
    while (rows_written_ < writer_.num_rows()) {
      const Chunk chunk = next_chunk(writer_.num_rows() - rows_written_);
      if (chunk.rows.empty()) {
        throw DataError("{}: the interrupted run has coded {} rows, {} has only {}. {}",
                        writer_.partial_file().string(), format_count(writer_.num_rows()), task_.input.string(),
                        format_count(rows_written_), kHowToGoOn);
      }
      const Table table = written.next(std::ssize(chunk.rows));
      if (table.num_rows != std::ssize(chunk.rows)) throw other_rows("");
      for (int64_t i = 0; i < table.num_rows; ++i) {
        const DescriptionRow& row = chunk.rows[static_cast<size_t>(i)];
        if (columns_.text(table, i) != row.written) {
          throw other_rows(fmt::format(", first in row {}", format_count(rows_written_ + 1)));
        }
        if (row.fresh) row.text->prediction = columns_.prediction(table, i);
        count(row);
      }
      digest_ = digest_of(digest_, chunk.rows);
    }
    if (digest_ != writer_.state()) throw other_rows("");
  }

  /// `where` names the row, if it is known.
  DataError other_rows(const std::string& where) const {
    return DataError("{}: the {} rows of the interrupted run are not the first rows of {}{}. {}",
                     writer_.partial_file().string(), format_count(writer_.num_rows()), task_.input.string(), where,
                     kHowToGoOn);
  }

  /// Keeps what is done, in order up to the first chunk that is not.
  void stop() {
    pool_.drop_queue();
    try {
      while (!in_work_.empty()) write_first();
    } catch (const std::future_error&) {
      // a batch that was dropped
    }
    writer_.checkpoint(digest_);
  }

  const PredictionTask& task_;
  PredictorPool& pool_;
  const PredictionWatch& watch_;
  PredictionColumns columns_;
  DescriptionRows rows_;
  TableWriter writer_;
  std::deque<Chunk> in_work_;
  int64_t rows_written_ = 0;
  int64_t chunks_written_ = 0;  ///< in this run
  std::string digest_;          ///< of the rows written
  PredictionSummary summary_;
  Stopwatch since_checkpoint_;
};

}  // namespace

PredictionSummary predict_table(const PredictionTask& task, PredictorPool& pool, const PredictionWatch& watch) {
  return Run(task, pool, watch).run();
}

}  // namespace canine
