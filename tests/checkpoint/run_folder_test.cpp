#include "canine/checkpoint/run_folder.hpp"

#include <ATen/ops/full.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/sha256.hpp"
#include "capture_stderr.hpp"
#include "temp_folder.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

PickleValue content_of(int64_t step) {
  PickleValue content = PickleValue::Dict{};
  content.set("model", state_dict_value({{"weight", at::full({50, 20}, static_cast<double>(step), at::kFloat)}}));
  content.set("step", step);
  return content;
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& item : fs::directory_iterator(folder)) names.insert(item.path().filename().string());
  return names;
}

/// Step of the newest checkpoint, -1 if there is none.
int64_t newest_step(const fs::path& folder) {
  const auto found = RunFolder({.folder = folder}).newest();
  return found ? found->content.at("step", "").as_int("step") : -1;
}

/// Writes into the file that is there, as Python's torch.save does, so all its hard links change.
void overwrite_in_place(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
}

TEST_CASE("run folder: checkpoints are found by their names, whole or not") {
  const TempFolder folder;
  CHECK_FALSE(RunFolder::has_checkpoint(folder.path()));
  CHECK_FALSE(RunFolder::has_checkpoint(folder.path() / "absent"));
  for (const char* name : {"key.csv", "best.bin", "1a.bin", ".bin", "5.bin.tmp"}) write_file(folder.path() / name, "x");
  CHECK_FALSE(RunFolder::has_checkpoint(folder.path()));
  SECTION("a step") { write_file(folder.path() / "12.bin", ""); }
  SECTION("the last one") { write_file(folder.path() / "last.bin", "x"); }
  CHECK(RunFolder::has_checkpoint(folder.path()));
}

TEST_CASE("run folder: a save makes {step}.bin, last.bin and the manifest") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path(), .keep_best = "seq_acc"});
  CHECK_FALSE(run.newest().has_value());
  CHECK(run.save(5, content_of(5), 0.25) == folder / "5.bin");
  run.save(10, content_of(10));
  CHECK(names_in(folder.path()) == std::set<std::string>{"5.bin", "10.bin", "last.bin", "checkpoints.json"});
  CHECK(read_file(folder / "last.bin") == read_file(folder / "10.bin"));
  CHECK(fs::hard_link_count(folder / "5.bin") == 1);
  const auto manifest = nlohmann::json::parse(read_file(folder / "checkpoints.json"));
  const auto& entries = manifest["checkpoints"];
  REQUIRE(entries.size() == 2);
  CHECK(entries[0]["file"] == "5.bin");
  CHECK(entries[0]["step"] == 5);
  CHECK(entries[0]["metric"] == 0.25);
  CHECK(entries[0]["metric_name"] == "seq_acc");
  CHECK(entries[0]["bytes"] == fs::file_size(folder / "5.bin"));
  CHECK(entries[0]["sha256"] == sha256_of_file(folder / "5.bin"));
  CHECK(entries[0]["time"].get<std::string>().size() == 20);
  CHECK(entries[1]["metric"].is_null());
  const auto found = run.newest();
  REQUIRE(found);
  CHECK(found->path == folder / "last.bin");
  CHECK(found->content.at("step", "").as_int("") == 10);
}

TEST_CASE("run folder: a step that is saved again replaces its file and entry") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path()});
  run.save(5, content_of(5));
  run.save(5, content_of(6));
  CHECK(newest_step(folder.path()) == 6);
  CHECK(nlohmann::json::parse(read_file(folder / "checkpoints.json"))["checkpoints"].size() == 1);
  CHECK(names_in(folder.path()).size() == 3);
}

TEST_CASE("run folder: after a clean end last.bin can be rewritten in place without harm") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path()});
  run.save(5, content_of(5));
  run.finish();
  CHECK(fs::hard_link_count(folder / "last.bin") == 1);
  const std::string before = read_file(folder / "5.bin");
  CHECK(read_file(folder / "last.bin") == before);
  overwrite_in_place(folder / "last.bin", "x");
  CHECK(read_file(folder / "5.bin") == before);
  const CaptureStderr quiet;
  CHECK(newest_step(folder.path()) == 5);
  CHECK(names_in(folder.path()) == std::set<std::string>{"5.bin", "last.bin", "checkpoints.json"});
}

