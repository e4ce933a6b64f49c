#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace canine {

/// The classes of the flat head: code text <-> index, in order of first appearance (key.csv). One entry may stand for
/// missing cells (the Python program's NaN class, docs/differences.md D15); it is never positive.
class LabelKey {
 public:
  /// Index of a code, added at the end if new.
  int64_t add(std::optional<std::string_view> code);

  /// Index of a code, or -1.
  int64_t find(std::string_view code) const;

  int64_t size() const { return static_cast<int64_t>(codes_.size()); }

  /// nullopt = the class of missing cells.
  const std::optional<std::string>& code(int64_t index) const { return codes_[static_cast<size_t>(index)]; }

  bool operator==(const LabelKey& other) const { return codes_ == other.codes_; }

  /// Text of key.csv: header system_code,code, then one line per class.
  std::string to_csv() const;

  /// Writes key.csv atomically.
  void write(const std::filesystem::path& path) const;

  /// Reads key.csv; `system_code` as text (an empty one is the class of missing cells), `code` = 0, 1, 2 ...
  /// Throws DataError naming the line.
  static LabelKey read(const std::filesystem::path& path);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::vector<std::optional<std::string>> codes_;
  std::unordered_map<std::string, int64_t, Hash, std::equal_to<>> index_;
  int64_t missing_index_ = -1;
};

/// Key of the codes in the label columns of CSV and Parquet files, for training with a key of one's own
/// (docs/differences.md D32): in order of first appearance over the training files, then the validation files, row by
/// row and from the first column to the last. A missing cell ends a row, as in the label sequence, and makes no class.
/// Warns of codes that only validation files have: nothing trains their classes. Throws DataError, IoError as
/// read_table does, DataError if there are no codes.
LabelKey collect_key(std::span<const std::filesystem::path> train, std::span<const std::filesystem::path> val,
                     const std::vector<std::string>& target_cols);

}  // namespace canine
