#include "prepared_files.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <system_error>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/sha256.hpp"
#include "canine/data/columns.hpp"
#include "canine/table/csv_writer.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// A file that is hashed as it is written. It is not synced: its hash in the manifest tells if a power cut has spoilt
/// it, and it can be made again.
class RecordedFile {
 public:
  explicit RecordedFile(const fs::path& path) : file_(path) {}

  void write(std::string_view text) {
    file_.write(text);
    hash_.update(text);
  }
  FileRecord commit(int64_t num_rows) {
    file_.commit(/*sync=*/false);
    return {file_.size(), hash_.hex_digest(), num_rows};
  }

 private:
  AtomicFile file_;
  Sha256 hash_;
};

}  // namespace

FileRecord write_rows(const fs::path& path, const Table& table, const LabelColumns& labels,
                      const PrepareOptions& options, const std::vector<int64_t>& rows) {
  constexpr size_t kPiece = size_t{1} << 20;
  const StringColumn& texts = table.column(options.input_col);
  const StringColumn* const languages = options.language_col ? &table.column(*options.language_col) : nullptr;
  RecordedFile file(path);
  std::string text;
  CsvWriter csv(text);
  std::vector<std::optional<std::string_view>> cells(labels.size() + 2);
  cells.front() = kTextColumn;
  std::ranges::copy(labels.names(), cells.begin() + 1);
  cells.back() = kLanguageColumn;
  csv.row(cells);
  for (const int64_t row : rows) {
    cells.front() = texts.cell(row);
    for (size_t column = 0; column < labels.size(); ++column) cells[column + 1] = labels.cell(row, column);
    cells.back() = languages ? languages->cell(row) : std::optional<std::string_view>(options.language);
    csv.row(cells);
    if (text.size() < kPiece) continue;
    file.write(text);
    text.clear();
  }
  file.write(text);
  return file.commit(static_cast<int64_t>(rows.size()));
}

void remove_old_marks(const fs::path& folder) {
  for (const char* name : {kKeyFile, kManifestFile}) {
    std::error_code error;
    fs::remove(folder / name, error);
    if (error) throw CannotWriteError("cannot remove {}: {}", (folder / name).string(), error.message());
  }
}

}  // namespace canine
