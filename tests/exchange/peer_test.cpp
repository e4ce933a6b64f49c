// Python reads what we write: torch, safetensors, and a stand-in for the Python package's classes, which builds a
// module of exactly the keys and shapes of the layout (model.md §2 and §9.4 of the reference) from config.json's
// arguments.

#include <torch/nn/module.h>
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>

#include "canine/exchange/write_model.hpp"
#include "exchange/tiny_models.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

using test::with_prefixes;
using testing::run_python;
using testing::TemporaryFolder;

constexpr const char* kStandIn = R"python(
import sys, json, torch
from torch import nn
from huggingface_hub import PyTorchModelHubMixin
from transformers import CanineConfig, CanineModel

def encoder(config):
    assert config["model_domain"] == "Multilingual_CANINE"  # there: CanineModel.from_pretrained("google/canine-s")
    return CanineModel(CanineConfig(**json.load(open("encoder.json"))))

class Embedding(nn.Module):
    def __init__(self, vocabulary, width):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)

class Positions(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.register_buffer("pos_embedding", torch.zeros(128, 1, width))

class Decoder(nn.Module):
    def __init__(self, width, vocabulary, inner):
        super().__init__()
        self.token_emb = Embedding(vocabulary, width)
        self.positional_encoding = Positions(width)
        layer = nn.TransformerDecoderLayer(width, 8, inner)
        self.decoder = nn.TransformerDecoder(layer, 3)
        self.head = nn.Linear(width, vocabulary)

class Mixer(nn.Module, PyTorchModelHubMixin):
    def __init__(self, config):
        super().__init__()
        assert config["model_type"] == "seq2seq_mixer" and config["dropout_rate"] == 0
        self.encoder = encoder(config)
        width = self.encoder.config.hidden_size
        self.length = len(config["num_classes"])
        self.decoder = Decoder(width, max(config["num_classes"]) + 1, config.get("decoder_dim_feedforward", width))
        self.linear_decoder = nn.Linear(width, config["num_classes_flat"])

class Seq2Seq(nn.Module, PyTorchModelHubMixin):
    def __init__(self, config):
        super().__init__()
        self.encoder = encoder(config)
        width = self.encoder.config.hidden_size
        self.decoder = Decoder(width, max(config["num_classes"]) + 1, width)

class Flat(nn.Module, PyTorchModelHubMixin):
    def __init__(self, config):
        super().__init__()
        assert config["model_type"] == "canine"
        self.basemodel = encoder(config)
        self.drop = nn.Dropout(config["dropout_rate"])
        self.out = nn.Linear(self.basemodel.config.hidden_size, config["n_classes"])

torch.manual_seed(0)
reference = torch.load("reference.bin", weights_only=True)["model"]

def check(kind, folder, renamed):
    model = kind.from_pretrained(folder, strict=True)
    state = model.state_dict()
    assert state.keys() == renamed.keys(), sorted(state.keys() ^ renamed.keys())
    for name, tensor in renamed.items():
        assert torch.equal(state[name], tensor), name
    return model
)python";

TEST_CASE("peer: the Python package's loader takes our Hub folders of all three models") {
  const TemporaryFolder folder;
  const ModelContent tiny = test::tiny_content();
  std::filesystem::copy_file(test::tiny_checkpoint(), folder / "reference.bin");
  std::filesystem::copy_file(test::tiny_folder() / "encoder" / "config.json", folder / "encoder.json");
  write_hub_folder(folder / "mixer", tiny);
  ModelContent part = tiny;
  part.type = ModelType::kSeq2Seq;
  part.weights = with_prefixes(tiny.weights, {"encoder.", "decoder."});
  write_hub_folder(folder / "seq2seq", part);
  part.type = ModelType::kFlat;
  part.weights = with_prefixes(tiny.weights, {"encoder.", "linear_decoder."});
  write_hub_folder(folder / "flat", part);
  const std::string output = run_python(std::string(kStandIn) + R"python(
assert check(Mixer, "mixer", reference).length == 12
check(Seq2Seq, "seq2seq", {k: v for k, v in reference.items() if not k.startswith("linear_decoder.")})
flat = {k.replace("encoder.", "basemodel.", 1) if k.startswith("encoder.") else k.replace("linear_decoder.", "out."): v
        for k, v in reference.items() if not k.startswith("decoder.")}
check(Flat, "flat", flat)
key = json.load(open("mixer/key.json"))
assert list(key.values()) == list(range(40)) and key["58340"] == 0 and "NaN" in key
print("ok")
)python",
                                        folder.path());
  CHECK(output.ends_with("ok\n"));
}

