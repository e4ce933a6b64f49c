#include "canine/exchange/model_card.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "canine/core/errors.hpp"
#include "canine/model/encoder_config.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

ModelCard odd_card() {
  ModelCard card;
  card.type = ModelType::kSeq2Seq;
  card.encoder.hidden_size = 96;
  card.encoder.hidden_dropout_prob = 0.25;
  card.formatter = {.kind = FormatterKind::kGeneral, .num_columns = 3, .block_size = 8, .use_within_block_sep = true};
  card.target_cols = {"a", "b c", "\xc3\xa6\"\\"};
  card.max_len = 77;
  card.padding = Padding::kMask;
  card.cleaning = TextCleaning::published();
  card.set_languages({{"da", 7}, {"e\"n", 2}});
  return card;
}

TEST_CASE("a card comes back from its text") {
  const ModelCard card = odd_card();
  const ModelCard again = ModelCard::parse(card.to_json(), "card");
  CHECK(again.type == card.type);
  CHECK(encoder_config_json(again.encoder) == encoder_config_json(card.encoder));
  CHECK(again.formatter == card.formatter);
  CHECK(again.target_cols == card.target_cols);
  CHECK(again.max_len == card.max_len);
  CHECK(again.padding == card.padding);
  CHECK(again.cleaning == card.cleaning);
  CHECK(again.languages == card.languages);
  CHECK(again.more_languages == 0);
  CHECK(again.to_json() == card.to_json());
  for (const ModelType type : {ModelType::kMixer, ModelType::kSeq2Seq, ModelType::kFlat}) {
    ModelCard other;
    other.type = type;
    CHECK(ModelCard::parse(other.to_json(), "card").type == type);
  }
}

TEST_CASE("entries that a card does not know are passed over") {
  auto json = nlohmann::json::parse(odd_card().to_json());
  json["later"] = {1, 2};
  CHECK(ModelCard::parse(json.dump(), "card").max_len == 77);
}

TEST_CASE("a card of an earlier version says nothing of texts and languages") {
  auto json = nlohmann::json::parse(odd_card().to_json());
  for (const char* entry : {"clean_text", "languages", "more_languages"}) json.erase(entry);
  const ModelCard card = ModelCard::parse(json.dump(), "card");
  CHECK(card.cleaning == TextCleaning());
  CHECK(card.languages.empty());
}

TEST_CASE("of very many languages a card lists those with most rows") {
  std::vector<LanguageRows> seen;
  for (int64_t i = 0; i < 700; ++i) seen.push_back({"l" + std::to_string(i), 700 - i});
  ModelCard card;
  card.set_languages(seen);
  const ModelCard again = ModelCard::parse(card.to_json(), "card");
  CHECK(again.languages.size() == 500);
  CHECK(again.languages.front() == seen.front());
  CHECK(again.more_languages == 200);
}

TEST_CASE("a card with entries that are missing or impossible is refused with source and entry") {
  const auto [path, value, message] = GENERATE(table<std::string, std::string, std::string>({
      {"/type", "", "\"type\" is missing"},
      {"/type", "3", "\"type\" must be one of mixer, seq2seq, flat, not 3"},
      {"/type", "\"bert\"", "not \"bert\""},
      {"/encoder", "[]", "encoder"},
      {"/encoder/hidden_size", "\"768\"", "\"hidden_size\" must be a whole number"},
      {"/encoder/hidden_size", "100", "hidden_size must be a multiple of"},
      {"/formatter", "7", "expected a JSON object"},
      {"/formatter/kind", "\"isco\"", "\"kind\" must be one of gpf, hisco, occ1950"},
      {"/formatter/num_columns", "0", "\"num_columns\" must be a whole number from 1 to 127, not 0"},
      {"/formatter/block_size", "1e300", "\"block_size\" must be a whole number"},
      {"/formatter/block_size", "99999999999999999999", "\"block_size\" must be a whole number"},
      {"/formatter/use_within_block_sep", "1", "must be true or false"},
      {"/target_cols", "\"a\"", "must be a list of texts"},
      {"/target_cols", "[1]", "must be a list of texts"},
      {"/max_len", "-1", "\"max_len\" must be a whole number from 4"},
      {"/clean_text", "\"published\"", "must be a list of texts"},
      {"/clean_text", "[]", "\"clean_text\" must be one of none, published"},
      {"/clean_text", "[\"stem\"]", "not [\"stem\"]; was it written by a newer version?"},
      {"/languages", "{}", "expected a list of [language, rows]"},
      {"/languages", "[[\"da\"]]", "expected a list of [language, rows]"},
      {"/languages", "[[\"da\", -1]]", "expected a list of [language, rows]"},
      {"/more_languages", "-1", "\"more_languages\" must be a whole number"},
      {"/padding", "null", "\"padding\" must be one of reference, mask"},
  }));
  CAPTURE(path, value);
  auto json = nlohmann::json::parse(odd_card().to_json());
  const nlohmann::json::json_pointer pointer(path);
  if (value.empty()) {
    json.erase(path.substr(1));
  } else {
    json[pointer] = nlohmann::json::parse(value);
  }
  CHECK_THROWS_MATCHES(ModelCard::parse(json.dump(), "file.bin"), CheckpointError,
                       MessageMatches(ContainsSubstring("file.bin") && ContainsSubstring(message)));
}

TEST_CASE("text that is no card is refused") {
  for (const std::string text : {"", "{", "[]", "null", "\"card\"", "{\"type\":\"\xff\"}"}) {
    CHECK_THROWS_AS(ModelCard::parse(text, "card"), CheckpointError);
  }
}

TEST_CASE("a card of a million lists inside one another is refused") {
  const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
  for (const char* entry : {"type", "encoder", "later"}) {
    CHECK_THROWS_MATCHES(ModelCard::parse("{\"" + std::string(entry) + "\":" + deep + "}", "card"), CheckpointError,
                         MessageMatches(ContainsSubstring("card: expected JSON with at most 100 lists")));
  }
}

}  // namespace
}  // namespace canine
