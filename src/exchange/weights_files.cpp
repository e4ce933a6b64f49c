#include "weights_files.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "canine/checkpoint/bare_pickle.hpp"
#include "canine/checkpoint/safetensors.hpp"
#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/stand_in.hpp"
#include "canine/hub/hub_cache.hpp"
#include "canine/hub/weight_index.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// What a file starts with.
std::string start_of(const fs::path& path) {
  constexpr uint64_t kBytes = 64;
  const RandomAccessFile file(path);
  std::string start(std::min(kBytes, file.size()), '\0');
  file.read(0, std::as_writable_bytes(std::span(start)));
  return start;
}

/// The length of a safetensors header may begin with any byte, so it is looked at first.
bool may_be_safetensors(std::string_view start, uint64_t size) {
  constexpr size_t kLengthBytes = 8;
  if (start.size() <= kLengthBytes || start[kLengthBytes] != '{') return false;
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;) length = length << 8 | static_cast<unsigned char>(start[i]);
  return length <= size - kLengthBytes;
}

constexpr const char* kNotRead = "which is not read here: save the model with PyTorch as model.safetensors";

struct Form {
  std::string_view start;
  const char* meaning;
};
constexpr Form kOtherForms[] = {
    {"\x89HDF",
     "an HDF5 file, as TensorFlow writes them (tf_model.h5); save the model with PyTorch, as "
     "model.safetensors or pytorch_model.bin"},
    {"<",
     "a web page; of a model on the Hub give its name, or download the file itself (its address has /resolve/ in it)"},
    {"\x1f\x8b", "compressed by gzip; unpack it first: gunzip"},
    {"{", "JSON; the weights themselves, or the folder they lie in, were expected"},
    {"Entry not found", "a server's answer; the repository has no such file"},
};

/// "part 2 of 3" for names such as model-00002-of-00003.safetensors, else "".
std::string part_text(const std::string& name) {
  const size_t of = name.find("-of-");
  const size_t dash = of == std::string::npos || of == 0 ? std::string::npos : name.rfind('-', of - 1);
  if (dash == std::string::npos) return "";
  const std::string part = name.substr(dash + 1, of - dash - 1);
  const std::string rest = name.substr(of + 4);
  const std::string all = rest.substr(0, rest.find('.'));
  const auto is_number = [](const std::string& text) {
    return !text.empty() && text.size() < 9 && text.find_first_not_of("0123456789") == std::string::npos;
  };
  return is_number(part) && is_number(all) ? fmt::format("part {} of {}", std::stoi(part), std::stoi(all)) : "";
}

/// One of several files of weights: model-00001-of-00002.safetensors.
bool is_part(const std::string& name) {
  return !part_text(name).empty() && (name.ends_with(".safetensors") || name.ends_with(".bin"));
}

/// One of the files of a TensorFlow checkpoint: model.ckpt.index, model.ckpt.data-00000-of-00001.
bool is_tensorflow_part(const std::string& name) {
  return name.find(".ckpt") != std::string::npos &&
         (name.ends_with(".index") || name.ends_with(".meta") || name.find(".data-0") != std::string::npos);
}

bool is_other_form(const std::string& name) {
  for (const std::string_view ending : {".h5", ".msgpack", ".onnx", ".ot", ".gguf"}) {
    if (name.ends_with(ending)) return true;
  }
  if (is_part(name) || is_tensorflow_part(name)) return true;
  // A variant: one more word in the name.
  const bool is_model = name.starts_with("model.") || name.starts_with("pytorch_model.");
  return is_model && !is_hub_weights(name) &&
         (name.ends_with(".safetensors") || name.ends_with(".bin") || is_weight_index(name));
}

/// By the first bytes.
void refuse_other_form(const fs::path& path) {
  if (const std::string why = stand_in(path); !why.empty()) throw CheckpointError("{}: {}", path.string(), why);
  if (is_tensorflow_part(path.filename().string())) {
    throw CheckpointError("{}: this is a part of a checkpoint of TensorFlow, {}", path.string(), kNotRead);
  }
  const std::string start = start_of(path);
  if (may_be_safetensors(start, fs::file_size(path))) return;
  for (const Form& form : kOtherForms) {
    if (!start.starts_with(form.start)) continue;
    throw CheckpointError("{}: expected weights (torch.save or safetensors), found {}", path.string(), form.meaning);
  }
}

