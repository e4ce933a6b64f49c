#include "canine/core/new_folder.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "canine/core/errors.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

TEST_CASE("A new folder goes again if nothing has come into it") {
  const testing::TemporaryFolder parent;
  for (const char* name : {"a", "a/b/c", "a/b/", "./a"}) {
    {
      const NewFolder folder(parent / name);
      CHECK(fs::is_directory(parent / name));
    }
    CHECK(fs::is_empty(parent / "."));
  }
}

TEST_CASE("A new folder stays with what has come into it, and one that was there stays in any case") {
  const testing::TemporaryFolder parent;
  {
    const NewFolder folder(parent / "a/b");
    std::ofstream(parent / "a/file") << "x";
  }
  CHECK(fs::exists(parent / "a/file"));
  CHECK_FALSE(fs::exists(parent / "a/b"));
  fs::create_directory(parent / "empty");
  { const NewFolder folder(parent / "empty"); }
  CHECK(fs::is_directory(parent / "empty"));
  CHECK_THROWS_AS(NewFolder(parent / "a/file"), CannotWriteError);
  CHECK_THROWS_AS(NewFolder(parent / "a/file/new"), CannotWriteError);
  CHECK(fs::exists(parent / "a/file"));
}

}  // namespace
}  // namespace canine
