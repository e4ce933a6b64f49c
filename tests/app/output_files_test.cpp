#include "canine/app/output_files.hpp"

#include <sys/stat.h>
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

TEST_CASE("an output is no device and no pipe, but may be a stream where that is of use") {
  const Folder folder;
  REQUIRE(::mkfifo((folder / "pipe.csv").c_str(), 0600) == 0);
  CHECK(refusal({{"out", folder / "pipe.csv"}}).find("a pipe is there, and a file would take its place") !=
        std::string::npos);
  CHECK(refusal({{"out", "/dev/null"}}).find("a character device is there") != std::string::npos);
  CHECK(refusal({{"out", "-"}}).find("cannot be written to an open stream") != std::string::npos);
  const auto with_streams = [](const std::vector<NamedFile>& outputs) {
    return usage_error([&] { check_output_files(outputs, {}, Streams::kTaken); });
  };
  CHECK(with_streams({{"out", "-"}}) == "");
  CHECK(with_streams({{"out", "-"}, {"more", "/dev/stdout"}}).find("--out writes this file") != std::string::npos);
  CHECK(with_streams({{"out", "/dev/fd/999"}}).find("nothing that can be written to is open") != std::string::npos);
  CHECK(with_streams({{"out", folder / "pipe.csv"}}).find("or --out - > ") != std::string::npos);
}

TEST_CASE("an output is no part of a model or a run") {
  const Folder folder;
  folder.write("run/last.bin", "");
  folder.write("hub/model.safetensors", "");
  fs::create_symlink(folder / "run/last.bin", folder / "link.csv");
  for (const char* name : {"run/last.bin", "run/7.bin", "run/logs.csv", "run/key.csv", "run/data_val.csv",
                           "run/result.json", "hub/config.json", "hub/key.json", "hub/last.bin", "link.csv"}) {
    CHECK(refusal({{"out", folder / name}}).find("a file of this name is a part of it") != std::string::npos);
  }
  for (const char* name : {"run/predictions.csv", "run/metrics.json", "hub/rows.csv", "logs.csv", "last.bin"}) {
    CHECK(refusal({{"out", folder / name}}) == "");
  }
}

TEST_CASE("an input is not written over while rows are collected") {
  const Folder folder;
  const fs::path in = folder.write("out.csv.partial", "rows");
  const std::vector<NamedFile> inputs = {{"in", in}};
  CHECK(refusal({{"out", folder / "out.csv"}}, inputs).find("until it is whole its rows are kept in") !=
        std::string::npos);
}

TEST_CASE("files that are there need a word") {
  const Folder folder;
  const std::vector<NamedFile> outputs = {{"none", ""}, {"out", folder.write("out.csv", "x")}, {"more", "-"}};
  CHECK(usage_error([&] { require_new_files(outputs, false); }).find("--overwrite replaces it") != std::string::npos);
  CHECK_NOTHROW(require_new_files(outputs, true));
  CHECK(usage_error([&] { require_new_table(outputs[1], false); }).find("--overwrite replaces it") !=
        std::string::npos);
  CHECK_NOTHROW(require_new_table(outputs[1], true));
  folder.write("out.csv.progress", "somebody's");
  CHECK(usage_error([&] { require_new_table(outputs[1], true); }).find("not from this program") != std::string::npos);
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
