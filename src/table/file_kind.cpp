#include "canine/table/file_kind.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/utf8.hpp"
#include "markup_kind.hpp"
#include "wide_text.hpp"

namespace canine {
namespace {

using namespace std::string_view_literals;
using Packing = FileKind::Packing;

// Parquet's fifth byte starts its first Thrift structure, so a CSV file whose first column is called PAR1 is none.
constexpr std::string_view kParquetStart = "PAR1\x15";

struct Packed {
  std::string_view start;
  Packing packing;
  std::string_view name;
};
constexpr auto kPacked = std::to_array<Packed>({
    {"\x1F\x8B\x08", Packing::kGzip, "a gzip file"},
    {"BZh", Packing::kBzip2, "a bzip2 file"},
    {"\x28\xB5\x2F\xFD", Packing::kZstd, "a zstd file"},
    {"\x04\x22\x4D\x18", Packing::kLz4, "an lz4 file"},
});
constexpr std::string_view kBzip2Block = "\x31\x41\x59\x26\x53\x59";  // behind "BZh" and a digit
constexpr std::string_view kBzip2End = "\x17\x72\x45\x38\x50\x90";

struct Foreign {
  std::string_view start;
  std::string_view name;
  std::string_view advice;
};

constexpr std::string_view kFromExcel =
    "Save the sheet as 'CSV UTF-8', or: python3 -c \"import pandas; "
    "pandas.read_excel('FILE', dtype=str).to_csv('NEW.csv', index=False)\"";
constexpr std::string_view kFromStata =
    "In Stata: 'export delimited using NEW.csv'; or: python3 -c \"import pandas; "
    "pandas.read_stata('FILE').to_parquet('NEW.parquet')\"";
constexpr std::string_view kFromSpss =
    "In SPSS save it as CSV in UTF-8; in R: write.csv(haven::read_sav('FILE'), 'NEW.csv', row.names = FALSE, na = '', "
    "fileEncoding = 'UTF-8')";
constexpr std::string_view kFromSas =
    "In SAS use 'proc export' with dbms=csv; or: python3 -c \"import pandas; "
    "pandas.read_sas('FILE', encoding='utf-8').to_parquet('NEW.parquet')\"";
constexpr std::string_view kFromArrow =
    "Make it Parquet: python3 -c \"import pandas; pandas.read_feather('FILE').to_parquet('NEW.parquet')\"";
constexpr std::string_view kFromR =
    "In R, with the data frame of this file: write.csv(DATA, 'NEW.csv', row.names = FALSE, na = '', fileEncoding = "
    "'UTF-8')";
constexpr std::string_view kNoTable = "It holds no table that could be read; is it the right file?";
constexpr std::string_view kToTable = "Write its table as CSV (UTF-8) or Parquet with the program that it belongs to";

constexpr auto kForeign = std::to_array<Foreign>({
    {"\xFD\x37zXZ\0"sv, "an xz file", "Unpack it: xz -dk FILE"},
    {"7z\xBC\xAF\x27\x1C", "a 7z archive", "Unpack it: 7z x FILE"},
    {"Rar!\x1A\x07", "a rar archive", "Unpack it: unrar x FILE"},
    {"\x1F\x9D", "a file of compress (.Z)", "Unpack it: gzip -dk FILE"},
    {"LZIP", "an lzip file", "Unpack it: lzip -dk FILE"},
    {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an Excel workbook (.xls) or another old Office file", kFromExcel},
    {"$FL2", "an SPSS file (.sav)", kFromSpss},
    {"$FL3", "an SPSS file (.zsav)", kFromSpss},
    {"<stata_dta>", "a Stata file (.dta)", kFromStata},
    {"\x73\x01\x01\0"sv, "a Stata file (.dta)", kFromStata},
    {"\x73\x02\x01\0"sv, "a Stata file (.dta)", kFromStata},
    {"\x72\x01\x01\0"sv, "a Stata file (.dta)", kFromStata},
    {"\x72\x02\x01\0"sv, "a Stata file (.dta)", kFromStata},
    {"\x71\x01\x01\0"sv, "a Stata file (.dta)", kFromStata},
    {"\x71\x02\x01\0"sv, "a Stata file (.dta)", kFromStata},
    {"\0\0\0\0\0\0\0\0\0\0\0\0\xC2\xEA\x81\x60\xB3\x14\x11\xCF"sv, "a SAS file (.sas7bdat)", kFromSas},
    {"HEADER RECORD*******LIB", "a SAS transport file (.xpt)", kFromSas},
    {"ARROW1\0\0"sv, "an Arrow or Feather file", kFromArrow},
    {"FEA1", "a Feather file", kFromArrow},
    {"\xFF\xFF\xFF\xFF", "an Arrow stream", "Make it Parquet with pyarrow.ipc.open_stream and pyarrow.parquet"},
    {"PARE", "an encrypted Parquet file", "Write it again without encryption"},
    {"RDX2\n", "an R workspace (.RData)", kFromR},
    {"RDX3\n", "an R workspace (.RData)", kFromR},
    {"X\n\0\0\0"sv, "an R file (.rds)", kFromR},
    {"\x89HDF\r\n\x1A\n", "an HDF5 file", kToTable},
    {"SQLite format 3\0"sv, "an SQLite database", kToTable},
    {"\x93NUMPY", "a NumPy file", kToTable},
    {"Obj\x01", "an Avro file", kToTable},
    {"ORC\x08", "an ORC file", kToTable},
    {"ORC\x0A", "an ORC file", kToTable},
    {"\x80\x02", "a Python pickle", kToTable},
    {"\x80\x03", "a Python pickle", kToTable},
    {"\x80\x04\x95", "a Python pickle", kToTable},
    {"\x80\x05\x95", "a Python pickle", kToTable},
    {"%PDF-", "a PDF file", kNoTable},
    {"{\\rtf", "a rich text file", kNoTable},
    {"\x89PNG\r\n", "an image", kNoTable},
    {"\xFF\xD8\xFF", "an image", kNoTable},
    {"\x7F"
     "ELF",
     "a program", kNoTable},
});

/// Names of a zip's entries stand in it as they are, and an office file is told by them.
FileKind zip_kind(std::string_view start) {
  const auto holds = [&](std::string_view name) { return start.find(name) != std::string_view::npos; };
  if (holds("application/vnd.oasis.opendocument.spreadsheet")) {
    return FileKind::foreign("an OpenDocument spreadsheet (.ods)",
                             "Save the sheet as 'Text CSV' with UTF-8 and commas, or: soffice --headless --convert-to "
                             "'csv:Text - txt - csv (StarCalc):44,34,76' FILE");
  }
  if (holds("application/vnd.oasis.opendocument") || holds("word/") || holds("ppt/")) {
    return FileKind::foreign("an office document", kNoTable);
  }
  if (holds("xl/") || holds("[Content_Types].xml") || holds("docProps/") || holds("_rels/.rels")) {
    return FileKind::foreign("an Excel workbook (.xlsx)", kFromExcel);
  }
  if (holds("Index/Document.iwa")) return FileKind::foreign("an Apple Numbers file", "Export it as CSV in UTF-8");
  if (holds("/data.pkl")) return FileKind::foreign("a PyTorch checkpoint", kNoTable);
  if (holds(".npy")) return FileKind::foreign("a NumPy archive (.npz)", kToTable);
  return FileKind::foreign("a zip archive", "Unpack it: unzip FILE");
}

bool is_bzip2(std::string_view start) {
  return start.size() > 10 && start[3] >= '1' && start[3] <= '9' &&
         (start.substr(4).starts_with(kBzip2Block) || start.substr(4).starts_with(kBzip2End));
}

/// Zeros or bytes that no text has, so that advice on encodings would lead astray.
FileKind binary_kind(std::string_view start) {
  constexpr size_t kLongestSequence = 4;  // of UTF-8; one may be cut off by the end of `start`
  const size_t bad = find_invalid_utf8(start);
  const bool is_utf8 = bad == std::string_view::npos || bad + kLongestSequence > start.size();
  const bool has_controls = std::ranges::any_of(start, [](char c) { return c > 0 && c < '\t'; });
  if ((is_utf8 && !has_controls) || start.find('\0') == std::string_view::npos) return {};
  return {FileKind::Form::kUnknown, Packing::kNone, "a binary file of an unknown kind", kNoTable};
}

/// A tar archive says so behind the first name in it.
bool is_tar(std::string_view start) {
  constexpr size_t kMagicAt = 257;
  return start.size() > kMagicAt && start.substr(kMagicAt).starts_with("ustar");
}

}  // namespace

FileKind file_kind_of(std::string_view start) {
  if (start.starts_with(kParquetStart)) return FileKind::parquet();
  for (const Packed& packed : kPacked) {
    if (!start.starts_with(packed.start)) continue;
    if (packed.packing == Packing::kBzip2 && !is_bzip2(start)) continue;
    return FileKind::packed(packed.packing, packed.name);
  }
  if (start.starts_with("PK\x03\x04") || start.starts_with("PK\x05\x06")) return zip_kind(start);
  if (is_tar(start)) return FileKind::foreign("a tar archive", "Unpack it: tar xf FILE");
  for (const Foreign& foreign : kForeign) {
    if (start.starts_with(foreign.start)) return FileKind::foreign(foreign.name, foreign.advice);
  }
  for (const FileKind& kind : {wide_text_kind(start), markup_kind(start), binary_kind(start)}) {
    if (kind.form != FileKind::Form::kText) return kind;
  }
  return {};
}

void refuse_file_kind(const std::filesystem::path& path, const FileKind& kind) {
  constexpr std::string_view kPlaceholder = "FILE";
  const std::string name = path.string();
  const bool plain_name =
      name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/+") ==
      std::string::npos;  // others would need quotes in the commands
  std::string advice(kind.advice);
  for (size_t at = 0; plain_name && (at = advice.find(kPlaceholder, at)) != std::string::npos; at += name.size()) {
    advice.replace(at, kPlaceholder.size(), name);
  }
  throw DataError("{}: expected a CSV or Parquet file, this is {}. {}", name, kind.name, advice);
}

}  // namespace canine
