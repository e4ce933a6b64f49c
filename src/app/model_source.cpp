#include "canine/app/model_source.hpp"

#include "canine/app/hub_model.hpp"
#include "canine/app/model_overrides.hpp"
#include "canine/core/errors.hpp"

namespace canine {

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
  if (!source.overrides.clean_text.empty()) TextCleaning::from_flag(source.overrides.clean_text);
  check_description_files(source.overrides);
  require_model(source.flag, source.model);
}

std::vector<NamedFile> input_files(const ModelSource& source) {
  std::vector<NamedFile> files = description_files(source.overrides);
  files.push_back({source.flag, source.model});
  return files;
}

LoadedModel load_from(const ModelSource& source) {
  return load_model(find_model_path(source.flag, source.model).string(), source.overrides);
}

LoadedModel load_from(const ModelSource& source, Job& job) {
  return load_model(find_model_path(source.flag, source.model, job).string(), source.overrides);
}

}  // namespace canine
