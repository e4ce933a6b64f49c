#include "canine/app/sample.hpp"

#include <catch2/catch_test_macros.hpp>

#include "app/captured.hpp"
#include "app/files.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

TEST_CASE("the sample is found beside an installed program and in a build tree") {
  const Folder installed;
  const fs::path config = installed.write("share/canine/configs/sample.yaml", "");
  CHECK(find_sample_config(installed / "bin" / "finetune") == config);

  const Folder source;
  const fs::path in_source = source.write("configs/sample.yaml", "");
  CHECK(find_sample_config(source / "build" / "bin" / "finetune") == in_source);
}

TEST_CASE("where there is no sample, the message names the places and the way on") {
  const Folder empty;
  const std::string message = usage_error([&] { find_sample_config(empty.path() / "bin" / "finetune"); });
  CHECK(message.find((empty.path() / "share/canine").string()) != std::string::npos);
  CHECK(message.find("--dataset") != std::string::npos);
}

TEST_CASE("a finished sample run keeps its folder, an unfinished one goes on in it") {
  const Folder parent;
  CHECK(sample_folder(parent.path()) == parent.path() / "canine-sample");
  parent.write("canine-sample/last.bin", "");
  CHECK(sample_folder(parent.path()) == parent.path() / "canine-sample");
  parent.write("canine-sample/result.json", "{}");
  CHECK(sample_folder(parent.path()) == parent.path() / "canine-sample-2");
  parent.write("canine-sample-2/result.json", "{}");
  CHECK(sample_folder(parent.path()) == parent.path() / "canine-sample-3");
}

}  // namespace
}  // namespace canine
