// Runs the model on a folder of the reference's inputs and compares what comes out: proof of a build's numbers.

#include "canine/replay/replay.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "canine/app/folder_place.hpp"
#include "canine/app/option_set.hpp"
#include "canine/app/run_main.hpp"
#include "canine/core/result.hpp"
#include "canine/replay/compare.hpp"

namespace canine {
namespace {

int replay_main(const std::vector<std::string>& arguments) {
  ReplayOptions values;
  bool compare = false;
  OptionSet options("replay", "runs the model on the reference's inputs and writes its numbers",
                    {{"replay FOLDER --out OUT --compare",
                      "compare with what the reference wrote; exit status 1 if a stage diverges"}},
                    OptionSet::ConfigFiles::kNo);
  options.section("Arguments");
  options.add_positional("FOLDER", values.folder,
                         "folder laid out like tests/fixtures/tiny_a: spec.json, encoder/config.json, "
                         "model.safetensors, batch.safetensors, step_batches.safetensors");
  options.section("Replay");
  options.add("out", values.out, "folder for the files written (made if it is not there)").takes("FOLDER").required();
  options.add("overwrite", values.overwrite, "replace files of an earlier replay in --out");
  options.add("compare", compare,
              "compare with the files of FOLDER: a table of all stages and the first one that diverges");
  options.add("attention", values.attention, {{"eager", Attention::kEager}, {"sdpa", Attention::kSdpa}},
              "how attention is computed; both give the same numbers");
  options.set_python_flags({"help"});
  if (!options.parse(arguments)) return 0;
  require_folder_place(values.out);
  replay(values);
  if (!compare) return 0;
  const auto stages = compare_replays(values.folder, values.out);
  print_result(comparison_report(stages));
  return std::ranges::all_of(stages, &StageComparison::agrees) ? 0 : 1;
}

}  // namespace
}  // namespace canine

int main(int argc, char** argv) {
  return canine::run_main([&] { return canine::replay_main(std::vector<std::string>(argv + 1, argv + argc)); });
}