TEST_CASE("run folder: a last.bin that Python rewrote in place is taken, its hard link is not") {
  const TempFolder folder;
  const TempFolder python;
  RunFolder run({.folder = folder.path()});
  run.save(5, content_of(5));
  run.save(10, content_of(10));
  fs::remove(folder / "last.bin");
  fs::create_hard_link(folder / "10.bin", folder / "last.bin");
  write_torch_file(python / "10.bin", content_of(77));  // as long as ours
  overwrite_in_place(folder / "last.bin", read_file(python / "10.bin"));
  {
    const CaptureStderr capture;
    CHECK(newest_step(folder.path()) == 77);
    CHECK_THAT(capture.text(), ContainsSubstring("last.bin is whole, but was written by another program"));
  }
  fs::remove(folder / "last.bin");
  const CaptureStderr capture;
  CHECK(newest_step(folder.path()) == 5);
  CHECK_THAT(capture.text(), ContainsSubstring("10.bin: its SHA-256") && ContainsSubstring("going on from"));
}

TEST_CASE("run folder: a broken last.bin is named and the newest good checkpoint taken") {
  for (const double share : {0.0, 0.01, 0.5, 0.99}) {
    INFO(share);
    const TempFolder folder;
    RunFolder run({.folder = folder.path()});
    for (const int step : {5, 10, 100}) run.save(step, content_of(step));
    const std::string whole = read_file(folder / "last.bin");
    overwrite_in_place(folder / "last.bin",
                       whole.substr(0, static_cast<size_t>(share * static_cast<double>(whole.size()))));
    const bool linked = fs::hard_link_count(folder / "last.bin") > 1;
    const std::string good = linked ? "10.bin" : "100.bin";
    const CaptureStderr capture;
    CHECK(newest_step(folder.path()) == (linked ? 10 : 100));
    CHECK_THAT(capture.text(), ContainsSubstring((folder / "last.bin").string() + " now holds what " + good));
    CHECK(read_file(folder / "last.bin") == read_file(folder / good));
    CHECK(fs::hard_link_count(folder / "last.bin") == 1);
  }
}

TEST_CASE("run folder: no flipped bit is ever loaded") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path()});
  run.save(5, content_of(5));
  run.save(10, content_of(10));
  const std::string whole = read_file(folder / "10.bin");
  std::mt19937 random(7);
  const CaptureStderr quiet;
  for (int i = 0; i < 200; ++i) {
    std::string damaged = whole;
    const size_t place = random() % damaged.size();
    INFO(place);
    damaged[place] = static_cast<char>(damaged[place] ^ (1 << (random() % 8)));
    overwrite_in_place(folder / "10.bin", damaged);
    fs::remove(folder / "last.bin");
    CHECK(newest_step(folder.path()) == 5);
  }
}

TEST_CASE("run folder: with no usable checkpoint all are named") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path()});
  run.save(5, content_of(5));
  run.finish();
  overwrite_in_place(folder / "5.bin", "torn");
  overwrite_in_place(folder / "last.bin", "torn too");
  const CaptureStderr quiet;
  CHECK_THROWS_AS(run.newest(), CheckpointError);
  CHECK_THROWS_WITH(run.newest(),
                    ContainsSubstring("5.bin: it has 4 bytes") && ContainsSubstring("last.bin: not a file"));
}

TEST_CASE("run folder: files of the Python program need no manifest") {
  const TempFolder folder;
  fs::copy(CANINE_FIXTURES "/tiny_a/after10.bin", folder / "last.bin");
  fs::copy(CANINE_FIXTURES "/tiny_a/after10.bin", folder / "10.bin");
  const CaptureStderr capture;
  CHECK(newest_step(folder.path()) == 10);
  CHECK(capture.text().empty());
  fs::remove(folder / "last.bin");
  write_file(folder / "model.bin", "not a checkpoint", false);
  write_file(folder / "007.bin", "nor this", false);
  CHECK(newest_step(folder.path()) == 10);
}

TEST_CASE("run folder: every state between the steps of a save can be resumed") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path()});
  run.save(5, content_of(5));
  write_torch_file(folder / "10.bin", content_of(10));
  CHECK(newest_step(folder.path()) == 5);  // before the manifest
  fs::remove(folder / "last.bin");
  CHECK(newest_step(folder.path()) == 10);  // not listed, judged by its own checksums
  fs::remove(folder / "10.bin");
  CHECK(newest_step(folder.path()) == 5);
  fs::remove(folder / "5.bin");
  CHECK(newest_step(folder.path()) == -1);  // listed, but no longer there
}

TEST_CASE("run folder: a listed checkpoint whose last.bin was not made any more is the newest") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path()});
  run.save(5, content_of(5));
  run.save(10, content_of(10));
  fs::remove(folder / "last.bin");
  fs::copy_file(folder / "5.bin", folder / "last.bin");
  fs::last_write_time(folder / "last.bin", fs::last_write_time(folder / "10.bin") - std::chrono::seconds(1));
  CHECK(newest_step(folder.path()) == 10);
  fs::resize_file(folder / "10.bin", 100);
  const CaptureStderr quiet;
  CHECK(newest_step(folder.path()) == 5);
}

