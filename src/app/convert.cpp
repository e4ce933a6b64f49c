#include "canine/app/convert.hpp"

#include <filesystem>
#include <optional>

#include "canine/app/model_overrides.hpp"
#include "canine/app/option_set.hpp"
#include "canine/checkpoint/run_folder.hpp"
#include "canine/core/ascii_lower.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/file_system.hpp"
#include "canine/core/log.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/stand_in.hpp"
#include "canine/exchange/load_model.hpp"
#include "canine/exchange/model_files.hpp"
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
              "file of torch.save, safetensors file, or folder in Hub layout; without this flag OUT's name says it: "
              ".bin, .safetensors, no ending (or / at the end) for a folder");
  options.add("encoder-only", values.encoder_only,
              "keep the encoder alone, under the names that --only-encoder expects, whatever prefix the file gives "
              "them; as a folder, what --encoder expects");
  options.add("overwrite", values.overwrite, "replace OUT if it is there");
  add_description_options(options, values.overrides);
}

/// A folder is what has no ending, ends in '/', or is there already.
Target target_of(const ConvertOptions& values) {
  if (values.to) return *values.to;
  const std::string ending = ascii_lower(values.out.extension().string());
  if (ending == ".bin") return Target::kCheckpoint;
  if (ending == ".safetensors") return Target::kSafetensors;
  std::error_code ignored;
  if (ending.empty() || fs::is_directory(values.out, ignored)) return Target::kHub;
  throw UsageError(
      "OUT {}: models are written as .bin, .safetensors, or as a folder, whose name has no ending; give another name, "
      "or "
      "--to bin, --to safetensors or --to hub for this one",
      values.out.string());
}

/// Whether a config.json is that of a model or an encoder, and not that of something else.
bool describes_model(const fs::path& config) {
  constexpr uint64_t kMost = uint64_t{1} << 20;
  std::error_code ignored;
  if (!fs::is_regular_file(config, ignored)) return false;
  const std::string text = read_file(config, kMost);
  return is_mixer_config(text) || text.find("\"hidden_size\"") != std::string::npos;
}

/// A folder that is there may hold an earlier export, whole or interrupted, and nothing that readers prefer to it.
void check_out_folder(const fs::path& out) {
  if (RunFolder::has_checkpoint(out)) {
    throw UsageError(
        "OUT {}: this is the folder of a run, whose checkpoints every program would go on to take; give another name",
        out.string());
  }
  if (fs::is_empty(out) || fs::exists(out / kHubWeights[0]) || describes_model(out / kHubConfig)) return;
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

/// The same for what describes it.
void check_not_description(const ConvertOptions& values, Target target) {
  const auto check = [&](const char* flag, const fs::path& input) {
    std::error_code ignored;
    const bool is_out = fs::equivalent(values.out, input, ignored) ||
                        (target == Target::kHub && fs::equivalent(values.out, input.parent_path(), ignored));
    if (!input.empty() && is_out) {
      throw UsageError("OUT {}: --{} {} is read from there; give another name", values.out.string(), flag,
                       input.string());
    }
  };
  check("encoder-config", values.overrides.encoder_config);
  check("mapping", values.overrides.mapping);
}

/// What is under the name of OUT must be nothing, or of the kind that is to be written.
void check_kind(const fs::path& out, const OutputPlace& place, bool is_folder) {
  if (const std::string why = is_folder ? stand_in(out) : ""; !why.empty()) {
    throw UsageError("OUT {}: {}; make that folder, or remove the link", out.string(), why);
  }
  const OutputPlace::Kind wanted = is_folder ? OutputPlace::Kind::kFolder : OutputPlace::Kind::kFile;
  if (place.kind == OutputPlace::Kind::kFree || place.kind == wanted) return;
  throw UsageError("OUT {}: a {} is to be written, and {} is there; give another name", out.string(),
                   is_folder ? "folder" : "file", place.description);
}

/// The folder in which `file` is made, with all folders above it that are not there yet.
fs::path nearest_folder(const fs::path& file) {
  fs::path folder = fs::absolute(file).parent_path();
  std::error_code ignored;
  while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

void check_out_file(const fs::path& out, const fs::path& file) {
  if (belongs_to_model(out)) {
    throw UsageError(
        "OUT {}: in its folder, which holds a model or a run, a file of this name is a part of it; give another name",
        out.string());
  }
  const fs::path folder = fs::absolute(file).parent_path();
  if (nearest_folder(file) == folder) return;
  throw CannotWriteError("OUT {}: there is no folder {}; make it first", out.string(), folder.string());
}

/// Before any work: OUT may be written as what it is to be.
void check_out(const fs::path& out, Target target, bool overwrite) {
  const bool is_folder = target == Target::kHub;
  if (named_descriptor(out)) {
    throw UsageError("OUT {}: a model cannot be written to an open stream; give the name of a file or folder",
                     out.string());
  }
  std::error_code ignored;
  if (!overwrite && fs::exists(fs::symlink_status(out, ignored))) {
    const std::string why = stand_in(out);
    throw UsageError("OUT {}: {}; give another name, or --overwrite", out.string(),
                     why.empty() || fs::exists(out, ignored) ? "it is there already" : why);
  }
  const OutputPlace place = find_output_place(out);
  check_kind(out, place, is_folder);
  const bool is_there = place.kind != OutputPlace::Kind::kFree;
  if (is_folder && is_there) check_out_folder(out);
  if (!is_folder) check_out_file(out, place.file);
  probe_folder(is_folder && is_there ? out : nearest_folder(place.file));
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
  if (!values.overrides.clean_text.empty()) TextCleaning::from_flag(values.overrides.clean_text);
  const Target target = target_of(values);
  check_out(values.out, target, values.overwrite);
  check_description_files(values.overrides);
  note_flags_of_other_formatters(options, values.overrides);
  check_not_description(values, target);

  const ModelContent content = read_model_content(values.in);
  check_not_in(values.out, content.path);
  const auto given = [&](const char* flag) { return options.given(flag); };
  const bool described = given("encoder-config") || given("formatter") || given("target-cols") || given("block-size") ||
                         given("use-within-block-sep") || given("clean-text") || given("mapping");
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
