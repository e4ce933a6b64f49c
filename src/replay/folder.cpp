#include "folder.hpp"

#include <ATen/ops/aminmax.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/data/code_system.hpp"
#include "canine/model/encoder_config.hpp"
#include "json.hpp"

namespace canine::replay_files {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxEpochs = 1000000;
constexpr int64_t kMaxBlockSize = 1000;

NamedTensors read_tensors(const fs::path& path) {
  if (!fs::is_regular_file(path)) throw DataError("{}: this file is missing", path.string());
  return read_safetensors(path);
}

/// Tensor `name`, or DataError naming `file`.
const at::Tensor& find(const NamedTensors& tensors, const std::string& name, const fs::path& file) {
  const auto found =
      std::ranges::find(tensors, name, [](const auto& entry) -> const std::string& { return entry.first; });
  if (found == tensors.end()) throw DataError("{}: tensor \"{}\" is missing", file.string(), name);
  return found->second;
}

FormatterKind formatter_kind(const std::string& name, const fs::path& path) {
  for (const FormatterKind kind : {FormatterKind::kGeneral, FormatterKind::kHisco, FormatterKind::kOcc1950}) {
    if (name == name_of(kind)) return kind;
  }
  throw DataError("{}: \"formatter\" must be \"gpf\", \"hisco\" or \"occ1950\", not \"{}\"", path.string(), name);
}

FormatterOptions read_formatter(const JsonFile& spec, const fs::path& path) {
  FormatterOptions formatter{.kind = formatter_kind(spec.text("formatter"), path)};
  if (formatter.kind != FormatterKind::kGeneral) return formatter;
  formatter.num_columns = static_cast<int64_t>(spec.list("target_cols").size());
  formatter.block_size = spec.integer("block_size");
  if (formatter.num_columns < 1 || formatter.block_size < 1 || formatter.block_size > kMaxBlockSize) {
    throw DataError("{}: \"target_cols\" must name a column and \"block_size\" be in [1, {}]", path.string(),
                    kMaxBlockSize);
  }
  return formatter;
}

LossLayout loss_layout(const FormatterOptions& formatter) {
  const BlockLayout layout = make_formatter(formatter)->layout();
  return {.num_blocks = layout.num_blocks, .block_size = layout.block_size};
}

/// The heads must be of the sizes that the labels of the formatter have. A general formatter has any number of classes.
void check_heads(const FormatterOptions& formatter, const MixerOptions& model, const fs::path& file) {
  const auto expect_rows = [&](int64_t expected, const char* what, const char* tensor, int64_t found) {
    if (found == expected) return;
    throw DataError("{}: expected {} rows of \"{}\", the {} of the formatter \"{}\" that spec.json names, found {}",
                    file.string(), expected, tensor, what, name_of(formatter.kind), found);
  };
  expect_rows(make_formatter(formatter)->vocabulary_size(), "vocabulary", "decoder.head.weight", model.vocabulary_size);
  if (formatter.kind == FormatterKind::kGeneral) return;
  expect_rows(CodeSystem({.formatter = formatter}).num_classes(), "classes", "linear_decoder.weight",
              model.num_classes);
}

Spec read_spec(const fs::path& path) {
  const JsonFile file(path);
  const FormatterOptions formatter = read_formatter(file, path);
  Spec spec{.formatter = formatter,
            .layout = loss_layout(formatter),
            .learning_rate = file.number("learning_rate"),
            .warmup_share = file.number("warmup_pct"),
            .seq2seq_weight = file.number("seq2seq_weight"),
            .steps_seq2seq_weight = file.number("steps_seq2seq_weight"),
            .epochs = file.integer("epochs")};
  const auto in_unit_range = [](double share) { return share >= 0 && share <= 1; };
  if (!(spec.learning_rate >= 0) || !in_unit_range(spec.warmup_share) || !in_unit_range(spec.seq2seq_weight) ||
      !in_unit_range(spec.steps_seq2seq_weight) || spec.epochs < 0 || spec.epochs > kMaxEpochs) {
    throw DataError(
        "{}: expected \"learning_rate\" >= 0, \"epochs\" in [0, {}], \"warmup_pct\", \"seq2seq_weight\" and "
        "\"steps_seq2seq_weight\" in [0, 1]",
        path.string(), kMaxEpochs);
  }
  return spec;
}

/// Shape of the whole model: the encoder's from its config.json, the rest from the shapes of the weights.
MixerOptions read_model_options(const fs::path& folder, const NamedTensors& weights) {
  const fs::path config = folder / "encoder" / "config.json";
  if (!fs::is_regular_file(config)) throw DataError("{}: this file is missing", config.string());
  MixerOptions model;
  try {
    model.encoder = parse_encoder_config(read_file(config), config.string());
  } catch (const UsageError& error) {  // here the file is data, not a setting
    throw DataError("{}", error.what());
  }
  model.encoder.hidden_dropout_prob = 0;
  model.encoder.attention_probs_dropout_prob = 0;

  const fs::path file = folder / "model.safetensors";
  const auto rows = [&](const std::string& name) {
    const at::Tensor& tensor = find(weights, name, file);
    if (tensor.dim() == 0) throw DataError("{}: \"{}\" has no dimensions", file.string(), name);
    return tensor.size(0);
  };
  const auto has_layer = [&](int64_t layer) {
    return contains(weights, fmt::format("decoder.decoder.layers.{}.linear1.weight", layer));
  };
  model.vocabulary_size = rows("decoder.head.weight");
  model.num_classes = rows("linear_decoder.weight");
  model.decoder_dim_feedforward = rows("decoder.decoder.layers.0.linear1.weight");
  model.decoder_positions = rows("decoder.positional_encoding.pos_embedding");
  for (model.decoder_layers = 1; has_layer(model.decoder_layers); ++model.decoder_layers) {
  }
  return model;
}

/// Tensors of one file, checked for what the model relies on and does not check itself.
class InputFile {
 public:
  explicit InputFile(const fs::path& file) : file_(file), tensors_(read_tensors(file)) {}

