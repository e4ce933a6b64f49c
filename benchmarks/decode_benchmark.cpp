// Rows per second of validation (teacher-forced, with losses and accuracies), greedy decoding, flat decoding and full
// search, encoder included, with a model of full or tiny size with random weights. Its counterpart in Python is in
// benchmarks/compare_python.py.

#include <ATen/Parallel.h>
#include <c10/core/DeviceType.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <set>

#include "benchmark_model.hpp"
#include "canine/core/clock.hpp"
#include "canine/decode/batch_width.hpp"
#include "canine/decode/flat.hpp"
#include "canine/decode/full_search.hpp"
#include "canine/decode/greedy.hpp"
#include "canine/model/evaluation_mode.hpp"
#include "canine/model/host_memory.hpp"
#include "canine/model/matrix_precision.hpp"
#include "canine/objective/metrics.hpp"
#include "canine/optim/autocast.hpp"

namespace canine::benchmark {
namespace {

/// Codes whose tree has the shape of HISCO's: 13, 80, 341, 1720 and 1919 nodes below the root, 4,073 edges.
std::vector<std::vector<int64_t>> codes_like_hisco() {
  std::vector<std::vector<int64_t>> level = {{}};
  for (const size_t width : {13, 80, 341, 1720, 1919}) {
    std::vector<std::vector<int64_t>> next;
    size_t last_parent = level.size();
    for (size_t i = 0; i < width; ++i) {
      const size_t parent = i * level.size() / width;
      const int64_t token = parent == last_parent ? next.back().back() + 1 : 5;
      next.push_back(level[parent]);
      next.back().push_back(token);
      last_parent = parent;
    }
    level = std::move(next);
  }
  return level;
}

struct DecodeSetting : Setting {
  std::set<std::string> what = {"encoder", "validation", "greedy", "flat"};
  std::vector<int64_t> positions = {7, 27};
};

class Bench {
 public:
  explicit Bench(const DecodeSetting& setting)
      : setting_(setting), mixer_(model_options(setting)), batch_(setting), tree_(codes_like_hisco()) {
    mixer_->eval();
    if (setting.precision == "bf16") store_matrices_as(*mixer_, c10::ScalarType::BFloat16);
  }

  void run() {
    report("encoder", "encoder alone", [&] {
      const EvaluationMode evaluation(*mixer_);
      mixer_->encode(batch_.input_ids, batch_.attention_mask);
    });
    report("validation", "validation", [&] { validate(); });
    for (const int64_t length : setting_.positions) {
      report("greedy", fmt::format("{} positions", length),
             [&] { greedy_decode(*mixer_, batch_.input_ids, batch_.attention_mask, length); });
    }
    report("flat", "flat", [&] { decode_flat(); });
    report("full", fmt::format("full search of {} edges", tree_.num_edges()),
           [&] { full_search(*mixer_, batch_.input_ids, batch_.attention_mask, tree_); });
  }

 private:
  template <typename Body>
  void report(const std::string& kind, const std::string& name, const Body& body) {
    if (!setting_.what.contains(kind)) return;
    std::vector<double> seconds;
    for (int i = 0; i < setting_.repeats + 1; ++i) {  // the first one gets memory from the system
      const Stopwatch watch;
      body();
      if (i > 0) seconds.push_back(watch.seconds());
    }
    fmt::print("{}: {:.3f} rows/s\n", name, static_cast<double>(setting_.batch) / median(seconds));
  }

  void validate() {
    const EvaluationMode evaluation(*mixer_);
    const MixerOutput output = mixer_->forward(batch_.input_ids, batch_.attention_mask,
                                               batch_.targets_seq2seq.narrow(1, 0, kSequenceLength - 1));
    MetricSums sums(batch_.input_ids.device());
    sums.add(output.sequence_logits, output.flat_logits, batch_.targets_seq2seq, batch_.targets_linear, LossLayout{},
             0.1);
    sums.means();
  }

  void decode_flat() {
    const int64_t width = batch_width(DecodeMode::kFlat, Padding::kReference, batch_.longest, batch_.input_ids.size(1));
    flat_top_k(flat_logits(*mixer_, batch_.input_ids.narrow(1, 0, width), batch_.attention_mask.narrow(1, 0, width)));
  }

  const DecodeSetting& setting_;
  Mixer mixer_;
  RandomBatch batch_;
  PrefixTree tree_;
};

void run(const DecodeSetting& setting) {
  recycle_host_memory();
  const bool bf16 = setting.precision == "bf16";
  fmt::print("decode {} batch {} T {} {} {} threads {}\n", setting.size, setting.batch, setting.length,
             setting.precision, setting.padding, at::get_num_threads());
  Bench bench(setting);
  const AutocastGuard autocast(c10::DeviceType::CPU, bf16 ? std::optional(c10::ScalarType::BFloat16) : std::nullopt);
  bench.run();
}

}  // namespace
}  // namespace canine::benchmark

int main(int argc, char** argv) {
  canine::benchmark::DecodeSetting setting;
  setting.batch = 32;
  setting.repeats = 3;
  CLI::App app("Times validation and decoding");
  app.add_option("--size", setting.size, "full or tiny")->check(CLI::IsMember({"full", "tiny"}));
  app.add_option("--batch", setting.batch, "rows");
  app.add_option("--length", setting.length, "characters per row");
  app.add_option("--precision", setting.precision)->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--padding", setting.padding)->check(CLI::IsMember({"reference", "mask"}));
  app.add_option("--attention", setting.attention)->check(CLI::IsMember({"eager", "sdpa"}));
  app.add_option("--what", setting.what, "any of encoder, validation, greedy, flat, full");
  app.add_option("--positions", setting.positions, "label positions of greedy decoding, one measurement each");
  app.add_option("--repeats", setting.repeats, "batches measured");
  CLI11_PARSE(app, argc, argv);
  canine::benchmark::run(setting);
  return 0;
}
