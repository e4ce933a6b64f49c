#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace canine {

/// How far one stage of a replay is from the reference.
struct StageComparison {
  std::string stage;    ///< "encoder.deep.1", "gradients of decoder.head", "step 3", ...
  std::string measure;  ///< what `error` is: "max abs", "relative", "relative norm", "rows that differ"
  double error = 0;     ///< NaN and infinity never agree
  double tolerance = 0;
  std::string where;  ///< shape of the tensor, or the worst entry of the stage
  bool agrees() const { return error <= tolerance; }
};

/// Compares the files that replay() wrote into `got` with those of the reference in `expected`, in data-flow order:
/// activations (2e-5 absolute), losses (1e-6 relative), gradients from the heads back to the embeddings (1e-4 of each
/// tensor's norm), optimizer steps (1e-4 relative), decoding (tokens equal up to the first position where the
/// reference's best two logits are closer than 1e-5; probabilities 1e-5). Only what `expected` holds is compared.
///
/// Gradients that are 0 in exact arithmetic (key biases of all attentions; with a single visible key all that leads to
/// its score) are noise: they are only held to that size, and weights that an optimizer makes of them are left out.
///
/// Throws UsageError if `expected` holds none of the files, DataError naming file and key for files of another layout.
std::vector<StageComparison> compare_replays(const std::filesystem::path& expected, const std::filesystem::path& got);

/// An aligned table of all stages, then one line: the first stage that diverges, or that all agree.
std::string comparison_report(const std::vector<StageComparison>& stages);

}  // namespace canine
