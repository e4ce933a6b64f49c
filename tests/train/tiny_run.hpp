#pragma once

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "canine/checkpoint/torch_file.hpp"
#include "canine/data/dataset.hpp"
#include "canine/data/key.hpp"
#include "canine/exchange/model_card.hpp"
#include "canine/model/mixer.hpp"
#include "canine/train/trainer.hpp"
#include "support/general_system.hpp"
#include "test_paths.hpp"

namespace canine::test {

inline std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(CANINE_FIXTURES) / "tiny_a" / name;
}

/// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("canine-train-" + std::to_string(::getpid()) + "-" + std::to_string(++number));
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A mixer a few thousand parameters wide on the 360 + 40 rows of fixtures/tiny_a/run.
struct TinyRun {
  explicit TinyRun(const std::filesystem::path& folder) {
    options.save_path = folder;
    options.num_epochs = 2;
    options.batch_size = 60;  // 6 steps an epoch
    options.learning_rate = 1e-3;
    options.max_len = 32;
    options.log_interval = 4;
    options.eval_interval = 5;
    options.save_interval = 1000;
  }

  static EncoderOptions encoder() {
    EncoderOptions encoder;
    encoder.hidden_size = 16;
    encoder.num_hidden_layers = 1;
    encoder.num_attention_heads = 2;
    encoder.intermediate_size = 16;
    encoder.num_hash_buckets = 64;
    encoder.max_position_embeddings = 64;
    return encoder;
  }

  Trainer trainer() { return Trainer(parts(), options); }

  /// A model of the same weights in every call, and the data.
  TrainParts parts() {
    at::manual_seed(1);
    key = std::make_shared<LabelKey>(LabelKey::read(fixture(files + "/key.csv")));
    MixerOptions model_options;
    model_options.encoder = encoder();
    if (!dropout) model_options.encoder.hidden_dropout_prob = model_options.encoder.attention_probs_dropout_prob = 0;
    system = std::make_shared<CodeSystem>(testing::general_system(columns, block_size, key));
    model_options.vocabulary_size = system->formatter()->vocabulary_size();
    model_options.num_classes = key->size();
    model_options.decoder_layers = 1;
    model_options.decoder_heads = 2;
    model_options.dropout = dropout ? 0.1 : 0.0;
    model_options.mask_memory_padding = options.padding == Padding::kMask;
    model = Mixer(model_options);
    TrainParts parts;
    parts.model = model;
    parts.train = data(files + "/data_train.csv");
    parts.val = data(files + "/data_val.csv");
    parts.augmentation = std::make_shared<Augmentation>(Augmentation::Options{}, parts.train->word_source());
    parts.key = key;
    parts.data_fingerprint = "tiny";
    parts.card = card.to_json();
    parts.settings = settings;
    return parts;
  }

  std::shared_ptr<const Dataset> data(const std::string& name) const {
    Dataset::Options data;
    data.files = {fixture(name)};
    data.system = system;
    return std::make_shared<Dataset>(data);
  }

  /// Parameters and buffers of the newest trainer's model, copied.
  std::vector<std::pair<std::string, at::Tensor>> weights() {
    std::vector<std::pair<std::string, at::Tensor>> copies;
    for (const auto& [name, tensor] : state_dict(*model)) copies.emplace_back(name, tensor.clone());
    return copies;
  }

  TrainOptions options;
  std::string files = "run";                       ///< folder of the fixture: 360 + 40 rows; "data": 40 + 10
  std::vector<std::string> columns = {"hisco_1"};  ///< "data" has hisco_2 too
  int64_t block_size = 5;
  ModelCard card;
  std::map<std::string, std::string> settings;
  bool dropout = true;  ///< off where ranks are threads, which share torch's generator
  Mixer model{nullptr};
  std::shared_ptr<const LabelKey> key;
  std::shared_ptr<const CodeSystem> system;
};

/// The checkpoint without the two sums of seconds, the only values that may differ between equal runs.
inline PickleValue without_times(const std::filesystem::path& path) {
  PickleValue content = read_torch_file(path);
  PickleValue::Dict plain;
  for (const auto& [name, value] : content.as_dict("checkpoint").items) {
    if (name.as_string("name") != "canine") {
      plain.items.emplace_back(name, value);
      continue;
    }
    PickleValue::Dict own;
    for (const auto& item : value.as_dict("canine").items) {
      if (item.first.as_string("name").find("seconds") == std::string::npos) own.items.push_back(item);
    }
    plain.items.emplace_back(name, own);
  }
  return plain;
}

}  // namespace canine::test
