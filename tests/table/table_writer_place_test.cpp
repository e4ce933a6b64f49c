#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/table/table_writer.hpp"
#include "table/table_writer_support.hpp"

// Where a TableWriter writes, and what it leaves alone.

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

TEST_CASE("Files of others under the names of rows and progress are left alone") {
  const testing::TemporaryFolder folder;
  const fs::path path = folder / "out.csv";
  in_killed_process([&] {
    TableWriter writer(options_of(path));
    write_row(writer, 0);
    writer.checkpoint();
  });
  const std::string progress = read_file(folder / "out.csv.progress");
  fs::remove(folder / "out.csv.partial");
  fs::remove(folder / "out.csv.progress");
  struct Case {
    const char* file;
    std::string progress;  // "" = none
  };
  for (const auto& [file, ours] :
       {Case{"out.csv.partial", ""}, {"out.csv.progress", ""}, {"out.csv.partial", progress}}) {
    if (!ours.empty()) write_file(folder / "out.csv.progress", ours);
    write_file(folder / file, "somebody's thesis");
    const auto before = files_in(folder.path());
    for (const bool resume : {false, true}) {
      CHECK_THROWS_MATCHES(TableWriter(options_of(path, resume)), UsageError,
                           MessageMatches(ContainsSubstring(std::string(file) + " is not from this program")));
    }
    CHECK_THROWS_AS(output_state(path), UsageError);
    CHECK(read_file(folder / file) == "somebody's thesis");
    CHECK(files_in(folder.path()) == before);
    for (const char* name : {"out.csv.partial", "out.csv.progress"}) fs::remove(folder / name);
  }
  write_file(folder / "thesis", "somebody's");
  fs::create_symlink(folder / "thesis", folder / "out.csv.partial");
  CHECK_THROWS_AS(TableWriter(options_of(path)), UsageError);
  CHECK(read_file(folder / "thesis") == "somebody's");
}

TEST_CASE("A run that an earlier version has begun goes on") {
  const std::string expected = written_at_once("out.csv");
  const testing::TemporaryFolder folder;
  in_killed_process([&] {
    TableWriter writer(options_of(folder / "out.csv"));
    for (int64_t row = 0; row < 50; ++row) write_row(writer, row);
    writer.checkpoint();
  });
  std::string progress = read_file(folder / "out.csv.progress");
  progress.replace(progress.find(" 2\n"), 3, " 1\n").erase(progress.find("header "));
  write_file(folder / "out.csv.progress", progress);
  TableWriter writer(options_of(folder / "out.csv", true));
  CHECK(writer.num_rows() == 50);
  write_rest(writer);
  CHECK(read_file(folder / "out.csv") == expected);
}

TEST_CASE("A link stays one, and only regular files are written") {
  const testing::TemporaryFolder folder;
  const testing::TemporaryFolder elsewhere;
  fs::create_symlink(elsewhere / "rows.csv", folder / "out.csv");
  write_file(elsewhere / "rows.csv", "former");
  TableWriter writer(options_of(folder / "out.csv"));
  write_rest(writer);
  CHECK(fs::is_symlink(folder / "out.csv"));
  CHECK(read_file(elsewhere / "rows.csv") == written_at_once("out.csv"));
  CHECK(files_in(elsewhere.path()) == std::vector<std::string>{"rows.csv"});
  REQUIRE(::mkfifo((folder / "pipe.csv").c_str(), 0600) == 0);
  CHECK_THROWS_MATCHES(TableWriter(options_of(folder / "pipe.csv")), CannotWriteError,
                       MessageMatches(ContainsSubstring("a pipe is there")));
  CHECK(fs::is_fifo(folder / "pipe.csv"));
}

TEST_CASE("An open descriptor gets the rows, and no file is made") {
  const testing::TemporaryFolder folder;
  const std::string expected = written_at_once("out.csv");
  const int file = ::open((folder / "received").c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(file >= 0);
  TableWriter writer(options_of(fmt::format("/dev/fd/{}", file)));
  write_rest(writer);
  ::close(file);
  CHECK(read_file(folder / "received") == expected);
  CHECK(files_in(folder.path()) == std::vector<std::string>{"received"});
  CHECK_THROWS_AS(TableWriter(options_of(fmt::format("/dev/fd/{}", file))), UsageError);
}

}  // namespace
}  // namespace canine