TEST_CASE("run folder: a metric may come after its checkpoint") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path(), .keep_last = 1, .keep_best = "seq_acc"});
  run.save(10, content_of(10));
  run.set_metric(10, 0.5);
  run.set_metric(11, 0.9);  // never saved
  run.save(20, content_of(20));
  run.set_metric(20, NAN);
  CHECK(names_in(folder.path()) == std::set<std::string>{"10.bin", "20.bin", "last.bin", "checkpoints.json"});
  run.set_metric(20, 0.6);
  CHECK(names_in(folder.path()) == std::set<std::string>{"20.bin", "last.bin", "checkpoints.json"});
}

TEST_CASE("run folder: who goes back by removing later checkpoints keeps what is saved then") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path(), .keep_last = 2, .keep_best = "seq_acc"});
  run.save(10, content_of(10), 0.5);
  run.save(20, content_of(20), 0.9);
  for (const char* name : {"20.bin", "last.bin"}) fs::remove(folder / name);
  CHECK(newest_step(folder.path()) == 10);
  run.save(15, content_of(15), 0.4);
  CHECK(newest_step(folder.path()) == 15);
  run.save(16, content_of(16), 0.4);
  CHECK(names_in(folder.path()) == std::set<std::string>{"10.bin", "15.bin", "16.bin", "last.bin", "checkpoints.json"});
}

TEST_CASE("run folder: a manifest that is no use is named and replaced") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path(), .keep_last = 1});
  write_file(folder / "precious.csv", "a", false);
  const std::string entry = R"("bytes":1,"sha256":"","metric_name":"","metric":null,"time":"")";
  for (const std::string& text :
       {std::string("{"), std::string("[]"), std::string(R"({"format":2,"checkpoints":[]})"),
        std::string(R"({"format":1,"checkpoints":[{"file":1}]})"),
        R"({"format":1,"checkpoints":[{"file":"precious.csv","step":1,)" + entry + "}]}",
        R"({"format":1,"checkpoints":[{"file":"../1.bin","step":1,)" + entry + "}]}",
        R"({"format":1,"checkpoints":[{"file":"2.bin","step":1,)" + entry + "}]}", std::string(100000, '[')}) {
    INFO(text.substr(0, 100));
    write_file(folder / "checkpoints.json", text, false);
    const CaptureStderr capture;
    run.save(5, content_of(5));
    CHECK_THAT(capture.text(), ContainsSubstring("checkpoints.json cannot be used"));
    CHECK(newest_step(folder.path()) == 5);
    CHECK(fs::exists(folder / "precious.csv"));
  }
}

TEST_CASE("run folder: old checkpoints go, the best and the newest stay") {
  struct Save {
    int64_t step;
    std::optional<double> metric;
    std::set<std::string> left;
  };
  const TempFolder folder;
  RunFolder run({.folder = folder.path(), .keep_last = 2, .keep_best = "seq_acc"});
  write_torch_file(folder / "1.bin", content_of(1));  // not ours: not in the manifest
  const Save saves[] = {{10, 0.1, {"10.bin"}},
                        {20, 0.9, {"10.bin", "20.bin"}},
                        {30, 0.2, {"20.bin", "30.bin"}},
                        {40, NAN, {"20.bin", "30.bin", "40.bin"}},
                        {50, {}, {"20.bin", "40.bin", "50.bin"}},
                        {60, 0.9, {"20.bin", "50.bin", "60.bin"}},
                        {70, 0.95, {"60.bin", "70.bin"}},
                        // Someone went back to an old step: what was saved last is the newest.
                        {35, 0.5, {"35.bin", "70.bin"}},
                        {36, 0.5, {"35.bin", "36.bin", "70.bin"}}};
  for (const Save& save : saves) {
    INFO(save.step);
    run.save(save.step, content_of(save.step), save.metric);
    std::set<std::string> expected = save.left;
    expected.insert({"1.bin", "last.bin", "checkpoints.json"});
    CHECK(names_in(folder.path()) == expected);
    CHECK(newest_step(folder.path()) == save.step);
  }
}

TEST_CASE("run folder: another metric than before does not count") {
  const TempFolder folder;
  RunFolder({.folder = folder.path(), .keep_last = 1, .keep_best = "val_loss"}).save(1, content_of(1), -0.01);
  RunFolder run({.folder = folder.path(), .keep_last = 1, .keep_best = "seq_acc"});
  run.save(2, content_of(2), -0.5);
  run.save(3, content_of(3), -0.9);
  CHECK(names_in(folder.path()) == std::set<std::string>{"2.bin", "3.bin", "last.bin", "checkpoints.json"});
}

TEST_CASE("run folder: settings are checked") {
  CHECK_THROWS_AS(RunFolder({.folder = "x", .keep_last = -1}), UsageError);
}

}  // namespace
}  // namespace canine
