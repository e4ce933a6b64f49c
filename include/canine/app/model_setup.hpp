#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "canine/app/job.hpp"
#include "canine/data/batch.hpp"
#include "canine/exchange/encoder_folder.hpp"
#include "canine/exchange/start_weights.hpp"
#include "canine/model/mixer.hpp"
#include "canine/model/options.hpp"
#include "canine/text/make_formatter.hpp"

namespace canine {

/// Where a model's shape and first weights come from.
struct ModelSettings {
  std::string encoder = "google/canine-s";  ///< folder in Hugging Face layout, or Hub name
  std::filesystem::path encoder_config;     ///< config.json of an encoder with random weights, not `encoder`
  std::string initial_checkpoint;  ///< model that gives the first weights (exchange/start_weights.hpp); empty = none
  bool only_encoder = false;       ///< of the checkpoint take the encoder only
  double dropout = 0.0;            ///< of decoder and flat head
  std::optional<int64_t> decoder_dim_feedforward;  ///< none or 0 = width of the encoder
  Attention attention = Attention::kSdpa;
  std::vector<std::string> clean_text;  ///< words of a TextCleaning; empty = not said (app/text_setup.hpp)
};

/// The encoder that a run starts with.
struct EncoderChoice {
  EncoderOptions shape;
  std::optional<EncoderFolder> pretrained;  ///< none = random weights, or those of a checkpoint
  std::string description;                  ///< "models/canine-s" or "random weights"
};

/// Finds the encoder, downloading it if need be (app/hub_model.hpp), and reads its shape, not its weights. Where
/// another file gives those (the run's own checkpoint if it is `resuming`, or --initial-checkpoint), its config.json is
/// enough. All processes of the job call it. Throws UsageError, also if texts of `max_len` characters are longer than
/// the encoder takes, IoError or CannotWriteError.
EncoderChoice choose_encoder(const ModelSettings& settings, int64_t max_len, bool resuming, Job& job);

/// Finds and reads the model of --initial-checkpoint; of a Hub name that is not in the local cache the first process
/// downloads it. nullopt if there is none. Throws UsageError, IoError or CannotWriteError naming the flag, and
/// CheckpointError, also if its codes are not written like those of `formatter`.
std::optional<StartWeights> find_start_weights(const ModelSettings& settings, const FormatterOptions& formatter,
                                               Job& job);

/// Shape of the model for label sequences of `formatter` and `num_classes` flat classes.
MixerOptions mixer_options(const ModelSettings& settings, const EncoderOptions& encoder, const Formatter& formatter,
                           int64_t num_classes, Padding padding);

/// A model on the CPU with its first weights: random ones drawn from `seed`, those of the pretrained encoder, or those
/// of the start checkpoint (nullptr = none), strictly (model.md §9.3 of the reference). `key` is the run's, nullptr if
/// it has none. Throws CheckpointError naming keys and shapes that do not fit.
Mixer make_model(const MixerOptions& shape, const EncoderChoice& encoder, const StartWeights* start,
                 const LabelKey* key, uint64_t seed);

}  // namespace canine
