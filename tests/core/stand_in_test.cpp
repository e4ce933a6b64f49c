#include "canine/core/stand_in.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using testing::TemporaryFolder;

TEST_CASE("stand-ins of files: Git LFS pointers and links that lead nowhere") {
  const TemporaryFolder folder;
  write_file(folder / "pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
  CHECK_THAT(stand_in(folder / "pointer"), ContainsSubstring("git lfs pull"));
  fs::create_symlink("pointer", folder / "to_pointer");
  CHECK_THAT(stand_in(folder / "to_pointer"), ContainsSubstring("Git LFS pointer"));

  fs::create_symlink("gone.bin", folder / "dangling");
  CHECK_THAT(stand_in(folder / "dangling"), ContainsSubstring((folder / "gone.bin").string() + ", which is not there"));
  const fs::path snapshot = folder / "models--a--b/snapshots/0123";
  fs::create_directories(snapshot);
  fs::create_symlink("../../blobs/4d7a", snapshot / "model.safetensors");
  CHECK_THAT(stand_in(snapshot / "model.safetensors"),
             ContainsSubstring("models--a--b/blobs/4d7a, which is not there") && ContainsSubstring("hf download"));
}

TEST_CASE("files, folders, good links and nothing at all are no stand-ins") {
  const TemporaryFolder folder;
  write_file(folder / "file", "version 3 of something\n");
  write_file(folder / "long", "version https://git-lfs.github.com/spec/v1\n" + std::string(5000, 'a'));
  fs::create_symlink("file", folder / "link");
  fs::create_symlink("loop", folder / "loop");
  for (const char* name : {"file", "long", "link", "loop", "absent", "."}) {
    CAPTURE(name);
    CHECK(stand_in(folder / name).empty());
  }
}

}  // namespace
}  // namespace canine