/// All files of an index must be there, and be what they seem.
void check_parts(const fs::path& path, const WeightIndex& index) {
  for (const std::string& file : index.files()) {
    const fs::path part = path.parent_path() / file;
    std::error_code ignored;
    if (stand_in(part).empty() && !fs::exists(part, ignored)) {
      throw CheckpointError("{}: it names {}, which is not beside it; fetch all files of the model", path.string(),
                            file);
    }
    refuse_other_form(part);
  }
}

NamedTensors read_part(const fs::path& path) {
  return is_torch_file(path) ? tensors_of(read_torch_file(path), path.string()) : read_safetensors(path);
}

}  // namespace

std::optional<fs::path> find_hub_weights(const fs::path& folder) {
  std::error_code ignored;
  for (const std::string_view name : kHubWeights) {
    if (fs::exists(folder / name, ignored)) return folder / name;
  }
  for (const std::string_view name : kHubWeights) {
    const std::string why = stand_in(folder / name);
    if (!why.empty()) throw CheckpointError("{}: {}", (folder / name).string(), why);
  }
  return std::nullopt;
}

void check_hub_weights(const fs::path& weights) {
  if (is_weight_index(weights.filename().string())) {
    check_parts(weights, WeightIndex::read(weights));
  } else {
    refuse_other_form(weights);
  }
}

NamedTensors read_weights_in_parts(const fs::path& path) {
  const WeightIndex index = WeightIndex::read(path);
  check_parts(path, index);
  NamedTensors weights;
  for (const std::string& file : index.files()) {
    for (auto& [name, tensor] : read_part(path.parent_path() / file)) {
      const auto place = index.file_of.find(name);
      if (place == index.file_of.end() || place->second != file) {
        throw CheckpointError("{}: {} holds the tensor '{}', which the index {}; they are not of one model",
                              path.string(), file, name,
                              place == index.file_of.end() ? "does not know" : "looks for in " + place->second);
      }
      weights.emplace_back(name, tensor);
    }
  }
  if (weights.size() == index.file_of.size()) return weights;
  std::unordered_set<std::string_view> found;
  for (const auto& [name, tensor] : weights) found.insert(name);
  for (const auto& [name, file] : index.file_of) {
    if (!found.contains(name)) throw CheckpointError("{}: {} lacks the tensor '{}'", path.string(), file, name);
  }
  throw CheckpointError("{}: a file holds a tensor twice", path.string());
}

std::string other_weights(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(folder, ignored)) {
    const std::string name = file.path().filename().string();
    if (is_other_form(name)) names.push_back(name);
  }
  if (names.empty()) return "";
  std::ranges::sort(names);
  if (const auto part = std::ranges::find_if(names, is_part); part != names.end()) {
    return fmt::format("; it has {}, {} of a model's weights, and not their index, {}: fetch all files of the model",
                       *part, part_text(*part), part->ends_with(".bin") ? kHubWeights[3] : kHubWeights[1]);
  }
  if (std::ranges::any_of(names, is_tensorflow_part)) {
    return fmt::format("; it has {}, a checkpoint of TensorFlow, {}", fmt::join(names, ", "), kNotRead);
  }
  const auto variant = std::ranges::find_if(names, [](const auto& name) { return name.ends_with(".safetensors"); });
  return fmt::format(
      "; it has {}, {}", fmt::join(names, ", "),
      variant != names.end()
          ? fmt::format("a variant: to take it, give it the usual name (ln -s {} model.safetensors)", *variant)
          : kNotRead);
}

void refuse_other_weights(const fs::path& path) {
  refuse_other_form(path);
  const std::string part = part_text(path.filename().string());
  if (!part.empty() && find_hub_weights(path.parent_path()).value_or(path) != path) {
    throw CheckpointError("{}: this is {} of a model's weights; give the folder, {}", path.string(), part,
                          path.parent_path().string());
  }
}

bool is_torch_file(const fs::path& path) {
  const std::string start = start_of(path);
  return start.starts_with("PK\x03\x04") || is_bare_pickle(start);
}

}  // namespace canine
