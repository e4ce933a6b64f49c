#include "canine/core/output_path.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using testing::TemporaryFolder;
using Kind = OutputPlace::Kind;

void make_socket(const fs::path& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(fd);
}

TEST_CASE("What is under the name of an output") {
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(find_output_place(folder / "new").kind == Kind::kFree);
  CHECK(find_output_place(folder / "file").kind == Kind::kFile);
  CHECK(find_output_place(folder.path()).kind == Kind::kFolder);
  CHECK(find_output_place(folder / "pipe").description == "a pipe");
  CHECK(find_output_place("/dev/null").description == "a character device");
}

TEST_CASE("Links are followed to their end") {
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  fs::create_symlink("file", folder / "one");
  fs::create_symlink(folder / "one", folder / "two");
  fs::create_symlink("new", folder / "free");
  fs::create_symlink("/dev/null", folder / "device");
  CHECK(regular_output(folder / "two") == folder / "file");
  CHECK(regular_output(folder / "free") == folder / "new");
  CHECK_THROWS_MATCHES(regular_output(folder / "device"), CannotWriteError,
                       MessageMatches(ContainsSubstring("a character device is there")));
  fs::create_symlink("absent/new", folder / "lost");
  CHECK_THROWS_MATCHES(regular_output(folder / "lost"), CannotWriteError,
                       MessageMatches(ContainsSubstring("absent/new, whose folder is not there")));
  fs::create_symlink("circle", folder / "circle");
  CHECK_THROWS_MATCHES(regular_output(folder / "circle"), CannotWriteError,
                       MessageMatches(ContainsSubstring("in a circle")));
}

TEST_CASE("A file is written behind a link, which stays") {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  write_file(elsewhere / "target", "former");
  fs::create_symlink(elsewhere / "target", folder / "link");
  write_file(folder / "link", "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_file(elsewhere / "target") == "new");
  fs::create_symlink("late", folder / "later");
  write_file(folder / "later", "text");
  CHECK(fs::is_symlink(folder / "later"));
  CHECK(read_file(folder / "late") == "text");
  CHECK_THROWS_MATCHES(read_file(folder / "absent"), IoError, MessageMatches(ContainsSubstring("No such file")));
  fs::create_symlink("gone", folder / "dangling");
  CHECK_THROWS_MATCHES(read_file(folder / "dangling"), IoError,
                       MessageMatches(ContainsSubstring("/gone, which is not there")));
}

TEST_CASE("Nothing but regular files is replaced") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  make_socket(folder / "socket");
  fs::create_directory(folder / "folder");
  for (const auto& [name, word] : {std::pair("pipe", "a pipe"), {"socket", "a socket"}, {"folder", "a folder"}}) {
    CHECK_THROWS_MATCHES(write_file(folder / name, "x"), CannotWriteError, MessageMatches(ContainsSubstring(word)));
  }
  CHECK(fs::is_fifo(folder / "pipe"));
  CHECK(fs::is_socket(folder / "socket"));
}

TEST_CASE("Nor is a device") {
  const TemporaryFolder folder;
  const fs::path device = folder / "null";
  if (::mknod(device.c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0) SKIP("devices cannot be made here");
  CHECK_THROWS_AS(write_file(device, "x"), CannotWriteError);
  CHECK(fs::is_character_file(device));
}

TEST_CASE("A replaced file keeps its permissions") {
  const TemporaryFolder folder;
  write_file(folder / "secret", "x");
  fs::permissions(folder / "secret", fs::perms::owner_read | fs::perms::owner_write);
  write_file(folder / "secret", "y");
  CHECK(fs::status(folder / "secret").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("Names of open descriptors") {
  CHECK(named_descriptor("-") == 1);
  CHECK(named_descriptor("/dev/stdout") == 1);
  CHECK(named_descriptor("/dev/stderr") == 2);
  CHECK(named_descriptor("/dev/fd/63") == 63);
  CHECK(named_descriptor("/proc/self/fd/1") == 1);
  for (const char* name : {"./-", "", "out.csv", "/dev/null", "/dev/fd/", "/dev/fd/x", "/dev/fd/-1", "/dev/fd/1/2"}) {
    CHECK_FALSE(named_descriptor(name));
  }
}

}  // namespace
}  // namespace canine
