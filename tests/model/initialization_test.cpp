#include "canine/model/initialization.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <map>
#include <string>

#include "model/tiny_fixture.hpp"

namespace canine {
namespace {

std::map<std::string, at::Tensor> by_name(Mixer& mixer) {
  std::map<std::string, at::Tensor> result;
  for (const auto& [name, tensor] : state_dict(*mixer)) result[name] = tensor;
  return result;
}

MixerOptions options_of_width_96() {
  MixerOptions options = test::tiny_options();
  options.encoder.hidden_size = 96;
  options.encoder.num_hash_buckets = 512;
  return options;
}

/// Uniform within +-bound: reaches close to the bound, never beyond, and has the variance bound^2 / 3.
void check_uniform(const at::Tensor& values, double bound) {
  const double largest = values.abs().max().item<double>();
  const double variance = values.to(at::kDouble).square().mean().item<double>();
  CHECK(largest <= bound * 1.000001);
  CHECK(largest >= bound * 0.9);
  CHECK(std::abs(variance / (bound * bound / 3) - 1) <= 0.25);
}

void check_normal(const at::Tensor& values, double std) {
  const double variance = values.to(at::kDouble).square().mean().item<double>();
  const double spread = 6 * std::sqrt(2.0 / static_cast<double>(values.numel()));
  CHECK(std::abs(variance / (std * std) - 1) <= spread);
  CHECK(values.abs().max().item<double>() >= 2.5 * std);
}

bool all_equal(const at::Tensor& values, double number) { return values.eq(number).all().item<bool>(); }

TEST_CASE("Random start values follow transformers in the encoder and torch.nn in decoder and head") {
  at::manual_seed(11);
  Mixer mixer(options_of_width_96());
  const double head_bound = 1 / std::sqrt(96.0);
  for (const auto& [name, values] : by_name(mixer)) {
    CAPTURE(name);
    const bool norm = name.find("LayerNorm") != std::string::npos || name.find(".norm") != std::string::npos;
    if (norm) {
      CHECK(all_equal(values, name.ends_with("weight") ? 1 : 0));
    } else if (name.starts_with("encoder.")) {
      if (name.ends_with("bias")) {
        CHECK(all_equal(values, 0));
      } else {
        check_normal(values, 0.02);
      }
    } else if (name.ends_with("in_proj_bias") || name.ends_with("out_proj.bias")) {
      CHECK(all_equal(values, 0));
    } else if (name.ends_with("in_proj_weight")) {
      check_uniform(values, std::sqrt(6.0 / (96 + 3 * 96)));
    } else if (name == "decoder.token_emb.embedding.weight") {
      check_normal(values, 1.0);
    } else if (name != "decoder.positional_encoding.pos_embedding") {
      check_uniform(values, head_bound);  // all inputs are 96 wide
    }
  }
}

TEST_CASE("Decoder layers start identical but do not share memory") {
  Mixer mixer(test::tiny_options());
  auto values = by_name(mixer);
  int compared = 0;
  for (auto& [name, tensor] : values) {
    const std::string prefix = "decoder.decoder.layers.0.";
    if (!name.starts_with(prefix)) continue;
    const std::string rest = name.substr(prefix.size());
    CHECK(tensor.equal(values["decoder.decoder.layers.1." + rest]));
    CHECK(tensor.equal(values["decoder.decoder.layers.2." + rest]));
    CHECK(tensor.const_data_ptr() != values["decoder.decoder.layers.1." + rest].const_data_ptr());
    ++compared;
  }
  CHECK(compared == 18);
}

TEST_CASE("Sinusoids are the reference's") {
  MixerOptions options = test::tiny_options();
  options.encoder.hidden_size = 768;
  Mixer mixer(options, InitialValues::kNone);
  const at::Tensor table = by_name(mixer)["decoder.positional_encoding.pos_embedding"];
  REQUIRE(table.sizes() == at::IntArrayRef({128, 1, 768}));
  const auto at = [&](int64_t position, int64_t column) {
    return table.select(0, position).select(1, column).item<double>();
  };
  const auto near = [](double a, double b) { return std::abs(a - b) <= 1e-5; };
  CHECK(near(at(1, 0), 0.84147098));
  CHECK(near(at(1, 1), 0.54030234));
  CHECK(near(at(1, 2), 0.82843077));
  CHECK(near(at(5, 100), 0.99797088));
  CHECK(near(at(5, 101), 0.06367195));
  CHECK(near(at(127, 766), 0.01300793));
  CHECK(near(at(127, 767), 0.99991542));
}

TEST_CASE("The same seed gives the same start values, and the encoder can be left for a file") {
  const auto make = [](InitialValues values) {
    at::manual_seed(12);
    return Mixer(test::tiny_options(), values);
  };
  Mixer first = make(InitialValues::kAll);
  Mixer second = make(InitialValues::kAll);
  const auto expected = by_name(second);
  for (const auto& [name, tensor] : by_name(first)) CHECK(tensor.equal(expected.at(name)));

  Mixer heads = make(InitialValues::kDecoderAndHead);
  initialize_encoder(heads->encoder());
  for (const auto& [name, tensor] : by_name(heads)) CHECK(tensor.isfinite().all().item<bool>());
}

}  // namespace
}  // namespace canine
