#include "canine/core/sha256.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

TEST_CASE("The examples of FIPS 180-4") {
  CHECK(sha256_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_of(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("The hash does not depend on how the text is cut") {
  const std::string text(3'000'000, 'x');
  Sha256 hash;
  for (size_t start = 0, length = 1; start < text.size(); start += length, length = 2 * length + 1) {
    hash.update(std::string_view(text).substr(start, length));
  }
  const std::string expected = sha256_of(text);
  CHECK(hash.hex_digest() == expected);

  const testing::TemporaryFolder folder;
  write_file(folder / "file", text, false);
  CHECK(sha256_of_file(folder / "file") == expected);
  write_file(folder / "empty", "", false);
  CHECK(sha256_of_file(folder / "empty") == sha256_of(""));
  CHECK_THROWS_AS(sha256_of_file(folder / "absent"), IoError);
}

}  // namespace
}  // namespace canine
