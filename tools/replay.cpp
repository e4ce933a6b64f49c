// Runs the model on a folder of the reference's inputs and compares what comes out: proof of a build's numbers.

#include "canine/replay/replay.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>

#include "canine/app/run_main.hpp"
#include "canine/core/log.hpp"
#include "canine/replay/compare.hpp"

int main(int argc, char** argv) {
  return canine::run_main([&]() -> int {
    canine::ReplayOptions options;
    bool compare = false;
    CLI::App app(
        "Runs the model on FIXTURE_DIR (laid out like tests/fixtures/tiny_a), writes activations, losses,\n"
        "gradients, optimizer steps and decoded sequences, and compares them with the reference's.");
    app.name("replay");
    app.add_option("FIXTURE_DIR", options.folder,
                   "folder with spec.json, encoder/config.json, model.safetensors, batch.safetensors and "
                   "step_batches.safetensors")
        ->required();
    app.add_option("--out", options.out, "folder for the files written (made if it is not there)")->required();
    app.add_flag("--compare", compare,
                 "compare with the files of FIXTURE_DIR: print a table of all stages and the first one that diverges; "
                 "exit 1 if one does");
    std::string attention = "sdpa";
    app.add_option("--attention", attention, "how attention is computed; both give the same numbers")
        ->check(CLI::IsMember({"eager", "sdpa"}))
        ->capture_default_str();
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error) == 0 ? 0 : 2;
    }
    options.attention = attention == "eager" ? canine::Attention::kEager : canine::Attention::kSdpa;
    canine::replay(options);
    if (!compare) return 0;
    const auto stages = canine::compare_replays(options.folder, options.out);
    canine::print_stdout_line(canine::comparison_report(stages));
    return std::ranges::all_of(stages, &canine::StageComparison::agrees) ? 0 : 1;
  });
}
