#include <fmt/format.h>

#include <string>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/data/key_check.hpp"
#include "canine/exchange/load_model.hpp"
#include "canine/model/encoder_config.hpp"
#include "canine/text/hisco_codes.hpp"
#include "companions.hpp"
#include "model_shape.hpp"
#include "names.hpp"

namespace canine {
namespace {

constexpr int64_t kPublishedWidth = 768;
constexpr int64_t kPublishedHeads = 12;
constexpr int64_t kUsualBlockSize = 5;  // the Python program's default in training and evaluation

/// The encoder of --encoder-config; what the file itself says of it may not be contradicted.
EncoderOptions parse_override(const std::filesystem::path& path, const ModelContent& content) {
  const std::string flag = "--encoder-config " + path.string();
  const EncoderOptions encoder = load_encoder_config(path, flag);
  if (!content.card) return encoder;
  if (const auto difference = find_difference(encoder, content.card->encoder)) {
    throw UsageError("{}: its {} is {}, that stored with the model {} is {}; leave --encoder-config out", flag,
                     difference->key, difference->left, content.path.string(), difference->right);
  }
  return encoder;
}

EncoderOptions encoder_from_shape(const EncoderOptions& shape, const std::string& source) {
  if (shape.hidden_size != kPublishedWidth) {
    throw UsageError(
        "{}: the file does not say how many attention heads its encoder of width {} has; give the encoder's "
        "config.json "
        "with --encoder-config",
        source, shape.hidden_size);
  }
  log_note(
      "{}: the file does not tell its encoder's settings; those of google/canine-s are assumed ({} heads). Others: "
      "--encoder-config",
      source, kPublishedHeads);
  EncoderOptions encoder = shape;
  encoder.num_attention_heads = kPublishedHeads;
  return encoder;
}

FormatterKind kind_from_shape(const MixerOptions& shape) {
  for (const FormatterKind kind : {FormatterKind::kHisco, FormatterKind::kOcc1950}) {
    const CodeSystem codes({.formatter = {.kind = kind}});
    const bool symbols_fit =
        shape.vocabulary_size == 0 || shape.vocabulary_size == codes.formatter()->vocabulary_size();
    const bool classes_fit = shape.num_classes == 0 || shape.num_classes == codes.num_classes();
    if (symbols_fit && classes_fit) return kind;
  }
  return FormatterKind::kGeneral;
}

/// The card of a file that has none.
ModelCard card_from_surroundings(const ModelContent& content, const MixerOptions& shape,
                                 const ModelOverrides& overrides) {
  const std::string source = content.path.string();
  const RunArguments run = read_run_arguments(content.path.parent_path()).value_or(RunArguments());
  ModelCard card;
  card.type = *content.type;
  if (overrides.encoder_config.empty()) card.encoder = encoder_from_shape(shape.encoder, source);
  card.max_len = run.max_len.value_or(card.max_len);
  card.padding = run.padding.value_or(card.padding);
  FormatterOptions& formatter = card.formatter;
  formatter.kind = overrides.formatter.value_or(run.formatter.value_or(kind_from_shape(shape)));
  if (formatter.kind != FormatterKind::kGeneral) return card;
  card.target_cols = run.target_cols;
  formatter.block_size = run.block_size.value_or(kUsualBlockSize);
  formatter.use_within_block_sep = run.use_within_block_sep.value_or(false);
  if (card.target_cols.empty() && overrides.target_cols.empty()) {
    throw UsageError(
        "{}: the file does not say how its codes are written, and there is no args.yaml beside it that does; give "
        "--target-cols and --block-size (and --use-within-block-sep) as in training, or --formatter hisco or occ1950",
        source);
  }
  if (!run.block_size && !overrides.block_size) {
    log_note("{}: the file does not say how many tokens its codes have; the usual {} are assumed. Others: --block-size",
             source, kUsualBlockSize);
  }
  return card;
}

void apply(const ModelOverrides& overrides, const ModelContent& content, ModelCard& card) {
  if (!overrides.encoder_config.empty()) card.encoder = parse_override(overrides.encoder_config, content);
  FormatterOptions& formatter = card.formatter;
  if (overrides.formatter && *overrides.formatter != formatter.kind) {
    formatter.kind = *overrides.formatter;
    card.target_cols.clear();
  }
  if (!overrides.target_cols.empty()) card.target_cols = overrides.target_cols;
  card.max_len = overrides.max_len.value_or(card.max_len);
  card.padding = overrides.padding.value_or(card.padding);
  if (formatter.kind != FormatterKind::kGeneral) {
    formatter = {.kind = formatter.kind};
    return;
  }
  formatter.block_size = overrides.block_size.value_or(formatter.block_size);
  formatter.use_within_block_sep = overrides.use_within_block_sep.value_or(formatter.use_within_block_sep);
  // A card knows how many codes its model writes; a file may have columns for fewer.
  const bool is_known = content.card && content.card->formatter.kind == FormatterKind::kGeneral;
  formatter.num_columns =
      is_known ? content.card->formatter.num_columns : static_cast<int64_t>(card.target_cols.size());
}

/// The key of a file that has none: whatever the codes are, the Python program's train_mixer takes as many classes as
/// HISCO has, and class i stands for the code i.
std::optional<LabelKey> numbers_as_codes(const MixerOptions& shape, const std::string& source, const char* others) {
  if (shape.num_classes != kNumHiscoCodes) return std::nullopt;
  log_note(
      "{}: the file has no key, so it is taken for one of the Python program's train_mixer --formatter gpf, whose "
      "classes are the codes 0 to {} themselves (docs/differences.md, D32). Others: {}",
      source, kNumHiscoCodes - 1, others);
  LabelKey key;
  for (int64_t number = 0; number < shape.num_classes; ++number) key.add(std::to_string(number));
  return key;
}

/// The key of a general-purpose system; another one than the file's would give its classes other meanings.
std::shared_ptr<const LabelKey> find_key(const ModelContent& content, const MixerOptions& shape,
                                         const FormatterOptions& formatter, const ModelOverrides& overrides) {
  const std::string source = content.path.string();
  if (!overrides.mapping.empty()) {
    LabelKey key = LabelKey::read(overrides.mapping);
    if (content.key && !(*content.key == key)) {
      throw UsageError(
          "--mapping {}: its {} codes are not the {} codes stored with the model {}; leave --mapping out{}",
          overrides.mapping.string(), key.size(), content.key->size(), source,
          find_key_doubts(overrides.mapping, formatter).text());
    }
    if (!content.key) require_sound_key(overrides.mapping, formatter);
    return std::make_shared<const LabelKey>(std::move(key));
  }
  if (content.key) return std::make_shared<const LabelKey>(*content.key);
  const std::filesystem::path folder = content.path.parent_path();
  if (auto key = read_key_json(folder)) return std::make_shared<const LabelKey>(std::move(*key));
  if (auto key = read_key_csv(folder)) {
    require_sound_key(folder / "key.csv", formatter);
    return std::make_shared<const LabelKey>(std::move(*key));
  }
  if (auto key = numbers_as_codes(shape, source, "--mapping")) return std::make_shared<const LabelKey>(std::move(*key));
  throw UsageError(
      "{}: the file does not say which codes its classes stand for, and there is no key.csv beside it; give "
      "that of the training with --mapping",
      source);
}

/// What tensors show of an encoder.
constexpr std::pair<const char*, int64_t EncoderOptions::*> kShownByTensors[] = {
    {"hidden_size", &EncoderOptions::hidden_size},
    {"num_hidden_layers", &EncoderOptions::num_hidden_layers},
    {"intermediate_size", &EncoderOptions::intermediate_size},
    {"num_hash_functions", &EncoderOptions::num_hash_functions},
    {"num_hash_buckets", &EncoderOptions::num_hash_buckets},
    {"type_vocab_size", &EncoderOptions::type_vocab_size}};

void check_encoder(const EncoderOptions& encoder, const EncoderOptions& shape, const std::string& source) {
  for (const auto& [key, size] : kShownByTensors) {
    if (encoder.*size == shape.*size) continue;
    throw UsageError(
        "{}: the weights are those of an encoder with {} {}, its description says {}; give its config.json "
        "with --encoder-config",
        source, key, shape.*size, encoder.*size);
  }
}

/// Settings of an encoder from whatever says them: the user, the card, config.json beside the weights, their shape.
EncoderOptions encoder_of(const ModelContent& content, const EncoderOptions& shape, const ModelOverrides& overrides) {
  if (!overrides.encoder_config.empty()) return parse_override(overrides.encoder_config, content);
  if (content.card) return content.card->encoder;
  if (const auto encoder = read_config_json(content)) return *encoder;
  return encoder_from_shape(shape, content.path.string());
}

/// How texts are cleaned; a note says what nobody has said, or what is overruled.
TextCleaning cleaning_of(const ModelContent& content, const ModelOverrides& overrides) {
  const std::string source = content.path.string();
  if (!overrides.clean_text.empty()) {
    const TextCleaning wanted = TextCleaning::from_flag(overrides.clean_text);
    if (content.card && content.card->cleaning != wanted) {
      log_note("--clean-text {}: the model {} was trained with texts treated otherwise, by --clean-text {}",
               wanted.text(), source, content.card->cleaning.text());
    }
    return wanted;
  }
  if (content.card) return content.card->cleaning;
  const auto run = read_run_arguments(content.path.parent_path());
  if (run && run->cleaning) return *run->cleaning;
  log_note(
      "{}: the file does not say how texts were treated in training; as in the Python program's {}, --clean-text {} is "
      "assumed",
      source, overrides.usual_cleaning == TextCleaning::none() ? "evaluation" : "prediction",
      overrides.usual_cleaning.text());
  return overrides.usual_cleaning;
}

void check_max_len(const ModelCard& card, const std::string& source) {
  const int64_t most = card.encoder.num_hash_buckets;  // rows of its table of positions
  if (card.max_len <= most) return;
  throw UsageError("--max-len {}: the encoder of {} takes texts of {} characters at most", card.max_len, source, most);
}

void check_sizes(const ModelContent& content, const MixerOptions& shape, const CodeSystem& codes) {
  const std::string source = content.path.string();
  const std::string_view kind = name_of(codes.options().formatter.kind);
  const int64_t vocabulary_size = codes.formatter()->vocabulary_size();
  if (shape.vocabulary_size != 0 && shape.vocabulary_size != vocabulary_size) {
    throw UsageError(
        "{}: the model writes {} symbols, those of the formatter {} are {}; another --formatter was trained", source,
        shape.vocabulary_size, kind, vocabulary_size);
  }
  if (shape.num_classes != 0 && shape.num_classes != codes.num_classes()) {
    throw UsageError(
        "{}: the flat head has {} classes, the codes of {} are {}; give the key and the --formatter of the "
        "training",
        source, shape.num_classes, kind, codes.num_classes());
  }
}

}  // namespace

ModelDescription describe_model(const ModelContent& content, const ModelOverrides& overrides) {
  if (!content.type) {
    throw CheckpointError(
        "{}: no model of this project or of the Python program: its {} tensors are neither those of a mixer, of a "
        "seq2seq "
        "nor of a flat model ('{}', ...); an encoder alone is what 'finetune --encoder' takes",
        content.path.string(), content.weights.size(), content.weights.front().first);
  }
  const MixerOptions shape = shape_of(mixer_weights(content), content.path.string());
  ModelDescription model;
  model.card = content.card ? *content.card : card_from_surroundings(content, shape, overrides);
  model.card.type = *content.type;
  apply(overrides, content, model.card);
  check_encoder(model.card.encoder, shape.encoder, content.path.string());
  check_max_len(model.card, content.path.string());
  model.has_card = content.card.has_value();
  model.card.cleaning = cleaning_of(content, overrides);
  CodeSystem::Options options{.formatter = model.card.formatter, .target_cols = model.card.target_cols, .key = nullptr};
  if (model.card.formatter.kind == FormatterKind::kGeneral) {
    options.key = find_key(content, shape, options.formatter, overrides);
  }
  model.codes = std::make_shared<const CodeSystem>(options);
  model.card.target_cols = model.codes->target_cols();
  check_sizes(content, shape, *model.codes);
  return model;
}

LabelKey key_of_run(const ModelContent& content) {
  const std::string source = content.path.string();
  if (content.key) return *content.key;
  const MixerOptions shape = shape_of(mixer_weights(content), source);
  const FormatterKind kind = content.card ? content.card->formatter.kind : kind_from_shape(shape);
  if (kind != FormatterKind::kGeneral) {
    throw CheckpointError(
        "{}: the checkpoint was trained with --formatter {}, now --formatter {} was asked for; start with the former "
        "settings, or use another folder for the run",
        source, name_of(kind), name_of(FormatterKind::kGeneral));
  }
  if (auto key = numbers_as_codes(shape, source, "their key.csv beside it")) return std::move(*key);
  throw CheckpointError(
      "{}: the checkpoint does not say which codes its classes stand for, and there is no key.csv beside it; put that "
      "of the training there, or use another folder for the run",
      source);
}

EncoderOptions describe_encoder(const ModelContent& content, const ModelOverrides& overrides) {
  const std::string source = content.path.string();
  const EncoderOptions shape = shape_of(encoder_weights(content.weights), source).encoder;
  const EncoderOptions encoder = encoder_of(content, shape, overrides);
  check_encoder(encoder, shape, source);
  return encoder;
}

}  // namespace canine