  bool has(const std::string& name) const { return contains(tensors_, name); }

  at::Tensor input_ids(const std::string& name) const {
    return matrix(name, at::kLong, std::numeric_limits<int32_t>::max());
  }

  /// The tensor of this name: a matrix of `dtype` with values in [0, largest].
  at::Tensor matrix(const std::string& name, at::ScalarType dtype, double largest) const {
    const at::Tensor& values = find(tensors_, name, file_);
    if (values.scalar_type() != dtype || values.dim() != 2 || values.numel() == 0) {
      throw DataError("{}: expected \"{}\" to be a matrix of type {}, found {} [{}]", file_.string(), name,
                      c10::toString(dtype), c10::toString(values.scalar_type()), fmt::join(values.sizes(), ", "));
    }
    const auto [low, high] = at::aminmax(values);
    if (!(low.item<double>() >= 0 && high.item<double>() <= largest)) {
      throw DataError("{}: expected \"{}\" between 0 and {}, found {} to {}", file_.string(), name, largest,
                      low.item<double>(), high.item<double>());
    }
    return values;
  }

  /// The same with a required shape.
  at::Tensor matrix(const std::string& name, at::ScalarType dtype, double largest, int64_t rows,
                    int64_t columns) const {
    const at::Tensor values = matrix(name, dtype, largest);
    if (values.size(0) == rows && values.size(1) == columns) return values;
    throw DataError("{}: expected \"{}\" to be [{}, {}], found [{}]", file_.string(), name, rows, columns,
                    fmt::join(values.sizes(), ", "));
  }

 private:
  fs::path file_;
  NamedTensors tensors_;
};

Batch read_batch(const InputFile& file, const std::string& prefix, const LossLayout& layout,
                 const MixerOptions& model) {
  Batch batch;
  batch.input_ids = file.input_ids(prefix + "input_ids");
  const int64_t rows = batch.input_ids.size(0);
  batch.attention_mask = file.matrix(prefix + "attention_mask", at::kLong, 1, rows, batch.input_ids.size(1));
  batch.targets_seq2seq = file.matrix(prefix + "targets_seq2seq", at::kLong,
                                      static_cast<double>(model.vocabulary_size - 1), rows, layout.num_tokens() + 2);
  batch.targets_linear = file.matrix(prefix + "targets_linear", at::kFloat, 1, rows, model.num_classes);
  batch.rows.resize(static_cast<size_t>(rows));
  std::iota(batch.rows.begin(), batch.rows.end(), 0);
  return batch;
}

LongText read_long_text(const fs::path& path) {
  const InputFile file(path);
  LongText text;
  text.input_ids = file.input_ids("input_ids");
  text.attention_mask = file.matrix("attention_mask", at::kLong, 1, text.input_ids.size(0), text.input_ids.size(1));
  return text;
}

}  // namespace

Folder read_folder(const fs::path& folder, Attention attention) {
  if (!fs::is_directory(folder)) {
    throw UsageError(
        "{} is not a folder; expected one with spec.json, encoder/, model.safetensors, batch.safetensors "
        "and step_batches.safetensors",
        folder.string());
  }
  Folder inputs;
  inputs.spec = read_spec(folder / "spec.json");
  inputs.weights = read_tensors(folder / "model.safetensors");
  inputs.model = read_model_options(folder, inputs.weights);
  check_heads(inputs.spec.formatter, inputs.model, folder / "model.safetensors");
  inputs.model.attention = attention;
  inputs.batch = read_batch(InputFile(folder / "batch.safetensors"), "", inputs.spec.layout, inputs.model);
  const InputFile steps(folder / "step_batches.safetensors");
  do {
    const std::string prefix = fmt::format("{}.", inputs.step_batches.size());
    inputs.step_batches.push_back(read_batch(steps, prefix, inputs.spec.layout, inputs.model));
  } while (steps.has(fmt::format("{}.input_ids", inputs.step_batches.size())));
  if (const fs::path path = folder / "long_text.safetensors"; fs::exists(path)) inputs.long_text = read_long_text(path);
  if (const fs::path path = folder / "trained.safetensors"; fs::exists(path)) {
    inputs.trained_weights = read_tensors(path);
  }
  return inputs;
}

}  // namespace canine::replay_files
