// Time of one training step (forward with loss, backward, clip, update) of a model of full or tiny size with random
// weights. Its counterpart in Python is in benchmarks/compare_python.py.

#include <ATen/Parallel.h>
#include <c10/core/DeviceType.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <optional>

#include "benchmark_model.hpp"
#include "canine/core/clock.hpp"
#include "canine/model/host_memory.hpp"
#include "canine/objective/mixer_loss.hpp"
#include "canine/optim/adamw.hpp"
#include "canine/optim/autocast.hpp"
#include "canine/optim/gradients.hpp"

namespace canine::benchmark {
namespace {

struct StepTimes {
  std::vector<double> forward, backward, clip, update, total;
};

void run_step(Mixer& mixer, AdamW& optimizer, const RandomBatch& batch, bool bf16, StepTimes& times) {
  Stopwatch part;
  const Stopwatch whole;
  MixerLoss loss;
  {
    const AutocastGuard autocast(c10::DeviceType::CPU, bf16 ? std::optional(c10::ScalarType::BFloat16) : std::nullopt);
    const MixerOutput output =
        mixer->forward(batch.input_ids, batch.attention_mask, batch.targets_seq2seq.narrow(1, 0, kSequenceLength - 1));
    loss = mixer_loss(output.sequence_logits, output.flat_logits, batch.targets_seq2seq, batch.targets_linear,
                      LossLayout{}, 0.1);
  }
  times.forward.push_back(part.restart());
  loss.total.backward();
  times.backward.push_back(part.restart());
  const at::Tensor norm = gradient_norm(optimizer.parameters());
  clip_gradients(optimizer.parameters(), norm, 1.0);
  times.clip.push_back(part.restart());
  optimizer.step(2e-5);
  optimizer.zero_grad();
  times.update.push_back(part.restart());
  times.total.push_back(whole.seconds());
}

void run(const Setting& setting) {
  recycle_host_memory();
  at::manual_seed(1);
  Mixer mixer(model_options(setting));
  mixer->train();
  AdamW optimizer(mixer->parameters(), AdamW::Options{});
  const RandomBatch batch(setting);
  StepTimes times;
  CpuTime start;
  for (int i = 0; i < setting.repeats + 2; ++i) {
    if (i == 2) {  // the first steps get memory from the system
      times = {};
      start = CpuTime::now();
    }
    run_step(mixer, optimizer, batch, setting.precision == "bf16", times);
  }
  const CpuTime end = CpuTime::now();
  const auto cpu_ms = [&](double seconds) { return 1e3 * seconds / setting.repeats; };
  const auto ms = [](const std::vector<double>& seconds) { return 1e3 * median(seconds); };
  const double total = median(times.total);
  fmt::print(
      "step {} batch {} T {} {} {} {} threads {}: forward {:.0f} backward {:.0f} clip {:.0f} update {:.0f} total "
      "{:.0f} ms, {:.2f} rows/s; processor time {:.0f} ms user, {:.0f} ms system\n",
      setting.size, setting.batch, setting.length, setting.precision, setting.padding, setting.attention,
      at::get_num_threads(), ms(times.forward), ms(times.backward), ms(times.clip), ms(times.update), 1e3 * total,
      static_cast<double>(setting.batch) / total, cpu_ms(end.user - start.user), cpu_ms(end.system - start.system));
}

}  // namespace
}  // namespace canine::benchmark

int main(int argc, char** argv) {
  canine::benchmark::Setting setting;
  CLI::App app("Times one training step");
  app.add_option("--size", setting.size, "full or tiny")->check(CLI::IsMember({"full", "tiny"}));
  app.add_option("--batch", setting.batch, "rows");
  app.add_option("--length", setting.length, "characters per row");
  app.add_option("--precision", setting.precision)->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--padding", setting.padding)->check(CLI::IsMember({"reference", "mask"}));
  app.add_option("--attention", setting.attention)->check(CLI::IsMember({"eager", "sdpa"}));
  app.add_option("--repeats", setting.repeats, "steps measured");
  CLI11_PARSE(app, argc, argv);
  canine::benchmark::run(setting);
  return 0;
}
