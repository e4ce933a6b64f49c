#include "canine/table/table_format.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "canine/core/file.hpp"
#include "canine/table/table_writer.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

TEST_CASE("The end of a name says how a table is written, in any case") {
  CHECK(table_format("a/b.parquet")->parquet);
  CHECK(table_format("B.PARQUET")->parquet);
  CHECK_FALSE(table_format("out.csv")->parquet);
  CHECK(table_format("out.CSV")->separator == ',');
  CHECK_FALSE(table_format("out.csv")->gzip);
  CHECK(table_format("out.Csv.GZ")->gzip);
  CHECK(table_format("out.tsv")->separator == '\t');
  CHECK(table_format("out.tsv.gz")->separator == '\t');
  for (const char* name : {"out", "out.txt", "out.xlsx", "out.gz", "out.parquet.gz", "out.csv.bz2", "last.bin", ".csv",
                           "folder.csv/", ""}) {
    CHECK_FALSE(table_format(name));
  }
}

TEST_CASE("pandas reads every format alike") {
  const testing::TemporaryFolder folder;
  for (const char* name : {"out.csv", "out.tsv", "out.CSV.gz", "out.tsv.gz", "out.PARQUET"}) {
    TableWriter writer({folder / name, {{"te\txt"}, {"conf", OutputColumn::Type::kNumber}}, {}, false});
    for (int row = 0; row < 30000; ++row) {
      const std::string text = fmt::format("a,b\tc \"d\"\ne {}", row);
      writer.row(std::vector<OutputCell>{std::string_view(text), static_cast<float>(row) / 7});
    }
    writer.finish();
  }
  testing::run_python(R"(
import gzip, pandas
expected = pandas.read_csv('out.csv')
assert len(expected) == 30000 and expected['te\txt'][0] == 'a,b\tc "d"\ne 0', expected
for name, read in {'out.tsv': dict(sep='\t'), 'out.CSV.gz': dict(compression='gzip'),
                   'out.tsv.gz': dict(sep='\t', compression='gzip')}.items():
    pandas.testing.assert_frame_equal(pandas.read_csv(name, **read), expected)
pandas.testing.assert_frame_equal(pandas.read_parquet('out.PARQUET'), expected, check_dtype=False, rtol=1e-5)
expected.to_csv('pandas.tsv', sep='\t', index=False, lineterminator='\n')
assert open('pandas.tsv').read().splitlines()[:3] == open('out.tsv').read().splitlines()[:3]
assert gzip.open('out.CSV.gz').read() == open('out.csv', 'rb').read()
)",
                      folder.path());
}

}  // namespace
}  // namespace canine
