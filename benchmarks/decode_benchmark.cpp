// Rows per second of validation (teacher-forced, with losses and accuracies) and of greedy decoding, encoder included,
// with a model of full or tiny size with random weights. Its counterpart in Python is in benchmarks/compare_python.py.

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "benchmark_model.hpp"
#include "canine/core/clock.hpp"
#include "canine/decode/greedy.hpp"
#include "canine/model/evaluation_mode.hpp"
#include "canine/model/host_memory.hpp"
#include "canine/objective/metrics.hpp"

namespace canine::benchmark {
namespace {

void run(const Setting& setting, const std::vector<int64_t>& positions) {
  recycle_host_memory();
  Mixer mixer(model_options(setting));
  mixer->eval();
  const RandomBatch batch(setting);
  const auto rate = [&](const auto& body) {
    std::vector<double> seconds;
    for (int i = 0; i < setting.repeats + 1; ++i) {
      const Stopwatch watch;
      body();
      if (i > 0) seconds.push_back(watch.seconds());
    }
    return static_cast<double>(setting.batch) / median(seconds);
  };
  const double encode = rate([&] {
    const EvaluationMode evaluation(*mixer);
    mixer->encode(batch.input_ids, batch.attention_mask);
  });
  const double validate = rate([&] {
    const EvaluationMode evaluation(*mixer);
    const MixerOutput output =
        mixer->forward(batch.input_ids, batch.attention_mask, batch.targets_seq2seq.narrow(1, 0, kSequenceLength - 1));
    MetricSums sums(batch.input_ids.device());
    sums.add(output.sequence_logits, output.flat_logits, batch.targets_seq2seq, batch.targets_linear, LossLayout{},
             0.1);
    sums.means();
  });
  std::string line = fmt::format(
      "decode {} batch {} T {} {} threads {}: encoder alone {:.2f} rows/s, validation {:.2f} rows/s", setting.size,
      setting.batch, setting.length, setting.padding, at::get_num_threads(), encode, validate);
  for (const int64_t length : positions) {
    const double rows = rate([&] { greedy_decode(*mixer, batch.input_ids, batch.attention_mask, length); });
    line += fmt::format(", {} positions {:.2f} rows/s", length, rows);
  }
  fmt::print("{}\n", line);
}

}  // namespace
}  // namespace canine::benchmark

int main(int argc, char** argv) {
  canine::benchmark::Setting setting;
  setting.batch = 32;
  setting.repeats = 3;
  std::vector<int64_t> positions = {7, 27};
  CLI::App app("Times validation and greedy decoding");
  app.add_option("--size", setting.size, "full or tiny")->check(CLI::IsMember({"full", "tiny"}));
  app.add_option("--batch", setting.batch, "rows");
  app.add_option("--length", setting.length, "characters per row");
  app.add_option("--padding", setting.padding)->check(CLI::IsMember({"reference", "mask"}));
  app.add_option("--attention", setting.attention)->check(CLI::IsMember({"eager", "sdpa"}));
  app.add_option("--positions", positions, "label positions, one measurement each");
  app.add_option("--repeats", setting.repeats, "batches measured");
  CLI11_PARSE(app, argc, argv);
  canine::benchmark::run(setting, positions);
  return 0;
}
