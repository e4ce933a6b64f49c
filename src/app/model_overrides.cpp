#include "canine/app/model_overrides.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "canine/app/require_file.hpp"
#include "canine/app/shared_options.hpp"
#include "canine/core/errors.hpp"
#include "canine/data/key.hpp"
#include "canine/model/encoder_config.hpp"

namespace canine {

void add_description_options(OptionSet& options, ModelOverrides& overrides) {
  options.section("Model, where its file leaves something out");
  options
      .add("encoder-config", overrides.encoder_config,
           "config.json of the encoder (attention heads and rates, which weights do not show)")
      .takes("FILE");
  options.add("formatter", overrides.formatter, formatter_words(), "how codes are written");
  options
      .add("target-cols", overrides.target_cols,
           "label columns in the order of the training data; evaluate reads columns of these names")
      .takes("COLUMN");
  options.add("block-size", overrides.block_size, "tokens per code in training; gpf").at_least(1);
  options.add("use-within-block-sep", overrides.use_within_block_sep, "codes are lists such as 1,22,333; gpf");
  options
      .add("clean-text", overrides.clean_text,
           "what is done to texts before the model gets them, instead of what its file says: " +
               TextCleaning::expected_words())
      .takes("STEP")
      .addition();
  options.add("mapping", overrides.mapping, "key.csv of the training: the codes of the flat classes; gpf")
      .takes("FILE");
}

std::vector<NamedFile> description_files(const ModelOverrides& overrides) {
  return {{"mapping", overrides.mapping}, {"encoder-config", overrides.encoder_config}};
}

void check_description_files(const ModelOverrides& overrides) {
  const std::vector<std::string>& columns = overrides.target_cols;
  for (auto name = columns.begin(); name != columns.end(); ++name) {
    if (std::find(columns.begin(), name, *name) == name) continue;
    throw UsageError("--target-cols {}: the column is named twice", *name);
  }
  for (const NamedFile& file : description_files(overrides)) {
    if (!file.path.empty()) require_file(file.option, file.path);
  }
  if (!overrides.mapping.empty()) LabelKey::read(overrides.mapping);
  if (!overrides.encoder_config.empty()) {
    load_encoder_config(overrides.encoder_config, "--encoder-config " + overrides.encoder_config.string());
  }
}

void note_flags_of_other_formatters(const OptionSet& options, const ModelOverrides& overrides) {
  const FormatterKind kind = overrides.formatter.value_or(FormatterKind::kGeneral);
  for (const char* flag : {"block-size", "use-within-block-sep", "mapping"}) {
    options.note_if_ignored(
        flag, kind != FormatterKind::kGeneral,
        fmt::format("--formatter {} has codes of its own; it is for --formatter gpf", name_of(kind)));
  }
}

}  // namespace canine
