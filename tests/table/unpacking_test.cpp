#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/table/table.hpp"
#include "canine/table/table_stream.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

constexpr std::string_view kPackings[] = {"gzip", "bz2", "zstd", "lz4"};

/// plain.csv, and the same packed under a name that says nothing: large enough for several windows of the scanner.
void write_packed(const std::filesystem::path& folder) {
  testing::run_python(R"(
import pyarrow
csv = 'id,occ1\n' + ''.join(f'{i},"smith {i * 7919 % 100003}, of Ribe"\n' for i in range(300000))
open('plain.csv', 'w').write(csv)
for packing in ('gzip', 'bz2', 'zstd', 'lz4'):
    with pyarrow.CompressedOutputStream(packing, packing) as out:
        out.write(csv.encode())
whole = open('gzip', 'rb').read()
open('cut', 'wb').write(whole[:len(whole) // 2])
open('flipped', 'wb').write(whole[:5000] + bytes(100) + whole[5100:])
import gzip
open('members', 'wb').write(gzip.compress(b'a,b\n1,') + gzip.compress(b'2\n3,4\n'))
open('empty', 'wb').write(gzip.compress(b''))
open('a.tsv.gz', 'wb').write(gzip.compress(b'a\tb\n1\t2\n'))
)",
                      folder);
}

TEST_CASE("Packed files are read as what is in them, whole and in parts") {
  const testing::TemporaryFolder folder;
  write_packed(folder.path());
  const Table plain = read_table(folder / "plain.csv", {});
  REQUIRE(plain.num_rows == 300'000);
  for (const std::string_view packing : kPackings) {
    INFO(packing);
    const std::filesystem::path path = folder / std::string(packing);
    const Table table = read_table(path, {});
    CHECK(read_column_names(path) == plain.names);
    CHECK(table.line_of_row == plain.line_of_row);
    TableStream stream(path);
    stream.skip_rows(100'000);
    CHECK(stream.share_read() > 0.2);
    CHECK(stream.share_read() < 0.5);
    bool same = table.num_rows == plain.num_rows;
    for (int64_t row = 0; row < table.num_rows; ++row) same &= table.columns[1].text(row) == plain.columns[1].text(row);
    CHECK(same);
    CHECK(stream.next(1).columns[1].text(0) == plain.columns[1].text(100'000));
    CHECK(stream.next(1'000'000).num_rows == 199'999);
    CHECK(stream.share_read() == 1);
  }
}

TEST_CASE("Parts of gzip files follow each other; damaged ones are named") {
  const testing::TemporaryFolder folder;
  write_packed(folder.path());
  const Table members = read_table(folder / "members", {});
  CHECK(members.column("b").text(0) == "2");
  CHECK(members.column("b").text(1) == "4");
  CHECK(read_table(folder / "a.tsv.gz", {}).names == std::vector<std::string>{"a", "b"});
  CHECK_THROWS_MATCHES(read_table(folder / "empty", {}), DataError,
                       MessageMatches(ContainsSubstring("the file is empty")));
  for (const char* name : {"cut", "flipped"}) {
    CHECK_THROWS_MATCHES(read_table(folder / name, {}), DataError,
                         MessageMatches(ContainsSubstring(name) && ContainsSubstring("a gzip file, but it cannot be "
                                                                                     "unpacked")));
  }
}

}  // namespace
}  // namespace canine
