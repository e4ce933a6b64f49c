#include "canine/app/output_files.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "app/captured.hpp"
#include "app/files.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

std::string refusal(const std::vector<NamedFile>& outputs, const std::vector<NamedFile>& inputs = {}) {
  return usage_error([&] { check_output_files(outputs, inputs); });
}

TEST_CASE("an output is no input, under whatever name") {
  const Folder folder;
  const fs::path in = folder.write("in.csv", "rows");
  folder.write("sub/other.csv", "rows");
  fs::create_symlink(in, folder / "link.csv");
  const std::vector<NamedFile> inputs = {{"mapping", ""}, {"in", in}};
  CHECK(refusal({{"out", in}}, inputs) == "--out " + in.string() + ": this is the input of --in; give another file");
  CHECK(refusal({{"out", folder / "sub/../in.csv"}}, inputs) != "");
  CHECK(refusal({{"out", folder / "link.csv"}}, inputs) != "");
  CHECK(refusal({{"out", folder / "sub/in.csv"}, {"more", ""}}, inputs) == "");
}

TEST_CASE("two outputs are two files, also before they are there") {
  const Folder folder;
  folder.write("sub/other.csv", "rows");
  CHECK(refusal({{"a", folder / "x.csv"}, {"b", folder / "sub/../x.csv"}}).starts_with("--b "));
  CHECK(refusal({{"a", folder / "x.csv"}, {"b", folder / "y.csv"}}) == "");
  CHECK(refusal({{"a", ""}, {"b", ""}}) == "");
  CHECK(refusal({{"a", "x.csv"}, {"b", "./x.csv"}}) != "");
}

TEST_CASE("an output is a file") {
  const Folder folder;
  CHECK(refusal({{"out", folder.path()}}).find("this is a folder") != std::string::npos);
  CHECK(refusal({{"out", folder.path() / ""}}).find("give the name of a file") != std::string::npos);
}

TEST_CASE("the folder of an output must be there") {
  const Folder folder;
  const fs::path file = folder.write("file", "");
  const auto outputs = [](const fs::path& path) { return std::vector<NamedFile>{{"none", ""}, {"out", path}}; };
  CHECK_NOTHROW(require_output_folders(outputs(folder / "out.csv")));
  CHECK_NOTHROW(require_output_folders(outputs("out.csv")));
  CHECK_THROWS_AS(require_output_folders(outputs(folder / "absent/out.csv")), CannotWriteError);
  CHECK_THROWS_AS(require_output_folders(outputs(file / "out.csv")), CannotWriteError);
}

TEST_CASE("the folder of an output may be written to") {
  if (::geteuid() == 0) SKIP("root may write everywhere");
  const Folder folder;
  const NamedFile output[] = {{"out", folder / "out.csv"}};
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  CHECK_THROWS_AS(require_output_folders(output), CannotWriteError);
  fs::permissions(folder.path(), fs::perms::owner_all);
}

}  // namespace
}  // namespace canine
