#include "canine/table/file_kind.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/table/table.hpp"
#include "canine/table/table_stream.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using namespace std::string_literals;

/// Text in an encoding of `width` bytes a character, of ASCII and letters below U+FFFF.
std::string widened(const std::u32string& text, size_t width, bool little) {
  std::string wide;
  for (const char32_t c : text) {
    for (size_t i = 0; i < width; ++i) {
      const size_t byte = little ? i : width - 1 - i;
      wide += static_cast<char>(byte < 4 ? (static_cast<uint32_t>(c) >> (8 * byte)) & 0xFF : 0);
    }
  }
  return wide;
}

/// Of the DataError that `read` throws.
std::string message_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

std::string name_of_kind(const std::string& start) { return std::string(file_kind_of(start).name); }

TEST_CASE("UTF-16 and UTF-32 are told with and without a mark, in any script") {
  const std::u32string danish = U"occ1,lang\nsm\u00F8d,da\nbager,da\n";
  std::u32string chinese = U"\u804C\u4F4D,\u8BED\u8A00\n";
  for (int i = 0; i < 30; ++i) chinese += U"\u4E00\u4E0A\u2C2C\u0A0A\u2E2C\u5DE5\u7A0B\u5E08,zh\n";
  for (const std::u32string& text : {danish, U"\uFEFF" + danish, chinese, U"\uFEFF" + chinese, danish.substr(0, 3)}) {
    CHECK(name_of_kind(widened(text, 2, true)) == "text in UTF-16 (little endian)");
    CHECK(name_of_kind(widened(text, 2, false)) == "text in UTF-16 (big endian)");
    CHECK(name_of_kind(widened(text, 4, true)) == "text in UTF-32 (little endian)");
    CHECK(name_of_kind(widened(text, 4, false)) == "text in UTF-32 (big endian)");
  }
  for (const std::u32string& text :
       {U"профессия\nкузнец\nплотник\n"s, U"職業\n鍛冶屋\n大工\n"s, U"职业,代码\n铁匠,一\n木匠,二\n"s,
        U"επάγγελμα\nσιδεράς\n"s, U"מקצוע\nנפח\n"s, U"المهنة\nحداد\n"s, U"อาชีพ\nช่างตีเหล็ก\n"s, U"직업\n대장장이\n"s}) {
    CHECK(name_of_kind(widened(text, 2, true)) == "text in UTF-16 (little endian)");
    CHECK(name_of_kind(widened(text, 2, false)) == "text in UTF-16 (big endian)");
  }
  CHECK(name_of_kind(std::string(3000, '\0')) == "nothing but zero bytes");
  CHECK(name_of_kind("\x01\x02\n\0\xFF\xD8\x03\x04\0\xDC\x05\n"s) == "a binary file of an unknown kind");
}

