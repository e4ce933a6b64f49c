#include "canine/app/model_source.hpp"

#include <filesystem>
#include <utility>

#include "canine/app/hub_model.hpp"
#include "canine/app/model_overrides.hpp"
#include "canine/app/require_file.hpp"
#include "canine/core/errors.hpp"

namespace canine {

namespace fs = std::filesystem;

void add_model_source_options(OptionSet& options, ModelSource& source) {
  options.section("Model");
  options
      .add(source.flag, source.model,
           "trained model: folder of a run or of an exported model, checkpoint file, or a name on the Hugging Face Hub")
      .takes("MODEL")
      .addition();
  options
      .add("max-len", source.overrides.max_len,
           "longest input in characters, with 2 for the marks at both ends; not given = as in training")
      .between(4, 16384);
  add_description_options(options, source.overrides);
}

void check_model_source(const ModelSource& source) {
  if (source.model.empty()) {
    throw UsageError(
        "--{} is missing: give the folder of a run or of an exported model, a checkpoint file, or a name on the Hub",
        source.flag);
  }
  for (const auto& [flag, path] :
       {std::pair("mapping", source.overrides.mapping), std::pair("encoder-config", source.overrides.encoder_config)}) {
    if (!path.empty()) require_file(flag, path);
  }
}

LoadedModel load_from(const ModelSource& source) {
  check_model_source(source);
  const std::string place =
      fs::exists(source.model) ? source.model : find_model_folder(source.flag, source.model).string();
  return load_model(place, source.overrides);
}

}  // namespace canine
