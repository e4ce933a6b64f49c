#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "canine/checkpoint/named_tensors.hpp"
#include "canine/data/key.hpp"
#include "canine/exchange/model_card.hpp"

namespace canine {

/// A model as its file or folder holds it.
struct ModelContent {
  std::filesystem::path path;     ///< file of the weights
  std::string format;             ///< for people: "checkpoint", "state dict", "safetensors"
  NamedTensors weights;           ///< under the file's own names but for those of wrappers (wrapped_names.hpp), CPU
  std::optional<ModelType> type;  ///< recognised by names; none: an encoder alone, or something else
  std::optional<ModelCard> card;  ///< of our own files
  std::optional<LabelKey> key;    ///< stored with the weights
  std::optional<int64_t> step;
  bool has_optimizer = false;
};

/// True if `source` is the Hub name of a model ("owner/model", "owner/model@revision"): no such file or folder is
/// there, and it does not end like a model's file.
bool names_hub_model(const std::string& source);

/// Path of what `source` names: a file or folder, else the snapshot of a Hub name ("owner/model") in the local cache.
/// Throws UsageError naming `source` if there is neither.
std::filesystem::path find_model(const std::string& source);

/// Reads what `source` names (find_model):
///   a folder with last.bin or {step}.bin   the newest checkpoint that is whole (checkpoint/run_folder.hpp); nothing in
///                                          the folder is changed
///   a folder with model.safetensors or     Hub layout, of a mixer, seq2seq or flat model, or of an encoder; with
///   pytorch_model.bin, or their index      key.json and our canine.json
///   a file                                 of torch.save ({model: ...}, {state_dict: ...}, {model_state_dict: ...} or
///                                          the tensors themselves) or safetensors, told apart by their first bytes
///   an index                               of weights in several files beside it (hub/weight_index.hpp)
/// Throws UsageError if there is nothing of that kind, CheckpointError, IoError. Nothing in a file is executed.
ModelContent read_model_content(const std::string& source);

/// True for the text of a config.json that describes a mixer, seq2seq or flat model in Hub layout: it holds the
/// arguments of a constructor of the Python package, not the shape of an encoder.
bool is_mixer_config(std::string_view config_json);

/// Weights of a recognised model under the names that Mixer has for them (a flat model's basemodel.* and out.* are
/// encoder.* and linear_decoder.*), without position_ids.
NamedTensors mixer_weights(const ModelContent& content);

/// Weights of the encoder under the names that Mixer has for them ("encoder.pooler.dense.bias"), whatever prefix
/// models, CANINE folders and old files give them (model.md §9.3 of the reference, convert_HF_model.py); other weights
/// are left out. May be empty.
NamedTensors encoder_weights(const NamedTensors& weights);

}  // namespace canine