TEST_CASE("peer: the Python package's loader takes a decoder whose inner width is not the encoder's") {
  const TemporaryFolder folder;
  ModelContent content = test::tiny_content();
  const EncoderOptions encoder = content.card->encoder;
  std::filesystem::copy_file(test::tiny_folder() / "encoder" / "config.json", folder / "encoder.json");
  MixerOptions options;
  options.encoder = encoder;
  options.vocabulary_size = 2087;
  options.num_classes = content.key->size();
  options.decoder_dim_feedforward = 2 * encoder.hidden_size + 8;
  content.weights = state_dict(*Mixer(options));
  write_checkpoint(folder / "reference.bin", content);
  write_hub_folder(folder / "mixer", content);
  const std::string output = run_python(std::string(kStandIn) + R"python(
model = check(Mixer, "mixer", reference)
assert model.encoder.config.hidden_size == 24
for layer in model.decoder.decoder.layers:
    assert layer.linear1.weight.shape == (56, 24) and layer.linear2.weight.shape == (24, 56)
print("ok")
)python",
                                        folder.path());
  CHECK(output.ends_with("ok\n"));
}

TEST_CASE("peer: torch and safetensors read our files with the same bits, and we read theirs") {
  const TemporaryFolder folder;
  const ModelContent tiny = test::tiny_content();
  std::filesystem::copy_file(test::tiny_checkpoint(), folder / "reference.bin");
  write_checkpoint(folder / "ours.bin", tiny);
  write_safetensors_model(folder / "ours.safetensors", tiny);
  const std::string output = run_python(R"python(
import json, math, torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
reference = torch.load("reference.bin", weights_only=True)
ours = torch.load("ours.bin", weights_only=True)
assert list(ours) == ["model", "step", "key", "canine"] and ours["step"] == 10
assert list(ours["model"]) == list(reference["model"])
names = lambda key: [("nan" if isinstance(k, float) and math.isnan(k) else k, v) for k, v in key.items()]
assert names(ours["key"]) == names(reference["key"])
tensors = load_file("ours.safetensors")
for state in (ours["model"], tensors):
    assert state.keys() == reference["model"].keys()
    assert all(torch.equal(state[k], v) and state[k].dtype == v.dtype for k, v in reference["model"].items())
metadata = safe_open("ours.safetensors", "pt").metadata()
assert metadata["format"] == "pt"
assert json.loads(metadata["canine_card"]) == json.loads(ours["canine"]["card"])
save_file(reference["model"], "theirs.safetensors", metadata={"format": "pt"})
torch.save(reference["model"], "theirs.bin")
print("ok")
)python",
                                        folder.path());
  CHECK(output.ends_with("ok\n"));
  for (const char* name : {"theirs.safetensors", "theirs.bin"}) {
    const ModelContent theirs = read_model_content((folder / name).string());
    CHECK(theirs.type == ModelType::kMixer);
    CHECK(test::same_weights(theirs.weights, tiny.weights));
  }
}

TEST_CASE("peer: transformers reads an encoder that was taken out of a mixer") {
  const TemporaryFolder folder;
  const ModelContent tiny = test::tiny_content();
  std::filesystem::copy_file(test::tiny_checkpoint(), folder / "reference.bin");
  write_encoder_folder(folder / "encoder", tiny, tiny.card->encoder);
  const std::string output = run_python(R"python(
import torch
from transformers import CanineModel
reference = torch.load("reference.bin", weights_only=True)["model"]
model, info = CanineModel.from_pretrained("encoder", output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
assert model.config.num_attention_heads == 4
for name, tensor in model.state_dict().items():
    assert torch.equal(tensor, reference["encoder." + name]), name
print("ok")
)python",
                                        folder.path());
  CHECK(output.ends_with("ok\n"));
}

}  // namespace
}  // namespace canine
