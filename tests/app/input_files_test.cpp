#include "canine/app/input_files.hpp"

#include <catch2/catch_test_macros.hpp>

#include "app/captured.hpp"
#include "app/files.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;
using Files = std::vector<fs::path>;

TEST_CASE("patterns stand for their files, sorted by bytes") {
  const Folder folder;
  for (const char* name : {"b.csv", "a.csv", "B.csv", "a.parquet", "10.csv", "9.csv", ".hidden.csv"})
    folder.write(name, "");
  const auto in_folder = [&](const std::string& name) { return (folder.path() / name).string(); };
  CHECK(find_input_files("x", {in_folder("*.csv")}) ==
        Files{in_folder("10.csv"), in_folder("9.csv"), in_folder("B.csv"), in_folder("a.csv"), in_folder("b.csv")});
  CHECK(find_input_files("x", {in_folder("b.csv"), in_folder("[aB].csv")}) ==
        Files{in_folder("b.csv"), in_folder("B.csv"), in_folder("a.csv")});
  CHECK(find_input_files("x", {in_folder("?.parquet")}) == Files{in_folder("a.parquet")});
  CHECK(find_input_files("x", {}).empty());
}

TEST_CASE("a file that is called like a pattern is that file") {
  const Folder folder;
  const std::string name = folder.write("rows[1].csv", "").string();
  folder.write("rows1.csv", "");
  CHECK(find_input_files("x", {name}) == Files{name});
}

TEST_CASE("what is no file is named") {
  const Folder folder;
  const auto error = [&](const Names& names) { return usage_error([&] { find_input_files("val-data", names); }); };
  const std::string pattern = (folder.path() / "*.csv").string();
  CHECK(error({pattern}) == "--val-data " + pattern + ": no file matches this pattern");
  CHECK(error({folder.path().string()}) ==
        "--val-data " + folder.path().string() + ": a file was expected, this is a folder");
  CHECK(error({"absent.csv"}) == "--val-data absent.csv: there is no such file");
  CHECK(error({""}) == "--val-data : there is no such file");
}

TEST_CASE("a file that comes up twice is read twice, with a note") {
  const Folder folder;
  const std::string name = folder.write("a.csv", "").string();
  Files files;
  const std::string note = captured(2, [&] { files = find_input_files("train-data", {name, name}); });
  CHECK(files == Files{name, name});
  CHECK(note == "note: --train-data: " + name + " is given more than once, so its rows count more than once\n");
}

}  // namespace
}  // namespace canine
