#include "canine/exchange/inspection.hpp"

#include <torch/nn/module.h>
// LibTorch's CHECK must not win.
#undef CHECK

#include <ATen/ops/zeros.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "canine/core/sha256.hpp"
#include "canine/exchange/write_model.hpp"
#include "exchange/tiny_models.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using testing::TemporaryFolder;

TEST_CASE("JSON of a checkpoint holds every fact and every tensor") {
  ModelContent content = read_model_content(test::tiny_checkpoint());
  const auto json = nlohmann::json::parse(inspection_json(content));
  CHECK(json["model"] == "mixer");
  CHECK(json["step"] == 10);
  CHECK(json["optimizer"] == true);
  CHECK(json["key"].size() == 40);
  CHECK(json["card"].is_null());
  CHECK(json["bytes"] == 2058516);
  CHECK(json["sha256"] == sha256_of_file(test::tiny_checkpoint()));
  REQUIRE(json["tensors"].size() == content.weights.size());
  int64_t numbers = 0;
  for (const auto& [name, tensor] : content.weights) numbers += tensor.numel();
  CHECK(json["numbers"] == numbers);
  const auto& last = json["tensors"].back();
  CHECK(last["name"] == "linear_decoder.bias");
  CHECK(last["dtype"] == "float32");
  CHECK(last["shape"] == std::vector<int>{40});
  const at::Tensor bias = content.weights.back().second.contiguous();
  CHECK(last["sha256"] == sha256_of({static_cast<const char*>(bias.const_data_ptr()), bias.nbytes()}));
  content.card = test::tiny_content().card;
  CHECK(nlohmann::json::parse(inspection_json(content))["card"]["max_len"] == 128);
}

TEST_CASE("the table is aligned and says the same") {
  ModelContent content = test::tiny_content();
  const std::string text = inspection_table(content);
  CHECK_THAT(text, ContainsSubstring("Model      mixer\n") && ContainsSubstring("Step       10\n") &&
                       ContainsSubstring("Key        40 classes, one of missing cells\n") &&
                       ContainsSubstring("gpf, 5 tokens per code; columns hisco_1, hisco_2; texts of 128 characters"));
  std::istringstream lines(text.substr(text.find("\nName ") + 1));
  std::string header, line;
  std::getline(lines, header);
  const size_t type = header.find("Type"), shape = header.find("Shape"), hash = header.find("SHA-256");
  size_t count = 0;
  for (; std::getline(lines, line); ++count) {
    CAPTURE(line);
    CHECK(line.substr(type, 7) == "float32");
    CHECK(line[type - 1] == ' ');
    CHECK(line[shape - 1] == ' ');
    CHECK(line.size() == hash + 16);
  }
  CHECK(count == content.weights.size());
}

TEST_CASE("equal tensors have equal hashes in every format") {
  const TemporaryFolder folder;
  const ModelContent tiny = test::tiny_content();
  write_safetensors_model(folder / "a.safetensors", tiny);
  const auto json = nlohmann::json::parse(inspection_json(tiny));
  const auto other = nlohmann::json::parse(inspection_json(read_model_content((folder / "a.safetensors").string())));
  CHECK(json["tensors"] == other["tensors"]);
}

TEST_CASE("names that would steer a terminal, and many tensors in the same memory, do no harm") {
  const TemporaryFolder folder;
  const at::Tensor same = at::zeros({100});
  write_torch_file(folder / "odd.bin",
                   state_dict_value({{"a\x1b[2J\n", same}, {"b", same}, {"c", same}, {"d", same}, {"e", same}}));
  const ModelContent content = read_model_content((folder / "odd.bin").string());
  const std::string text = inspection_table(content);
  CHECK_THAT(text, ContainsSubstring("a?[2J?") && ContainsSubstring("Model      unknown"));
  CHECK(nlohmann::json::parse(inspection_json(content))["tensors"][0]["sha256"].is_null());
}

}  // namespace
}  // namespace canine
