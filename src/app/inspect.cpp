#include "canine/app/inspect.hpp"

#include "canine/app/option_set.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/result.hpp"
#include "canine/exchange/inspection.hpp"

namespace canine {

int inspect_main(const std::vector<std::string>& arguments) {
  std::string source;
  bool json = false;
  OptionSet options("inspect", "shows what a model file or folder holds",
                    {{"inspect FILE", "a table: kind of model, key, card, step, tensors with types, shapes and hashes"},
                     {"inspect FILE --json", "the same for programs"}},
                    OptionSet::ConfigFiles::kNo);
  options.section("Arguments");
  options.add_positional(
      "FILE", source,
      "checkpoint, safetensors file, run folder, Hub folder, or the Hub name of a model in the local "
      "cache");
  options.section("Output");
  options.add("json", json, "JSON with whole hashes instead of a table");
  options.set_python_flags({"help"});
  if (!options.parse(arguments)) return static_cast<int>(ExitCode::kDone);
  const ModelContent content = read_model_content(source);
  print_result(json ? inspection_json(content) : inspection_table(content));
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace canine
