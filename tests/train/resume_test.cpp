#include <cstdlib>
#include <fstream>
#include <sstream>

#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/launch/stop_request.hpp"
#include "canine/train/run_state.hpp"
#include "support/captured_stream.hpp"
#include "test_paths.hpp"
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
  TrainParts parts = run.parts();
  parts.save_requested = [] {  // asked after each step, right before the stop signal
    std::raise(SIGTERM);
    return false;
  };
  Trainer trainer(parts, run.options);
  resumed = trainer.resume();
  return trainer.run();
}

TEST_CASE("a run stopped after every single step ends with the bits of one that was not") {  // D08
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

TEST_CASE("a run that goes on with another global batch passes over all rows of its epochs") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  const auto steps_done = [&](int64_t batch_size, int64_t stop_after) {
    run.options.batch_size = batch_size;
    TrainParts parts = run.parts();
    int64_t steps = 0;
    parts.save_requested = [&] {
      ++steps;
      return false;
    };
    parts.stop_signal = [&] { return steps == stop_after ? SIGTERM : 0; };
    Trainer trainer(parts, run.options);
    trainer.resume();
    return trainer.run().step;
  };
  CHECK(steps_done(60, 3) == 3);    // half of the first of two epochs
  CHECK(steps_done(30, 2) == 5);    // 60 rows more: as if it had been 8 steps of 24
  CHECK(steps_done(30, 1) == 6);    // the same batch again
  CHECK(steps_done(180, 1) == 7);   // 270 rows are seen, so from 180 on: the first epoch ends
  CHECK(steps_done(180, -1) == 9);  // and the second has two steps
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
  run.card.max_len = 32;
  run.trainer().run();
  const auto card_of = [&] {
    return read_torch_file(folder.path() / "last.bin")
        .at("canine", "checkpoint")
        .at("card", "canine")
        .as_string("card");
  };
  CHECK(card_of() == run.card.to_json());

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
  CHECK(card_of() == run.card.to_json());
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
  SECTION("treatment of texts") {
    run.options.cleaning = TextCleaning::published();
    Trainer other = run.trainer();
    CHECK_THROWS_WITH(other.resume(), ContainsSubstring("--clean-text quotes, now --clean-text lower ascii"));
    run.options.cleaning = TextCleaning::reference();  // trains as before
    CHECK(run.trainer().resume());
  }
  SECTION("blocks") {  // the tensors are the same
    run.block_size = 6;
    Trainer other = run.trainer();
    CHECK_THROWS_WITH(other.resume(), ContainsSubstring("1 code(s) of 5 tokens a row, now 1 code(s) of 6"));
  }
  SECTION("the formatter's separator") {  // so are these, and the layout
    run.card.formatter.use_within_block_sep = true;
    Trainer other = run.trainer();
    CHECK_THROWS_AS(other.resume(), CheckpointError);
    CHECK_THROWS_WITH(other.resume(), ContainsSubstring("--use-within-block-sep false, now") &&
                                          ContainsSubstring("--use-within-block-sep true"));
  }
  SECTION("another formatter") {
    run.card.formatter.kind = FormatterKind::kHisco;
    Trainer other = run.trainer();
    CHECK_THROWS_WITH(other.resume(), ContainsSubstring("--formatter gpf, now --formatter hisco"));
  }
  SECTION("an encoder that computes otherwise") {
    run.card.encoder.num_attention_heads = 6;
    Trainer other = run.trainer();
    CHECK_THROWS_WITH(other.resume(), ContainsSubstring("num_attention_heads is 12, now") &&
                                          ContainsSubstring("num_attention_heads is 6"));
  }
  SECTION("freezing") {
    run.options.freeze_encoder = true;
    Trainer other = run.trainer();
    CHECK_THROWS_AS(other.resume(), CheckpointError);
  }
}

TEST_CASE("other rates of dropout are no obstacle for a run to go on") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  run.trainer().run();
  run.card.encoder.hidden_dropout_prob = 0.3;
  CHECK(run.trainer().resume());
}

TEST_CASE("settings that a run goes on with are named where they were others") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  run.settings = {{"--dropout", "0.0"}, {"--warmup-steps", "not given"}, {"--encoder", "google/canine-s"}};
  run.trainer().run();
  const auto notes = [&] {
    const testing::CapturedStream errors(2);
    CHECK(run.trainer().resume());
    return errors.text();
  };
  CHECK_THAT(notes(), !ContainsSubstring(" now"));
  run.settings = {{"--dropout", "0.1"}, {"--warmup-steps", "3"}, {"--encoder", "runs/encoder"}};
  const std::string said = notes();
  CHECK_THAT(said, ContainsSubstring("--dropout was 0.0 when the checkpoint was written and is 0.1 now"));
  CHECK_THAT(said, ContainsSubstring("--encoder was google/canine-s when the run began and is runs/encoder now, which "
                                     "has no effect"));
  CHECK_THAT(said, ContainsSubstring("--warmup-steps was not given when the checkpoint was written and is 3 now"));
}

TEST_CASE("a checkpoint of the Python program is one of the reference padding and of its treatment of texts") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  run.trainer().run();
  const PickleValue written = read_torch_file(folder.path() / "last.bin");
  PickleValue::Dict python;
  for (const auto& item : written.as_dict("checkpoint").items) {
    if (item.first.as_string("name") != "canine") python.items.push_back(item);
  }
  for (const auto& file : std::filesystem::directory_iterator(folder.path())) std::filesystem::remove(file.path());
  write_torch_file(folder.path() / "last.bin", PickleValue(python));
  Trainer same = run.trainer();
  CHECK(same.resume());
  run.options.padding = Padding::kMask;
  Trainer other = run.trainer();
  CHECK_THROWS_WITH(other.resume(), ContainsSubstring("trained with --padding reference"));
  run.options.padding = Padding::kReference;
  run.options.cleaning = TextCleaning::none();
  CHECK_THROWS_WITH(run.trainer().resume(), ContainsSubstring("trained with --clean-text reference"));
}

TEST_CASE("the first validation of a run is remembered when it goes on") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  const TrainResult whole = run.trainer().run();
  run.options.num_epochs = 2;
  Trainer trainer = run.trainer();
  REQUIRE(trainer.resume());
  const TrainResult continued = trainer.run();
  REQUIRE(whole.first.has_value());
  REQUIRE(continued.first.has_value());
  CHECK(continued.first->loss == whole.first->loss);
  CHECK(continued.first->token_acc == whole.first->token_acc);
  CHECK(continued.last->loss < whole.first->loss);
}

TEST_CASE("the best checkpoint is that of the metric asked for now") {
  const TemporaryFolder folder;
  TinyRun run(folder.path());
  run.options.num_epochs = 1;
  run.options.learning_rate = 1e-2;
  run.options.eval_interval = 3;
  run.options.keep_best = "seq_acc";
  run.trainer().run();
  run.options.num_epochs = 2;
  run.options.keep_best = "val_loss";
  Trainer trainer = run.trainer();
  REQUIRE(trainer.resume());
  trainer.run();
  const std::string manifest = read_file(folder.path() / "checkpoints.json");
  CHECK_THAT(manifest, ContainsSubstring(R"("metric_name": "val_loss")") && !ContainsSubstring(R"("metric": -)"));
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
