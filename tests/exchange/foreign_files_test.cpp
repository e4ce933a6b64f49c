// Models as other programs leave them: other names, other entries, several files, and what only looks like one.

#include <torch/nn/module.h>
// LibTorch's CHECK must not win.
#undef CHECK

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nlohmann/json.hpp>

#include "canine/core/errors.hpp"
#include "canine/exchange/encoder_folder.hpp"
#include "canine/exchange/wrapped_names.hpp"
#include "exchange/tiny_models.hpp"
#include "support/captured_stream.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using test::same_weights;
using testing::TemporaryFolder;
using Dict = PickleValue::Dict;

std::string message_of(const fs::path& source) {
  try {
    read_model_content(source.string());
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

NamedTensors with_prefix(const NamedTensors& weights, const std::string& prefix) {
  NamedTensors named;
  for (const auto& [name, tensor] : weights) named.emplace_back(prefix + name, tensor);
  return named;
}

TEST_CASE("names that wrappers have changed are those of the model again") {
  const NamedTensors weights = test::tiny_content().weights;
  for (const std::string prefix :
       {"", "module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.module.model.", "module.module.",
        "_fsdp_wrapped_module._checkpoint_wrapped_module.", "net.", "model.mixer.", "a.b.c."}) {
    CAPTURE(prefix);
    CHECK(same_weights(unwrapped(with_prefix(weights, prefix), "a file"), weights));
  }
  // A module that was compiled by itself, and only some names that are changed.
  NamedTensors mixed = weights;
  for (auto& [name, tensor] : mixed) {
    if (name.starts_with("encoder.")) name = "encoder._orig_mod." + name.substr(8);
    if (name.starts_with("decoder.head.")) name = "module." + name;
    if (name.starts_with("linear_decoder.")) name = "module._orig_mod." + name;
  }
  CHECK(same_weights(unwrapped(mixed, "a file"), weights));
}

TEST_CASE("wrapped names of flat models and of encoders alone") {
  const NamedTensors flat = {{"model.basemodel.char_embeddings.char_position_embeddings.weight", at::zeros({1})},
                             {"model.basemodel.pooler.dense.bias", at::zeros({1})},
                             {"model.out.bias", at::zeros({1})}};
  CHECK(unwrapped(flat, "")[1].first == "basemodel.pooler.dense.bias");
  CHECK(unwrapped(flat, "")[2].first == "out.bias");
  const NamedTensors encoder = {{"bert.canine.char_embeddings.char_position_embeddings.weight", at::zeros({1})},
                                {"bert.canine.encoder.layer.0.output.dense.bias", at::zeros({1})}};
  CHECK(encoder_weights(unwrapped(encoder, ""))[1].first == "encoder.encoder.layer.0.output.dense.bias");
}

TEST_CASE("two tensors do not become one") {
  NamedTensors twice = test::tiny_content().weights;
  twice.emplace_back("module." + twice[3].first, twice[3].second);
  CHECK_THROWS_WITH(unwrapped(twice, "ema.bin"),
                    ContainsSubstring("ema.bin: two tensors would be '" + twice[3].first) &&
                        ContainsSubstring("'module." + twice[3].first + "'"));
  // A second copy under a name of its own is no part of the model, and is not taken for it.
  NamedTensors copies = test::tiny_content().weights;
  for (auto& [name, tensor] : with_prefix(copies, "ema.")) copies.emplace_back(name, tensor);
  CHECK(same_weights(unwrapped(copies, ""), copies));
}

TEST_CASE("weights are found under the entries that programs have for them") {
  const TemporaryFolder folder;
  const NamedTensors weights = test::tiny_content().weights;
  const PickleValue plain = state_dict_value(weights);
  const PickleValue wrapped = state_dict_value(with_prefix(weights, "model."));
  const Dict cases[] = {
      {{{"model", state_dict_value(with_prefix(weights, "module._orig_mod."))}, {"step", 3}, {"key", PickleValue()}}},
      {{{"state_dict", wrapped}, {"epoch", 1}, {"global_step", 3}}},
      {{{"model_state_dict", plain}, {"epoch", 3}, {"step", 3}, {"optimizer_state_dict", Dict{}}}},
      {{{"model", Dict{{{"state_dict", plain}, {"name", "mixer"}}}}, {"step", 3}}},
      {{{"model", "mixer"}, {"state_dict", plain}, {"global_step", 3}}},
      {{{"module", plain}, {"step", 3}}},
  };
  for (const Dict& value : cases) {
    write_torch_file(folder / "model.pt", value);
    CAPTURE(std::get<std::string>(value.items[0].first.variant()), value.items.size());
    const ModelContent content = read_model_content((folder / "model.pt").string());
    CHECK(content.type == ModelType::kMixer);
    CHECK(same_weights(content.weights, weights));
    CHECK(content.step == 3);
  }
}

TEST_CASE("tensors among other entries are the weights") {
  const TemporaryFolder folder;
  PickleValue value = state_dict_value(test::tiny_content().weights);
  value.set("epoch", 3);
  write_torch_file(folder / "raw.pt", value);
  const testing::CapturedStream errors(2);
  CHECK(same_weights(read_model_content((folder / "raw.pt").string()).weights, test::tiny_content().weights));
  CHECK_THAT(errors.text(), ContainsSubstring("1 of its ") && ContainsSubstring("left out"));
}

TEST_CASE("a saved object is named, with what to save instead") {
  const TemporaryFolder folder;
  testing::run_python(R"(
import zipfile
made = b"cmixer\nSeq2SeqMixerOccCANINE\n)\x81"  # as torch.save(model) writes it
for name, value in (("whole.pt", made), ("entry.pt", b"}X\x05\0\0\0model" + made + b"s")):
    with zipfile.ZipFile(name, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02" + value + b".")
        file.writestr("archive/version", "3\n")
)",
                      folder.path());
  for (const char* name : {"whole.pt", "entry.pt"}) {
    CHECK_THAT(message_of(folder / name), ContainsSubstring("a Python object (mixer.Seq2SeqMixerOccCANINE)") &&
                                              ContainsSubstring("{'model': model.state_dict()}"));
  }
}

/// A folder whose weights are in two files.
struct Parts {
  TemporaryFolder folder;
  NamedTensors weights = test::tiny_content().weights;
  nlohmann::json map = nlohmann::json::object();

  explicit Parts(bool torch = false) : torch_(torch) {
    const size_t half = weights.size() / 2;
    write(1, {weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(half)});
    write(2, {weights.begin() + static_cast<std::ptrdiff_t>(half), weights.end()});
    write_index();
    write_file(folder / "config.json", read_file(test::tiny_folder() / "encoder" / "config.json"));
  }

  std::string name(int part) const {
    return torch_ ? fmt::format("pytorch_model-0000{}-of-00002.bin", part)
                  : fmt::format("model-0000{}-of-00002.safetensors", part);
  }
  fs::path index() const { return folder / (torch_ ? "pytorch_model.bin.index.json" : "model.safetensors.index.json"); }
  void write_index() const { write_file(index(), nlohmann::json{{"metadata", {}}, {"weight_map", map}}.dump()); }

  void write(int part, const NamedTensors& tensors) {
    for (const auto& [tensor, values] : tensors) map[tensor] = name(part);
    if (torch_) {
      write_torch_file(folder / name(part), state_dict_value(tensors));
    } else {
      write_safetensors(folder / name(part), tensors);
    }
  }

 private:
  bool torch_;
};

TEST_CASE("weights in several files are read by their index") {
  for (const bool torch : {false, true}) {
    const Parts parts(torch);
    for (const fs::path& source : {parts.folder.path(), parts.index()}) {
      const ModelContent content = read_model_content(source.string());
      CHECK(same_weights(content.weights, parts.weights));
      CHECK(content.type == ModelType::kMixer);
      CHECK(content.path == parts.index());
    }
    CHECK(find_encoder(parts.folder.path()).read_weights().size() == encoder_weights(parts.weights).size());
    CHECK_THAT(message_of(parts.folder / parts.name(2)),
               ContainsSubstring("this is part 2 of 2 of a model's weights; give the folder"));
  }
}

TEST_CASE("an index that is not that of its files is refused") {
  {
    const Parts parts;
    fs::remove(parts.folder / parts.name(2));
    CHECK_THAT(message_of(parts.folder.path()),
               ContainsSubstring("it names " + parts.name(2) + ", which is not beside it"));
    fs::create_symlink("../../blobs/0123", parts.folder / parts.name(2));
    CHECK_THAT(message_of(parts.folder.path()), ContainsSubstring("blobs/0123, which is not there"));
  }
  {
    Parts parts;
    const std::string last = parts.weights.back().first;
    parts.map[last] = parts.name(1);
    parts.write_index();
    CHECK_THAT(message_of(parts.folder.path()), ContainsSubstring("looks for in " + parts.name(1)));
    parts.map.erase(last);
    parts.write_index();
    CHECK_THAT(message_of(parts.folder.path()), ContainsSubstring("which the index does not know"));
    parts.map[last] = parts.name(2);
    parts.map["more"] = parts.name(2);
    parts.write_index();
    CHECK_THAT(message_of(parts.folder.path()), ContainsSubstring(parts.name(2) + " lacks the tensor 'more'"));
  }
  const Parts parts;
  for (const std::string json : {"", "[]", "{}", R"({"weight_map": {}})", R"({"weight_map": {"a": 3}})",
                                 R"({"weight_map": {"a": "../x.bin"}})", R"({"weight_map": {"a": "/etc/passwd"}})",
                                 R"({"weight_map": {"a": "x.txt"}})", R"({"weight_map": {"a": ".bin"}})"}) {
    CAPTURE(json);
    write_file(parts.index(), json);
    CHECK_THROWS_AS(read_model_content(parts.folder.path().string()), CheckpointError);
  }
  write_file(parts.index(), std::string(100000, '['));
  CHECK_THAT(message_of(parts.folder.path()), ContainsSubstring("inside one another"));
}

TEST_CASE("weights in other forms are named, with the way to them") {
  const TemporaryFolder folder;
  write_file(folder / "config.json", "{}");
  const NamedTensors weights = test::tiny_content().weights;
  write_safetensors(folder / "model.fp16.safetensors", weights);
  for (const auto& message : {message_of(folder.path()), [&] {
                                try {
                                  find_encoder(folder.path());
                                } catch (const UsageError& error) {
                                  return std::string(error.what());
                                }
                                return std::string();
                              }()}) {
    CHECK_THAT(message, ContainsSubstring("ln -s model.fp16.safetensors model.safetensors"));
  }
  CHECK(same_weights(read_model_content((folder / "model.fp16.safetensors").string()).weights, weights));
  fs::remove(folder / "model.fp16.safetensors");
  write_file(folder / "tf_model.h5", "\x89HDF\r\n\x1a\n");
  write_file(folder / "flax_model.msgpack", "x");
  CHECK_THAT(message_of(folder.path()), ContainsSubstring("it has flax_model.msgpack, tf_model.h5, which is not read"));
  CHECK_THAT(message_of(folder / "tf_model.h5"), ContainsSubstring("TensorFlow"));
}

TEST_CASE("what stands in for weights is named") {
  const TemporaryFolder folder;
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
  for (const char* name : {"last.pt", "model.safetensors", "pytorch_model.bin"}) {
    write_file(folder / name, pointer);
    CHECK_THAT(message_of(folder / name), ContainsSubstring(name) && ContainsSubstring("git lfs pull"));
  }
  CHECK_THAT(message_of(folder.path()), ContainsSubstring("Git LFS pointer"));
  write_file(folder / "config.json", pointer);
  CHECK_THROWS_WITH(read_encoder_config(folder.path()), ContainsSubstring("config.json: this is a Git LFS pointer"));
  fs::remove(folder / "config.json");
  fs::create_symlink("../../blobs/77", folder / "config.json");
  CHECK_THROWS_WITH(read_encoder_config(folder.path()), ContainsSubstring("blobs/77, which is not there"));

  const TemporaryFolder dangling;
  fs::create_symlink("10.bin", dangling / "model.safetensors");
  CHECK_THAT(message_of(dangling.path()), ContainsSubstring("which is not there"));
  CHECK_THAT(message_of(dangling / "model.safetensors"), ContainsSubstring("which is not there"));
  write_file(folder / "page.bin", "<!DOCTYPE html><html>\n");
  CHECK_THAT(message_of(folder / "page.bin"), ContainsSubstring("a web page"));
  write_file(folder / "zipped.bin", "\x1f\x8b\x08 and more");
  CHECK_THAT(message_of(folder / "zipped.bin"), ContainsSubstring("gunzip"));
  write_file(folder / "pickle.bin", "\x80\x04\x95 and more");
  CHECK_THAT(message_of(folder / "pickle.bin"), ContainsSubstring("load it with torch.load in Python"));
}

TEST_CASE("a header of any length is one of safetensors") {
  // The first byte of the file, the lowest of the header's length, is that of "<", "{" and others.
  const TemporaryFolder folder;
  const at::Tensor tensor = at::zeros({2});
  for (size_t pad = 0; pad < 256; pad += 1) {
    write_safetensors(folder / "a.safetensors", {{"encoder.pooler.dense.bias" + std::string(pad, 'x'), tensor}});
    CHECK(message_of(folder / "a.safetensors").empty());
  }
}

}  // namespace
}  // namespace canine
