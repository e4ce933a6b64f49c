#include "canine/core/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "support/file_size_limit.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using testing::FileSizeLimit;
using testing::TemporaryFolder;

size_t num_entries(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST_CASE("A committed file has all bytes, in the order of the writes") {
  const TemporaryFolder folder;
  std::string expected;
  AtomicFile file(folder / "file");
  for (int i = 0; i < 200'000; ++i) {
    const std::string text = std::to_string(i) + ",";
    file.write(text);
    expected += text;
  }
  const std::string large(3'000'000, 'x');  // larger than the buffer
  file.write(large);
  file.write("");
  file.write("end");
  expected += large + "end";
  CHECK(file.size() == expected.size());
  CHECK_FALSE(fs::exists(folder / "file"));
  file.commit();
  CHECK(read_file(folder / "file") == expected);
  CHECK(num_entries(folder.path()) == 1);
}

TEST_CASE("Without a commit the former file stays and nothing is left behind") {
  const TemporaryFolder folder;
  write_file(folder / "file", "former");
  {
    AtomicFile file(folder / "file");
    file.write(std::string(2'000'000, 'x'));
    CHECK(num_entries(folder.path()) == 2);
  }
  CHECK(read_file(folder / "file") == "former");
  CHECK(num_entries(folder.path()) == 1);
}

TEST_CASE("A full disk is reported, and the former file stays") {
  const TemporaryFolder folder;
  write_file(folder / "file", "former");
  const std::string text(100'000, 'x');
  {
    const FileSizeLimit limit(50'000);
    CHECK_THROWS_MATCHES(write_file(folder / "file", text), IoError,
                         MessageMatches(ContainsSubstring("File too large")));
    const auto write_large = [&] { AtomicFile(folder / "file").write(std::string(2'000'000, 'x')); };
    CHECK_THROWS_AS(write_large(), IoError);
    CHECK_THROWS_AS(append_file(folder / "file", text), IoError);
  }
  CHECK(read_file(folder / "file").starts_with("former"));
  CHECK(num_entries(folder.path()) == 1);
}

TEST_CASE("A rename that fails is reported, and nothing is left behind") {
  const TemporaryFolder folder;
  AtomicFile file(folder / "file");
  fs::create_directories(folder / "file" / "inside");  // meanwhile
  CHECK_THROWS_MATCHES(file.commit(), IoError, MessageMatches(ContainsSubstring("cannot rename")));
  CHECK(num_entries(folder.path()) == 1);
}

TEST_CASE("Folders that are absent or are files cannot be written to") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(AtomicFile(folder / "absent" / "file"), CannotWriteError);
  write_file(folder / "file", "x");
  CHECK_THROWS_AS(make_writable_folder(folder / "file"), CannotWriteError);
  CHECK_THROWS_AS(make_writable_folder(folder / "file" / "below"), CannotWriteError);
  make_writable_folder(folder / "a" / "b");
  make_writable_folder(folder / "a" / "b");
  CHECK(fs::is_directory(folder / "a" / "b"));
  CHECK(num_entries(folder / "a" / "b") == 0);
  if (::geteuid() != 0) {
    ::chmod((folder / "a").c_str(), 0555);
    CHECK_THROWS_AS(make_writable_folder(folder / "a"), CannotWriteError);
    CHECK_THROWS_AS(AtomicFile(folder / "a" / "file"), CannotWriteError);
    ::chmod((folder / "a").c_str(), 0755);
  }
}

TEST_CASE("Positioned reads, and their ends") {
  const TemporaryFolder folder;
  write_file(folder / "file", "0123456789");
  const RandomAccessFile file(folder / "file");
  CHECK(file.size() == 10);
  std::array<char, 4> piece{};
  file.read(3, std::as_writable_bytes(std::span(piece)));
  CHECK(std::string_view(piece.data(), piece.size()) == "3456");
  CHECK_THROWS_MATCHES(file.read(8, std::as_writable_bytes(std::span(piece))), IoError,
                       MessageMatches(ContainsSubstring("ends at byte 10, 2 more bytes were expected")));
  fs::resize_file(folder / "file", 5);
  CHECK_THROWS_AS(file.read(3, std::as_writable_bytes(std::span(piece))), IoError);
  CHECK_THROWS_AS(RandomAccessFile(folder / "absent"), IoError);
  CHECK_THROWS_AS(RandomAccessFile(folder.path()), IoError);
}

TEST_CASE("Whole files, with a limit, and appending") {
  const TemporaryFolder folder;
  append_file(folder / "file", "abc");
  append_file(folder / "file", "def");
  CHECK(read_file(folder / "file") == "abcdef");
  CHECK(read_file(folder / "file", 6) == "abcdef");
  CHECK_THROWS_MATCHES(read_file(folder / "file", 5), DataError, MessageMatches(ContainsSubstring("at most 5 bytes")));
  CHECK_THROWS_AS(append_file(folder / "absent" / "file", "x"), IoError);
}

TEST_CASE("What is no regular file is refused at once, a pipe without a writer too") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  for (const fs::path& path : {folder / "pipe", folder.path(), fs::path("/dev/zero")}) {
    CHECK_THROWS_MATCHES(read_file(path), IoError, MessageMatches(ContainsSubstring("is not a regular file")));
  }
}

}  // namespace
}  // namespace canine