TEST_CASE("Files of other programs are told by their first bytes") {
  for (const auto& [start, name] : std::vector<std::pair<std::string, std::string>>{
           {"\xFD\x37zXZ\0\0\x04"s, "an xz file"},
           {"PK\x03\x04\x14\0\0\0\x08\0[Content_Types].xml"s, "an Excel workbook (.xlsx)"},
           {"PK\x03\x04\x14\0\0\0\x08\0mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK"s,
            "an OpenDocument spreadsheet (.ods)"},
           {"PK\x03\x04\x14\0\0\0\x08\0data.csv"s, "a zip archive"},
           {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0"s, "an Excel workbook (.xls) or another old Office file"},
           {"$FL2@(#) SPSS DATA FILE", "an SPSS file (.sav)"},
           {"<stata_dta><header><release>118</release>", "a Stata file (.dta)"},
           {"\x72\x02\x01\0\x05\0"s, "a Stata file (.dta)"},
           {"RDX3\nX\n\0\0\0\x03"s, "an R workspace (.RData)"},
           {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "a Git LFS pointer, not the file itself"},
           {"404: Not Found", "a server's error message"},
           {"Entry not found\n", "a server's error message"},
           {"\n<!DOCTYPE html>\n<html><head><title>502 Bad Gateway", "a web page (HTML)"},
           {"\xEF\xBB\xBF<html xmlns:o=\"urn", "a web page (HTML)"},
           {"<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey", "an XML file"},
           {"<!-- saved from url=(0014)about:internet -->\n<!-- x -->\n<HTML>\n<body>", "a web page (HTML)"},
           {"<!-- a catalogue -->\n<rows><row/></rows>", "an XML file"},
           {"[{\"occ1\": \"smith\"}]", "a JSON file"},
           {"{\n  \"occ1\": [\"smith\"]}", "a JSON file"},
           {"{\"occ1\": \"smith\"}\n{\"occ1\": \"baker\"}\n", "a JSON file"},
           {"%PDF-1.7\n", "a PDF file"},
           {"SQLite format 3\0\x10"s, "an SQLite database"},
           {"\x7F"
            "ELF\x02\x01\x01\0"s,
            "a program"},
           {"\x03\x7C\x05\x0B\x04\0\0\0\x61\0\x14\0OCC1\0\0"s, "a binary file of an unknown kind"},  // dBase
           {"abc\0\x01\xFF\xFE\xC3\x28\0\0\x01"s, "a binary file of an unknown kind"},
       }) {
    INFO(name);
    CHECK_FALSE(file_kind_of(start).is_read());
    CHECK(name_of_kind(start) == name);
  }
}

TEST_CASE("Tables are not taken for other files") {
  for (const std::string text :
       {"", "occ1,lang\nsmith,en\n", "PAR1,b\n1,2\n", "['smith']\n['baker']\n", "{smith}\n", "[smith],b\n", "BZh,x\n",
        "Not Found,lang\nx,y\n", "<5 years,b\n", "\xEF\xBB\xBFocc1\n", "version,b\n", "\xC3\xA6\xC3\xB8,b\n",
        "\xE8\x81\x8C\xE4\xBD\x8D\n"}) {
    INFO(text);
    CHECK(file_kind_of(text).form == FileKind::Form::kText);
  }
  CHECK(file_kind_of("a,b\n1,x\0y\n"s).form == FileKind::Form::kText);
  CHECK(file_kind_of("a,b\n1,\xE9t\xE9\n").form == FileKind::Form::kText);  // the reader names the byte and its place
}

TEST_CASE("Real files of other kinds are refused wherever a table is opened") {
  const testing::TemporaryFolder folder;
  testing::run_python(R"(
import gzip, lzma, pandas, pyarrow, pyarrow.parquet, zipfile
table = pandas.DataFrame({'occ1': ['smith', 'baker'] * 500, 'lang': 'en'})
table.to_feather('feather.csv')
table.to_stata('stata.csv', write_index=False)
table.to_json('json.csv', orient='records')
table.to_html('html.csv')
table.to_pickle('pickle.csv')
csv = table.to_csv(index=False)
lzma.open('xz.csv', 'wt').write(csv)
for name, member in (('zip', 'data.csv'), ('xlsx', 'xl/workbook.xml')):
    with zipfile.ZipFile(name + '.csv', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, csv)
gzip.open('parquet_in_gzip.csv', 'wb').write(table.to_parquet())
gzip.open('json_in_gzip.csv', 'wt').write(table.to_json())
gzip.open('gzip_in_gzip.csv', 'wb').write(gzip.compress(csv.encode()))
for encoding in ('utf-16', 'utf-16-le', 'utf-32-be'):
    table.to_csv(encoding + '.csv', index=False, encoding=encoding)
open('utf-16-le.csv.gz', 'wb').write(gzip.compress(open('utf-16-le.csv', 'rb').read()))
)",
                      folder.path());
  for (const auto& [file, name] : std::vector<std::pair<std::string, std::string>>{
           {"feather.csv", "an Arrow or Feather file. Make it Parquet"},
           {"stata.csv", "a Stata file"},
           {"json.csv", "a JSON file"},
           {"html.csv", "a web page"},
           {"pickle.csv", "a Python pickle"},
           {"xz.csv", "an xz file. Unpack it: xz -dk " + (folder / "xz.csv").string()},
           {"zip.csv", "a zip archive. Unpack it: unzip " + (folder / "zip.csv").string()},
           {"xlsx.csv", "an Excel workbook"},
           {"parquet_in_gzip.csv", "a gzip file with a Parquet file in it"},
           {"json_in_gzip.csv", "a gzip file with a JSON file in it"},
           {"gzip_in_gzip.csv", "a gzip file with a gzip file in it"},
           {"utf-16.csv", "UTF-16"},
           {"utf-16-le.csv", "text in UTF-16 (little endian). Save it as UTF-8: 'iconv -f UTF-16LE"},
           {"utf-32-be.csv", "text in UTF-32 (big endian)"},
           {"utf-16-le.csv.gz", "in it. Unpack it first: 'gzip -dc " + (folder / "utf-16-le.csv.gz").string() +
                                    " > UNPACKED'. Save it as UTF-8: 'iconv -f UTF-16LE -t UTF-8 UNPACKED > NEW.csv"},
       }) {
    const std::filesystem::path path = folder / file;
    const auto expected = ContainsSubstring(path.string() + ": expected a CSV or Parquet file, this is ");
    for (const std::string& message :
         {message_of([&] { read_table(path, {}); }), message_of([&] { read_column_names(path); }),
          message_of([&] { const TableStream stream(path); })}) {
      CHECK_THAT(message, expected);
      CHECK_THAT(message, ContainsSubstring(name));
    }
  }
}

}  // namespace
}  // namespace canine
