#include <cstdlib>
#include <fstream>
#include <sstream>

#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/launch/stop_request.hpp"
#include "canine/train/run_state.hpp"
#include "train/tiny_run.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using test::fixture;
using test::TemporaryFolder;
using test::TinyRun;
using test::without_times;

/// logs.csv without its two columns of times.
std::string log_without_times(const std::filesystem::path& path) {
  std::istringstream lines(read_file(path));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(',');
    const size_t third = line.find(',', line.find(',', first + 1) + 1);
    text += line.substr(0, first) + line.substr(third) + "\n";
  }
  return text;
}

TrainResult run_and_stop_after_one_step(TinyRun& run, bool& resumed) {
  const StopRequest stop;
  Trainer trainer = run.trainer();
  resumed = trainer.resume();
  std::raise(SIGTERM);
  return trainer.run();
}

TEST_CASE("a run stopped after every single step ends with the bits of one that was not") {
  at::set_num_threads(1);
  const TemporaryFolder whole_folder;
  const TemporaryFolder parts_folder;
  TinyRun whole(whole_folder.path());
  {
    const StopRequest stop;
    Trainer trainer = whole.trainer();
    CHECK_FALSE(trainer.resume());
    const TrainResult result = trainer.run();
    CHECK(result.end == TrainEnd::kComplete);
    CHECK(result.step == 12);
  }
  TinyRun parts(parts_folder.path());
  int runs = 0;
  TrainResult result;
  do {
    bool resumed = false;
    result = run_and_stop_after_one_step(parts, resumed);
    CHECK(resumed == (runs > 0));
    ++runs;
    REQUIRE(runs < 20);
  } while (result.end == TrainEnd::kStopped);
  CHECK(runs == 13);  // twelve steps, then the validation that the last stop left out
  require_equal(without_times(whole_folder.path() / "last.bin"), without_times(parts_folder.path() / "last.bin"),
                "checkpoint");
  CHECK(log_without_times(whole_folder.path() / "logs.csv") == log_without_times(parts_folder.path() / "logs.csv"));
}

TEST_CASE("a finished run is left as it is") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  {
    Trainer trainer = run.trainer();
    CHECK(trainer.run().end == TrainEnd::kComplete);
  }
  const auto before = std::filesystem::last_write_time(folder.path() / "last.bin");
  const std::string log = read_file(folder.path() / "logs.csv");
  Trainer again = run.trainer();
  REQUIRE(again.resume());
  CHECK(again.plan().first_step == 6);
  CHECK(again.run().end == TrainEnd::kAlreadyComplete);
  CHECK(std::filesystem::last_write_time(folder.path() / "last.bin") == before);
  CHECK(read_file(folder.path() / "logs.csv") == log);
}

TEST_CASE("the model card is in the checkpoint; one of an earlier version, without it, goes on") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  run.card = R"({"max_len":32})";
  run.trainer().run();
  const auto card_of = [&] {
    return read_torch_file(folder.path() / "last.bin")
        .at("canine", "checkpoint")
        .at("card", "canine")
        .as_string("card");
  };
  CHECK(card_of() == run.card);

  const PickleValue written = read_torch_file(folder.path() / "last.bin");
  PickleValue::Dict earlier;
  for (const auto& [name, value] : written.as_dict("checkpoint").items) {
    PickleValue::Dict kept;
    if (name.as_string("name") == "canine") {
      for (const auto& item : value.as_dict("canine").items) {
        if (item.first.as_string("name") != "card") kept.items.push_back(item);
      }
    }
    earlier.items.emplace_back(name, kept.items.empty() ? value : PickleValue(kept));
  }
  for (const auto& file : std::filesystem::directory_iterator(folder.path())) std::filesystem::remove(file.path());
  write_torch_file(folder.path() / "last.bin", PickleValue(earlier));
  run.options.num_epochs = 2;
  Trainer trainer = run.trainer();
  REQUIRE(trainer.resume());
  CHECK(trainer.plan().first_step == 6);
  trainer.run();
  CHECK(card_of() == run.card);
}

TEST_CASE("a checkpoint of another padding mode, key or set of trained parameters is refused") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  {
    Trainer trainer = run.trainer();
    trainer.run();
  }
  SECTION("padding") {
    run.options.padding = Padding::kMask;
    Trainer other = run.trainer();
    CHECK_THROWS_AS(other.resume(), CheckpointError);
  }
  SECTION("blocks") {  // the tensors are the same
    run.block_size = 6;
    Trainer other = run.trainer();
    CHECK_THROWS_WITH(other.resume(), ContainsSubstring("1 code(s) of 5 tokens a row, now 1 code(s) of 6"));
  }
  SECTION("freezing") {
    run.options.freeze_encoder = true;
    Trainer other = run.trainer();
    CHECK_THROWS_AS(other.resume(), CheckpointError);
  }
}

TEST_CASE("Python loads a checkpoint with weights_only, AdamW and LambdaLR accept it and agree on the next step") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  {
    Trainer trainer = run.trainer();
    trainer.run();
  }
  const std::filesystem::path script = folder.path() / "read.py";
  std::ofstream(script) << R"(
import sys, torch
c = torch.load(sys.argv[1], weights_only=True)
assert list(c) == ['model', 'optimizer', 'scheduler', 'step', 'key', 'canine'], list(c)
assert c['step'] == 6 and type(c['model']).__name__ == 'OrderedDict'
params = [torch.nn.Parameter(v) for k, v in c['model'].items() if not k.endswith('pos_embedding')]
opt = torch.optim.AdamW(params, lr=1e-3)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: max(0.0, (10 - s) / 10))
opt.load_state_dict(c['optimizer']); sched.load_state_dict(c['scheduler'])
assert sched.last_epoch == 6 and opt.param_groups[0]['weight_decay'] == 0.01
assert len(opt.state) == len(params)
assert all(s['step'] == 6 for s in opt.state.values())
for p in params: p.grad = torch.ones_like(p)
opt.step(); sched.step()
assert all(torch.isfinite(p).all() for p in params)
assert sorted(c['key'].values()) == list(range(len(c['key'])))
)";
  const std::string command =
      std::string(CANINE_PYTHON) + " " + script.string() + " " + (folder.path() / "last.bin").string();
  CHECK(std::system(command.c_str()) == 0);
}

}  // namespace
}  // namespace canine
