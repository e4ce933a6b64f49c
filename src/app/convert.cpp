#include "canine/app/convert.hpp"

#include <filesystem>
#include <optional>

#include "canine/app/model_overrides.hpp"
#include "canine/app/option_set.hpp"
#include "canine/checkpoint/run_folder.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/exchange/load_model.hpp"
#include "canine/exchange/write_model.hpp"
#include "canine/hub/hub_cache.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

enum class Target { kCheckpoint, kSafetensors, kHub };

struct ConvertOptions {
  std::string in;
  fs::path out;
  std::optional<Target> to;
  bool encoder_only = false;
  bool overwrite = false;
  ModelOverrides overrides;
};

void declare(OptionSet& options, ConvertOptions& values) {
  options.section("Arguments");
  options.add_positional(
      "IN", values.in,
      "checkpoint, safetensors file, run folder, Hub folder, or the Hub name of a model in the local "
      "cache");
  options.add_positional("OUT", values.out, "file or folder to write");
  options.section("Conversion");
  options.add("to", values.to,
              {{"bin", Target::kCheckpoint}, {"safetensors", Target::kSafetensors}, {"hub", Target::kHub}},
              "file of torch.save, safetensors file, or folder in Hub layout; without this flag OUT's ending says it "
              "(.bin, .safetensors, else a folder)");
  options.add("encoder-only", values.encoder_only,
              "keep the encoder alone, under the names that --only-encoder expects, whatever prefix the file gives "
              "them; as a folder, what --encoder expects");
  options.add("overwrite", values.overwrite, "replace OUT if it is there");
  add_description_options(options, values.overrides);
}

Target target_of(const ConvertOptions& values) {
  if (values.to) return *values.to;
  if (values.out.extension() == ".bin") return Target::kCheckpoint;
  return values.out.extension() == ".safetensors" ? Target::kSafetensors : Target::kHub;
}

/// A folder that is there may hold an earlier export, whole or interrupted, and nothing that readers prefer to it.
void check_out_folder(const fs::path& out) {
  if (RunFolder::has_checkpoint(out)) {
    throw UsageError(
        "OUT {}: this is the folder of a run, whose checkpoints every program would go on to take; give another name",
        out.string());
  }
  const auto has = [&](std::string_view name) { return fs::exists(out / name); };
  if (fs::is_empty(out) || has(kHubConfig) || has(kHubWeights[0])) return;
  throw UsageError(
      "OUT {}: it holds other files than those of an exported model; give another name, or an empty folder",
      out.string());
}

/// Nothing is written over what is read: it may say more than is written.
void check_not_in(const fs::path& out, const fs::path& in) {
  std::error_code ignored;
  if (!fs::equivalent(out, in, ignored) && !fs::equivalent(out, in.parent_path(), ignored)) return;
  throw UsageError("OUT {}: this is the model that is read, {}; give another name", out.string(), in.string());
}

/// Before any work: OUT may be written as what it is to be.
void check_out(const fs::path& out, Target target, bool overwrite) {
  const std::string kind = target == Target::kHub ? "folder" : "file";
  std::error_code error;
  const fs::file_status link = fs::symlink_status(out, error);
  if (!fs::exists(link)) return;
  if (!overwrite) throw UsageError("OUT {}: it is there already; give another name, or --overwrite", out.string());
  const fs::file_status status = fs::status(out, error);
  if (!(target == Target::kHub ? fs::is_directory(status) : fs::is_regular_file(status))) {
    throw UsageError("OUT {}: a {} is to be written, and what is there is none; give another name", out.string(), kind);
  }
  if (target == Target::kHub) check_out_folder(out);
}

void write(const ModelContent& content, const fs::path& out, Target target) {
  switch (target) {
    case Target::kCheckpoint:
      return write_checkpoint(out, content);
    case Target::kSafetensors:
      return write_safetensors_model(out, content);
    case Target::kHub:
      return write_hub_folder(out, content);
  }
}

/// What convert_HF_model.py of the Python program makes.
void convert_encoder(const ModelContent& content, const ConvertOptions& values, Target target) {
  ModelContent encoder;
  encoder.path = content.path;
  encoder.weights = encoder_weights(content.weights);
  check_weights(encoder);
  log_info("Encoder: {} of {} tensors kept.", encoder.weights.size(), content.weights.size());
  if (target == Target::kHub) {
    write_encoder_folder(values.out, encoder, describe_encoder(content, values.overrides));
  } else {
    write(encoder, values.out, target);
  }
}

/// An encoder alone is converted as such where it has no description as a model or other names than a mixer's.
void check_model(const ModelContent& content, Target target) {
  const NamedTensors encoder = encoder_weights(content.weights);
  if (content.type || encoder.empty()) return;
  if (target != Target::kHub && contains(content.weights, encoder.front().first)) return;
  throw UsageError(
      "IN {}: the file holds an encoder and no model of this project or of the Python program; "
      "--encoder-only converts it",
      content.path.string());
}

/// A Hub folder needs the whole description; the other formats hold what is known.
void convert_model(ModelContent content, const ConvertOptions& values, Target target, bool described) {
  check_model(content, target);
  if (target == Target::kHub || described) {
    const ModelDescription model = describe_model(content, values.overrides);
    content.card = model.card;
    if (model.codes->key()) content.key = *model.codes->key();
  }
  check_weights(content);
  write(content, values.out, target);
}

}  // namespace

int convert_main(const std::vector<std::string>& arguments) {
  ConvertOptions values;
  OptionSet options("convert", "writes a model in another file format",
                    {{"convert IN OUT.bin", "for the Python program and --initial-checkpoint"},
                     {"convert IN OUT.safetensors", "for other programs"},
                     {"convert IN FOLDER", "for the Python package, in Hub layout"}},
                    OptionSet::ConfigFiles::kNo);
  declare(options, values);
  options.set_python_flags({"help"});
  if (!options.parse(arguments)) return static_cast<int>(ExitCode::kDone);
  const Target target = target_of(values);
  check_out(values.out, target, values.overwrite);
  check_description_files(values.overrides);

  const ModelContent content = read_model_content(values.in);
  check_not_in(values.out, content.path);
  const auto given = [&](const char* flag) { return options.given(flag); };
  const bool described = given("encoder-config") || given("formatter") || given("target-cols") || given("block-size") ||
                         given("use-within-block-sep") || given("mapping");
  if (values.encoder_only) {
    convert_encoder(content, values, target);
  } else {
    convert_model(content, values, target, described);
  }
  if (content.has_optimizer) {
    log_note("{}: the state of its optimizer is left out; training that is to go on needs the original",
             content.path.string());
  }
  log_info("Written: {}", values.out.string());
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace canine
