#pragma once

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include "canine/checkpoint/torch_file.hpp"
#include "canine/data/dataset.hpp"
#include "canine/data/key.hpp"
#include "canine/model/mixer.hpp"
#include "canine/text/general_formatter.hpp"
#include "canine/train/trainer.hpp"

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

  Trainer trainer() {
    at::manual_seed(1);
    key = std::make_shared<LabelKey>(LabelKey::read(fixture("run/key.csv")));
    MixerOptions model_options;
    model_options.encoder = encoder();
    formatter = std::make_shared<GeneralFormatter>(1, 5, false);
    model_options.vocabulary_size = formatter->vocabulary_size();
    model_options.num_classes = key->size();
    model_options.decoder_layers = 1;
    model_options.decoder_heads = 2;
    model_options.dropout = 0.1;
    model_options.mask_memory_padding = options.padding == Padding::kMask;
    model = Mixer(model_options);
    TrainParts parts;
    parts.model = model;
    parts.train = data("run/data_train.csv");
    parts.val = data("run/data_val.csv");
    parts.augmentation = std::make_shared<Augmentation>(Augmentation::Options{}, parts.train->word_source());
    parts.key = key;
    parts.data_fingerprint = "tiny";
    return Trainer(parts, options);
  }

  std::shared_ptr<const Dataset> data(const std::string& name) const {
    Dataset::Options data;
    data.files = {fixture(name)};
    data.target_cols = {"hisco_1"};
    data.formatter = formatter;
    data.key = key;
    data.num_classes = key->size();
    return std::make_shared<Dataset>(data);
  }

  /// Parameters and buffers of the newest trainer's model, copied.
  std::vector<std::pair<std::string, at::Tensor>> weights() {
    std::vector<std::pair<std::string, at::Tensor>> copies;
    for (const auto& [name, tensor] : state_dict(*model)) copies.emplace_back(name, tensor.clone());
    return copies;
  }

  TrainOptions options;
  Mixer model{nullptr};
  std::shared_ptr<const LabelKey> key;
  std::shared_ptr<const GeneralFormatter> formatter;
};

}  // namespace canine::test
