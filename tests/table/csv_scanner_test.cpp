#include "csv_scanner.hpp"

#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "odd_csv.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

struct Row {
  std::vector<std::string> texts;
  size_t num_fields;
  uint64_t line;
  bool operator==(const Row&) const = default;
};

std::vector<Row> scan(const std::filesystem::path& path, size_t window_bytes, size_t max_fields) {
  FileSource source(path);
  CsvScanner scanner(source, ',', window_bytes);
  std::vector<Row> rows;
  while (scanner.next_row(max_fields)) {
    Row row{{}, scanner.num_fields(), scanner.line()};
    for (size_t i = 0; i < std::min(max_fields, scanner.num_fields()); ++i) row.texts.emplace_back(scanner.text(i));
    rows.push_back(row);
  }
  CHECK(scanner.consumed() <= source.size());
  CHECK(scanner.share_read() <= 1);
  return rows;
}

TEST_CASE("Where the windows end makes no difference") {
  const testing::TemporaryFolder folder;
  size_t num_compared = 0;
  for (uint64_t row = 0; row < 1500; ++row) {
    write_file(folder / "file", testing::odd_csv(row), false);
    const std::filesystem::path file = folder / "file";
    for (const size_t max_fields : {size_t{2}, std::numeric_limits<size_t>::max()}) {
      std::vector<Row> expected;
      bool refused = false;
      try {
        expected = scan(file, 1 << 20, max_fields);
      } catch (const DataError&) {
        refused = true;
      }
      for (const size_t window_bytes : {4, 5, 7, 16, 33}) {
        if (refused) {
          CHECK_THROWS_AS(scan(file, window_bytes, max_fields), DataError);
        } else {
          CHECK(scan(file, window_bytes, max_fields) == expected);
        }
        ++num_compared;
      }
    }
  }
  CHECK(num_compared == 15'000);
}

TEST_CASE("Places in messages do not depend on the windows") {
  const testing::TemporaryFolder folder;
  write_file(folder / "quote", "a,b\r\n1,2\r\n\r\n\"x\ny\",\"z\n", false);
  write_file(folder / "bytes", "a,b\r\n1,2\r\n\r\n\"x\ny\",z\xFF\n", false);
  for (const size_t window_bytes : {4, 6, 11, 1000}) {
    const auto message = [&](const char* name) -> std::string {
      try {
        scan(folder / name, window_bytes, 9);
      } catch (const DataError& error) {
        return error.what();
      }
      return "";
    };
    CHECK(message("quote").find("quote, line 5, byte column 4: ") != std::string::npos);
    CHECK(message("bytes").find("bytes, line 5, byte column 5: ") != std::string::npos);
  }
}

TEST_CASE("A bad byte at the end of a window is found, a cut character is not taken for one") {
  const testing::TemporaryFolder folder;
  for (size_t in_front = 0; in_front < 12; ++in_front) {
    const std::string text = "a\n" + std::string(in_front, 'x');
    write_file(folder / "bad", text + "\xC3\ny\nz\n", false);
    write_file(folder / "good", text + "\xF0\x9F\x98\x80\ny\nz\n", false);
    for (const size_t window_bytes : {4, 5, 6, 7, 8, 1000}) {
      CHECK_THROWS_AS(scan(folder / "bad", window_bytes, 1), DataError);
      CHECK(scan(folder / "good", window_bytes, 1).size() == 4);
    }
  }
}

TEST_CASE("A field of many megabytes") {
  const testing::TemporaryFolder folder;
  std::string large(20'000'000, 'x');
  for (size_t i = 0; i < large.size(); i += 1000) large[i] = "\n,\xC3"[i % 2];
  large.insert(10'000'000, "\"\"");
  write_file(folder / "file", "a,b\n1,\"" + large + "\"\n2,3\n", false);
  FileSource file(folder / "file");
  CsvScanner scanner(file);
  REQUIRE(scanner.next_row(2));
  REQUIRE(scanner.next_row(2));
  CHECK(scanner.text(1).size() == large.size() - 1);
  REQUIRE(scanner.next_row(2));
  CHECK(scanner.text(1) == "3");
  CHECK(scanner.line() == 20'003);
}

}  // namespace
}  // namespace canine
