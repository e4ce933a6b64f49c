#include "canine/model/options.hpp"

#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/model/encoder_config.hpp"
#include "canine/model/mixer.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "model/tiny_fixture.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

TEST_CASE("An encoder's config.json gives its shape") {
  const EncoderOptions tiny = test::tiny_options().encoder;
  CHECK(tiny.hidden_size == 24);
  CHECK(tiny.num_hidden_layers == 2);
  CHECK(tiny.num_attention_heads == 4);
  CHECK(tiny.intermediate_size == 40);
  CHECK(tiny.hidden_dropout_prob == 0.0);
  CHECK(tiny.attention_probs_dropout_prob == 0.0);
  CHECK(tiny.layer_norm_eps == 1e-12);
  CHECK(tiny.num_hash_functions == 8);
  CHECK(tiny.num_hash_buckets == 208);
  CHECK(tiny.max_position_embeddings == 256);
  CHECK(tiny.type_vocab_size == 16);
}

TEST_CASE("Absent keys keep the values of google/canine-s, unknown ones are ignored") {
  const EncoderOptions options = parse_encoder_config(R"({"num_hidden_layers": 3, "torch_dtype": "float32"})", "here");
  CHECK(options.num_hidden_layers == 3);
  CHECK(options.hidden_size == 768);
  CHECK(options.hidden_dropout_prob == 0.1);
}

TEST_CASE("A written configuration reads back equal") {
  EncoderOptions options;
  options.hidden_size = 96;
  options.num_attention_heads = 6;
  options.hidden_dropout_prob = 0.25;
  const EncoderOptions again = parse_encoder_config(encoder_config_json(options), "here");
  CHECK(encoder_config_json(again) == encoder_config_json(options));
  CHECK(again.hidden_size == 96);
  CHECK(again.hidden_dropout_prob == 0.25);
}

TEST_CASE("Unusable configurations are refused with file and key") {
  const auto [json, message] = GENERATE(table<std::string, std::string>({
      {"", "JSON object"},
      {"[1]", "JSON object"},
      {"{\"hidden_size\": ", "JSON object"},
      {R"({"hidden_size": "768"})", "\"hidden_size\" must be a whole number, not \"768\""},
      {R"({"hidden_size": 768.5})", "\"hidden_size\" must be a whole number, not 768.5"},
      {R"({"hidden_size": null})", "\"hidden_size\" must be a whole number, not null"},
      {R"({"hidden_size": 99999999999})", "hidden_size must be from 1 to"},
      {R"({"hidden_dropout_prob": true})", "\"hidden_dropout_prob\" must be a number, not true"},
      {R"({"hidden_dropout_prob": 1})", "hidden_dropout_prob must be at least 0 and below 1, not 1"},
      {R"({"hidden_act": "relu"})", "\"hidden_act\" must be \"gelu\", not \"relu\""},
      {R"({"model_type": "bert"})", "\"model_type\" must be \"canine\", not \"bert\""},
      {R"({"hidden_size": 100})", "hidden_size must be a multiple of num_attention_heads (12), not 100"},
      {R"({"num_hash_functions": 17})", "num_hash_functions must be at most 16, not 17"},
      {R"({"downsampling_rate": 2})", "downsampling_rate must be 4, not 2"},
      {R"({"num_hidden_layers": 0})", "num_hidden_layers must be from 1"},
  }));
  CAPTURE(json);
  CHECK_THROWS_MATCHES(parse_encoder_config(json, "some/config.json"), UsageError,
                       MessageMatches(ContainsSubstring("some/config.json") && ContainsSubstring(message)));
}

TEST_CASE("A configuration of a million lists inside one another is refused") {
  const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
  for (const char* key : {"model_type", "hidden_size", "layer_norm_eps"}) {
    CHECK_THROWS_MATCHES(parse_encoder_config("{\"" + std::string(key) + "\":" + deep + "}", "config.json"), UsageError,
                         MessageMatches(ContainsSubstring("config.json: expected JSON with at most 100 lists")));
  }
}

TEST_CASE("Mixer options that cannot be are refused") {
  using Change = std::function<void(MixerOptions&)>;
  const auto [change, message] = GENERATE(table<Change, std::string>({
      {[](MixerOptions& o) { o.vocabulary_size = o.num_classes = 0; }, "needs a decoder or a flat head"},
      {[](MixerOptions& o) { o.vocabulary_size = -1; }, "vocabulary_size"},
      {[](MixerOptions& o) { o.num_classes = -1; }, "num_classes"},
      {[](MixerOptions& o) { o.dropout = 1.0; }, "dropout"},
      {[](MixerOptions& o) { o.dropout = std::numeric_limits<double>::quiet_NaN(); }, "dropout"},
      {[](MixerOptions& o) { o.decoder_heads = 7; }, "hidden_size must be a multiple of the decoder's heads (7)"},
      {[](MixerOptions& o) { o.decoder_dim_feedforward = -1; }, "decoder_dim_feedforward"},
      {[](MixerOptions& o) { o.decoder_layers = 0; }, "decoder_layers"},
      {[](MixerOptions& o) { o.encoder.layer_norm_eps = 0; }, "layer_norm_eps"},
  }));
  MixerOptions options = test::tiny_options();
  CHECK_NOTHROW(options.validate());
  change(options);
  CAPTURE(message);
  CHECK_THROWS_MATCHES(options.validate(), UsageError, MessageMatches(ContainsSubstring(message)));
}

}  // namespace
}  // namespace canine
