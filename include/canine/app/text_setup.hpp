#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "canine/app/training_run.hpp"
#include "canine/exchange/start_weights.hpp"
#include "canine/text/text_cleaning.hpp"

namespace canine {

/// How the texts of a run are cleaned: as `words` of --clean-text say; otherwise as in the run's own checkpoints, or as
/// in the model that it starts from; otherwise by default. A note says what nobody has asked for, and where
/// --clean-text differs from the start model. Whether it differs from the run's own checkpoint is looked at when that
/// is read.
///
/// `own`: folder of the run if it goes on from a checkpoint there, else empty. `start` may be null. Throws UsageError.
TextCleaning choose_cleaning(const std::vector<std::string>& words, const std::filesystem::path& own,
                             const StartWeights* start);

/// Gives training and validation rows their languages without blanks and case that make no difference, and says so;
/// names languages that the published models, or the model that the run starts from (null = none), know by other words
/// or not at all, and those of the validation that are not in training.
void mend_languages(TrainingData& data, const StartWeights* start);

/// Warns of texts that --max-len cuts. `most`: characters that the encoder takes.
void warn_of_cut_texts(const TrainingData& data, const TextCleaning& cleaning, int64_t max_len, int64_t most,
                       int num_threads);

}  // namespace canine
