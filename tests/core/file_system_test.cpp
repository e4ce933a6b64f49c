#include "canine/core/file_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

// What a file system lacks is tested from the outside (tests/system/test_file_systems.py).

TEST_CASE("A probe leaves a usable folder as it was") {
  const testing::TemporaryFolder folder;
  write_file(folder / "file", "x");
  probe_folder(folder.path());
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("A folder that takes no files is named") {
  const testing::TemporaryFolder folder;
  CHECK_THROWS_MATCHES(
      probe_folder(folder / "absent"), CannotWriteError,
      MessageMatches(ContainsSubstring("cannot write into the folder") && ContainsSubstring("absent")));
  CHECK_THROWS_MATCHES(probe_folder("/proc"), CannotWriteError, MessageMatches(ContainsSubstring("/proc")));
}

}  // namespace
}  // namespace canine
