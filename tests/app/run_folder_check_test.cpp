#include "canine/app/run_folder_check.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "app/captured.hpp"
#include "app/files.hpp"

namespace canine {
namespace {

std::string refusal(const Folder& folder, const RunProgram& program, const std::vector<NamedFile>& inputs = {}) {
  return usage_error([&] { check_run_folder(folder.path(), program, inputs); });
}

TEST_CASE("new and empty folders, and runs of the same program, are fine") {
  const Folder folder;
  CHECK_NOTHROW(check_run_folder(folder / "new", kFinetune, {}));
  CHECK(refusal(folder, kFinetune) == "");
  folder.write("args.yaml", "save_path: out\nbatch_size: 1\n");
  folder.write("logs.csv", "step,batch_time\r\n");
  folder.write("result.json", R"({"step": 1, "first_validation": null})");
  folder.write("checkpoints.json", R"({"format": 1, "checkpoints": []})");
  folder.write("prepared.json", R"({"format": 1, "source": {}})");
  folder.write("bad_rows.csv", "line,column,code,reason\n");
  folder.write("notes.txt", "somebody's");
  CHECK(refusal(folder, kFinetune) == "");
}

TEST_CASE("a run of the other program is named") {
  const Folder of_finetune, of_mixer, prepared;
  of_finetune.write("args.yaml", "save_path: out\n");
  of_mixer.write("args.yaml", "save_dir: out\n");
  prepared.write("prepared.json", R"({"format": 1, "source": {}})");
  CHECK(refusal(of_finetune, kTrainMixer).find("a run of finetune lies in this folder") != std::string::npos);
  CHECK(refusal(prepared, kTrainMixer).find("a run of finetune lies in this folder") != std::string::npos);
  CHECK(refusal(of_mixer, kFinetune).find("a run of train_mixer lies in this folder") != std::string::npos);
  CHECK(refusal(of_mixer, kFinetune).find("--save-path") != std::string::npos);
  CHECK(refusal(of_mixer, kTrainMixer) == "");
}

TEST_CASE("files that no run has written are not replaced by one") {
  for (const char* name :
       {"args.yaml", "logs.csv", "result.json", "checkpoints.json", "bad_rows.csv", "prepared.json"}) {
    const Folder folder;
    folder.write(name, "somebody's own: notes\n");
    CHECK(refusal(folder, kFinetune).find(std::string(name) + " is there and is not from a run") != std::string::npos);
  }
  const Folder folder;
  REQUIRE(::mkfifo((folder / "logs.csv").c_str(), 0600) == 0);
  CHECK(refusal(folder, kFinetune).find("logs.csv is there") != std::string::npos);
}

TEST_CASE("an input is not written over by the run") {
  const Folder folder;
  const auto input = folder.write("bad_rows.csv", "line,column,code,reason\n");
  const std::vector<NamedFile> inputs = {{"dataset", input}, {"encoder-config", folder.write("config.json", "{}")}};
  CHECK(refusal(folder, kFinetune, inputs).find("--dataset " + input.string() + ": the run writes") == 0);
  CHECK(refusal(folder, kTrainMixer, inputs) == "");  // it writes no such file
}

}  // namespace
}  // namespace canine
