#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace canine {

/// What a data file is, judged by its first bytes: names of files are often wrong, and a workbook or a web page that is
/// read as text gives rows of nonsense.
struct FileKind {
  enum class Form {
    kText,  ///< CSV, or what nothing else is known of
    kParquet,
    kPacked,   ///< compressed by a method that can be read as it is
    kForeign,  ///< known, and not read
    kUnknown,  ///< no text, and no more is known
  };
  enum class Packing { kNone, kGzip, kBzip2, kZstd, kLz4 };

  Form form = Form::kText;
  Packing packing = Packing::kNone;
  std::string_view name;    ///< "an Excel workbook"; empty for texts
  std::string_view advice;  ///< of files that are not read: sentences in which FILE stands for the path

  bool is_read() const { return form != Form::kForeign && form != Form::kUnknown; }

  static FileKind parquet() { return {Form::kParquet, Packing::kNone, "a Parquet file", ""}; }
  static FileKind packed(Packing packing, std::string_view name) { return {Form::kPacked, packing, name, ""}; }
  static FileKind foreign(std::string_view name, std::string_view advice) {
    return {Form::kForeign, Packing::kNone, name, advice};
  }
};

/// So many bytes are enough to tell.
inline constexpr size_t kFileKindBytes = 4096;

/// Judges the beginning of a file: its first kFileKindBytes, or all of a shorter one.
FileKind file_kind_of(std::string_view start);

/// Throws DataError: what was expected, what the file is, and how to make a table of it.
[[noreturn]] void refuse_file_kind(const std::filesystem::path& path, const FileKind& kind);

}  // namespace canine
