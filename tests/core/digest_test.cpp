#include "canine/core/digest.hpp"

#include <catch2/catch_test_macros.hpp>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

TEST_CASE("SHA-1: the example of FIPS 180-4 and git's name of a blob") {
  Digest abc(Digest::Algorithm::kSha1);
  abc.update("abc");
  CHECK(abc.hex_digest() == "a9993e364706816aba3e25717850c26c9cd0d89d");

  const testing::TemporaryFolder folder;
  write_file(folder / "file", "hello\n", false);
  using namespace std::string_view_literals;
  Digest blob(Digest::Algorithm::kSha1);
  blob.update("blob 6\0"sv);
  blob.update_from_file(folder / "file");
  CHECK(blob.hex_digest() == "ce013625030ba8dba906f756967f9e9ca394464a");  // echo hello | git hash-object --stdin
  CHECK_THROWS_AS(Digest(Digest::Algorithm::kSha1).update_from_file(folder / "absent"), IoError);
}

}  // namespace
}  // namespace canine
