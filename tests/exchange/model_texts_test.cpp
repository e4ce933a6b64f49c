#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/exchange/model_languages.hpp"
#include "canine/exchange/run_card.hpp"
#include "canine/exchange/write_model.hpp"
#include "exchange/tiny_models.hpp"
#include "support/captured_stream.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using testing::CapturedStream;
using testing::TemporaryFolder;

/// What is said on stderr while `work` is done.
template <typename Work>
std::string said(const Work& work) {
  const CapturedStream stream(STDERR_FILENO);
  work();
  return stream.text();
}

ModelDescription described(const ModelContent& content, std::vector<std::string> clean_text = {}) {
  ModelOverrides overrides = content.card ? ModelOverrides() : test::tiny_overrides();
  overrides.clean_text = std::move(clean_text);
  return describe_model(content, overrides);
}

TEST_CASE("texts are treated as the card says, without a word") {
  ModelContent content = test::tiny_content();
  content.card->cleaning = TextCleaning::published();
  CHECK(said([&] { CHECK(described(content).card.cleaning == TextCleaning::published()); }).empty());
  CHECK(said([&] { CHECK(described(content, {"published"}).card.cleaning == TextCleaning::published()); }).empty());
  const std::string note = said([&] { CHECK(described(content, {"none"}).card.cleaning == TextCleaning::none()); });
  CHECK_THAT(note,
             ContainsSubstring("--clean-text none: the model") && ContainsSubstring("by --clean-text lower ascii"));
  CHECK_THROWS_AS(described(content, {"lowercase"}), UsageError);
}

TEST_CASE("texts of a model without a card are treated as the Python program does it, in one line") {
  const ModelContent content = read_model_content(test::tiny_checkpoint());
  const std::string note = said([&] {
    const ModelDescription model = described(content);
    CHECK_FALSE(model.has_card);
    CHECK(model.card.cleaning == TextCleaning::published());
  });
  CHECK_THAT(note, ContainsSubstring("as in the Python program's prediction, --clean-text lower ascii is assumed"));
  ModelOverrides of_evaluation = test::tiny_overrides();
  of_evaluation.usual_cleaning = TextCleaning::none();
  const std::string other =
      said([&] { CHECK(describe_model(content, of_evaluation).card.cleaning == TextCleaning::none()); });
  CHECK_THAT(other, ContainsSubstring("as in the Python program's evaluation, --clean-text none is assumed"));
  CHECK(said([&] { CHECK(described(content, {"quotes"}).card.cleaning == TextCleaning()); }).empty());
}

TEST_CASE("args.yaml of our runs says how texts were treated, too") {
  const TemporaryFolder folder;
  PickleValue::Dict raw;
  raw.items.emplace_back("model", read_torch_file(test::tiny_checkpoint()).at("model", ""));
  write_torch_file(folder / "last.bin", raw);
  const auto cleaning = [&](const std::string& line) {
    write_file(folder / "args.yaml", "block_size: 5\ntarget_cols: [hisco_1, hisco_2]\n" + line);
    ModelOverrides overrides = test::tiny_overrides();
    overrides.mapping = test::tiny_folder() / "data" / "key.csv";
    return describe_model(read_model_content(folder.path().string()), overrides).card.cleaning;
  };
  CHECK(cleaning("clean_text: [nfc, trim]\n").text() == "nfc trim");
  CHECK(cleaning("clean_text: null\n") == TextCleaning());
  CHECK(cleaning("") == TextCleaning::published());
  CHECK_THROWS_MATCHES(cleaning("clean_text: [stem]\n"), CheckpointError,
                       MessageMatches(ContainsSubstring("args.yaml: clean_text must be one of none")));
}

TEST_CASE("inputs longer than the encoder takes are refused when the model is described") {
  const ModelContent content = test::tiny_content();
  ModelOverrides overrides;
  overrides.max_len = 208;
  CHECK(describe_model(content, overrides).card.max_len == 208);
  overrides.max_len = 209;
  CHECK_THROWS_MATCHES(
      describe_model(content, overrides), UsageError,
      MessageMatches(ContainsSubstring("--max-len 209") && ContainsSubstring("208 characters at most")));
}

LoadedModel with_languages(std::vector<LanguageRows> languages) {
  LoadedModel model;
  model.path = "m.bin";
  model.has_card = true;
  model.card.set_languages(std::move(languages));
  return model;
}

TEST_CASE("rows without a language get the model's own, and never one that it has not seen") {
  const auto usual = [](const LoadedModel& model, const std::string& words) {
    std::string language;
    CHECK_THAT(said([&] { language = usual_language(model, "--language"); }), ContainsSubstring(words));
    return language;
  };
  CHECK(usual(with_languages({{"da", 90}}), "'da' is taken, the one language") == "da");
  CHECK(usual(with_languages({{"da", 90}, {"unk", 10}}),
              "'da' is taken, as the model has seen 90 rows of 'da' and 10 without a language") == "da");
  CHECK(usual(with_languages({{"da", 1}, {"unk", 42}}),
              "'unk' is taken, as the model has seen 1 row of 'da' and 42 without a language") == "unk");
  CHECK(usual(with_languages({{"da", 90}, {"en", 10}}), "has seen several languages (unk, da, en)") == "unk");
  CHECK(usual(with_languages({{"unk", 10}}), "") == "unk");
  CHECK(usual(with_languages({}),
              "m.bin: the file does not say which languages it has seen; without --language it is "
              "told 'unk'") == "unk");
  CHECK(usual(LoadedModel(), "as in the Python program, --language en is assumed") == "en");
}

TEST_CASE("a language is told to the model as it knows it") {
  const LoadedModel danish = with_languages({{"da", 90}});
  CHECK(checked_language(danish, "--language", "DA ") == "da");
  CHECK(checked_language(danish, "--language", "en") == "en");
  CHECK(known_languages(danish).meant_by("en").match == LanguageMatch::kUnknown);
  CHECK(known_languages(with_languages({})).meant_by("en").match == LanguageMatch::kKnown);
  CHECK(known_languages(LoadedModel()).meant_by("xx").match == LanguageMatch::kUnknown);
}

TEST_CASE("the card of a run's folder is that of its newest checkpoint that can be read") {
  const TemporaryFolder folder;
  CHECK_FALSE(read_run_card(folder.path()));
  ModelContent content = test::tiny_content();
  content.card->max_len = 99;
  write_checkpoint(folder / "20.bin", content);
  CHECK(read_run_card(folder.path())->max_len == 99);
  write_file(folder / "last.bin", "PK\x03\x04 torn");
  CHECK(read_run_card(folder.path())->max_len == 99);
  content.card.reset();
  write_checkpoint(folder / "last.bin", content);
  CHECK_FALSE(read_run_card(folder.path()));
}

}  // namespace
}  // namespace canine
