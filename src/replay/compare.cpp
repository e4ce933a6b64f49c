#include "canine/replay/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "canine/core/errors.hpp"
#include "stages.hpp"

namespace canine {

std::vector<StageComparison> compare_replays(const std::filesystem::path& expected, const std::filesystem::path& got) {
  using namespace replay_files;
  struct Part {
    std::string file;
    std::function<void(const Folders&, Stages&)> compare;
  };
  // In data-flow order.
  const Part parts[] = {
      {"activations.safetensors", compare_activations},
      {"losses.json", compare_losses},
      {"gradients.safetensors", compare_gradients},
      {"greedy.json", [](const auto& folders, auto& all) { compare_greedy(folders, "greedy.json", "greedy ", all); }},
      {"steps.json", compare_steps},
      {"long_text.safetensors", compare_long_text},
      {"greedy_trained.json",
       [](const auto& folders, auto& all) { compare_greedy(folders, "greedy_trained.json", "trained: greedy ", all); }},
      {"trained.json", compare_trained},
  };
  Stages stages;
  for (const Part& part : parts) {
    if (std::filesystem::exists(expected / part.file)) part.compare({expected, got}, stages);
  }
  if (stages.empty()) {
    throw UsageError("{}: there is nothing to compare with; expected activations.safetensors, losses.json, ...",
                     expected.string());
  }
  return stages;
}

std::string comparison_report(const std::vector<StageComparison>& stages) {
  size_t stage_width = 5, measure_width = 7;
  for (const StageComparison& stage : stages) {
    stage_width = std::max(stage_width, stage.stage.size());
    measure_width = std::max(measure_width, stage.measure.size());
  }
  std::string text = fmt::format("{:<{}}  {:>9}  {:>9}  {:<{}}  {:<8}  where\n", "stage", stage_width, "error",
                                 "tolerance", "measure", measure_width, "");
  for (const StageComparison& stage : stages) {
    text +=
        fmt::format("{:<{}}  {:>9.2e}  {:>9.0e}  {:<{}}  {:<8}  {}\n", stage.stage, stage_width, stage.error,
                    stage.tolerance, stage.measure, measure_width, stage.agrees() ? "agrees" : "DIVERGES", stage.where);
  }
  const auto first = std::ranges::find_if(stages, [](const StageComparison& stage) { return !stage.agrees(); });
  if (first == stages.end()) return text + fmt::format("All {} stages agree with the reference.", stages.size());
  return text + fmt::format("First stage that diverges: {} ({} error {:.3g}, tolerance {:.3g}; {}).", first->stage,
                            first->measure, first->error, first->tolerance, first->where);
}

}  // namespace canine
