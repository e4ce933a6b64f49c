#include "canine/data/languages.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <set>

#include "canine/data/dataset.hpp"
#include "canine/data/key.hpp"
#include "support.hpp"
#include "support/general_system.hpp"
#include "support/python.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

using Rows = std::vector<LanguageRows>;

TEST_CASE("A value is known as it stands, or without blanks and case") {
  const KnownLanguages known = KnownLanguages::published();
  for (const std::string_view language : published_languages()) {
    CHECK(known.meant_by(language).match == LanguageMatch::kKnown);
    CHECK(known.meant_by(language).language == language);
  }
  for (const char* value : {"EN", " en", "en ", "En\t",
                            "\xC2\xA0"
                            "en"}) {
    CAPTURE(value);
    CHECK(known.meant_by(value).match == LanguageMatch::kMended);
    CHECK(known.meant_by(value).language == "en");
  }
  CHECK(known.meant_by("UNK").language == "unk");
}

TEST_CASE("A value of nothing is no language, whatever a model or its card says") {
  const KnownLanguages all[] = {KnownLanguages::published(), KnownLanguages::any(),
                                KnownLanguages(Rows{{"en", 3}, {"", 2}, {" ", 1}})};
  for (const KnownLanguages& known : all) {
    for (const char* value : {"", " ", "\t ", "\u200B", "NA", "None"}) {
      CAPTURE(value);
      CHECK(known.meant_by(value).language == "unk");
    }
  }
  CHECK(all[2].text() == "unk, en");
}

TEST_CASE("Other spellings are named and not changed") {
  const KnownLanguages known = KnownLanguages::published();
  const std::pair<const char*, const char*> spellings[] = {
      {"de", "ge"},  {"DE", "ge"},    {"deu", "ge"},     {"German", "ge"},  {"sv", "se"},
      {"swe", "se"}, {"en-GB", "en"}, {"en_us", "en"},   {"English", "en"}, {"el", "gr"},
      {"nb", "no"},  {"dk", "da"},    {"español", "es"}, {"und", "unk"}};
  for (const auto& [value, suggestion] : spellings) {
    CAPTURE(value);
    const KnownLanguages::Meant meant = known.meant_by(value);
    CHECK(meant.match == LanguageMatch::kOtherSpelling);
    CHECK(meant.language == value);
    CHECK(meant.suggestion == suggestion);
  }
  for (const char* value : {"xx", "zh", "black", "-", "ener"}) {
    CAPTURE(value);
    CHECK(known.meant_by(value).match == LanguageMatch::kUnknown);
    CHECK(known.meant_by(value).language == value);
  }
}

TEST_CASE("What a model knows is what it has seen") {
  const KnownLanguages german(Rows{{"de", 10}});
  CHECK(german.meant_by("de").match == LanguageMatch::kKnown);
  CHECK(german.meant_by("unk").match == LanguageMatch::kKnown);
  CHECK(german.meant_by("ge").suggestion == "de");
  CHECK(german.meant_by("Deutsch").suggestion == "de");
  CHECK(german.meant_by("en").match == LanguageMatch::kUnknown);

  const KnownLanguages both(Rows{{"EN", 5}, {"en", 10}});
  CHECK(both.meant_by("EN").match == LanguageMatch::kKnown);
  CHECK(both.meant_by("en ").language == "en");
  CHECK(KnownLanguages(Rows{{"EN", 10}, {"en", 5}}).meant_by("En").language == "EN");

  const KnownLanguages many(Rows{{"de", 10}}, /*and_others=*/true);
  CHECK(many.meant_by("xx").match == LanguageMatch::kKnown);
  CHECK(many.meant_by("DE").language == "de");
  CHECK(KnownLanguages::any().meant_by(" EN").language == " EN");
}

TEST_CASE("Training joins values that differ in blanks and case only") {
  const KnownLanguages known =
      KnownLanguages::of_training(Rows{{"EN", 100}, {"en", 1}, {"Jutish", 5}, {"jutish ", 9}, {"xx", 1}});
  CHECK(known.meant_by("EN").language == "en");
  CHECK(known.meant_by("Jutish").language == "jutish ");
  CHECK(known.meant_by("xx").match == LanguageMatch::kKnown);
  CHECK(known.meant_by("DA").language == "da");
}

TEST_CASE("One note counts the values of a column") {
  LanguageTally tally(KnownLanguages(Rows{{"ge", 7}, {"en", 3}}));
  for (const char* value : {"ge", "en", "unk"}) CHECK(tally.add(value).language == value);
  CHECK_FALSE(tally.note("column lang"));
  CHECK(tally.add("de", 3).language == "de");
  CHECK(tally.add("EN", 2).language == "en");
  CHECK(tally.add("de").language == "de");
  CHECK(tally.add("xx").language == "xx");
  CHECK(tally.note("--language-col lang") ==
        "--language-col lang: 5 of 10 rows have a language that the model has not seen, which is taken as it stands: "
        "'de' (4 rows; its word is 'ge'), 'xx' (1 row); it knows unk, ge, en; 2 of 10 rows have blanks or another case "
        "around a known language, which are passed over: 'EN' (2 rows, now 'en')");
  LanguageTally wild(KnownLanguages::published());
  for (int i = 0; i < 1000; ++i) wild.add("text " + std::to_string(i));
  CHECK(wild.note("column lang")->find("and 990 more") != std::string::npos);
  for (int i = 0; i < 20'000; ++i) CHECK(wild.add("text " + std::to_string(i)).language == "text " + std::to_string(i));
  CHECK(wild.add("DA").language == "da");
  CHECK(wild.note("column lang")->find("21,000 of 21,001 rows have a language that the model has not seen") !=
        std::string::npos);
  LanguageTally text(KnownLanguages::published());
  text.add("a long text in the wrong column, with a line\nbreak");
  CHECK(text.note("column lang")->find("'a long text in the wrong column, with a ...' (1 row)") != std::string::npos);
}

TEST_CASE("A flag's value gets a line of its own") {
  const KnownLanguages known = KnownLanguages::published();
  CHECK_FALSE(note_of_language("--language", "da", known));
  CHECK(note_of_language("--language", "de", known) ==
        "--language de: the model has not seen this language; its word for it is 'ge'");
  CHECK(note_of_language("--language", "EN", known) == "--language EN: the model knows it as 'en', which is used");
  CHECK(note_of_language("--language", "xx", known)->find("it knows unk, ca, da") != std::string::npos);
}

TEST_CASE("Words of the published models are named for those of the data") {
  CHECK_FALSE(note_of_other_words(Rows{{"ge", 1}, {"unk", 2}, {"zh", 5}}));
  CHECK(
      note_of_other_words(Rows{{"de", 2}, {"se", 1}, {"sv", 1}})->find("'de' (2 rows) is 'ge', 'sv' (1 row) is 'se'") !=
      std::string::npos);
}

TEST_CASE("Rows whose language is blank are of the unknown one, in CSV and in Parquet") {
  const testing::TemporaryFolder folder;
  testing::run_python(R"(
import pandas
rows = pandas.DataFrame({'occ1': ['x'] * 7, 'lang': ['', ' ', None, 'unk', '\u200b', 'None', 'en'], 'a': ['1'] * 7})
rows.to_csv('rows.csv', index=False)
rows.to_parquet('rows.parquet', index=False)
)",
                      folder.path());
  const auto key = std::make_shared<LabelKey>();
  key->add("1");
  Dataset::Options options;
  options.files = {folder.path() / "rows.csv", folder.path() / "rows.parquet"};
  options.system = std::make_shared<CodeSystem>(testing::general_system({"a"}, 1, key));
  const testing::Captured captured(STDERR_FILENO);
  CHECK(Dataset(options).languages() == Rows{{"unk", 12}, {"en", 2}});
  const std::string said = captured.text();
  CHECK(said.find("rows.csv: 5 of 7 rows have no language in column lang") != std::string::npos);
  CHECK(said.find("rows.parquet: 5 of 7 rows have no language in column lang") != std::string::npos);
  options.language = " ";
  CHECK(Dataset(options).languages() == Rows{{"unk", 14}});
}

TEST_CASE("A data set says its languages and mends them") {
  const testing::TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "rows.csv";
  std::ofstream(file) << "occ1,lang,a\nx,EN,1\nx,en,1\nx,da,1\nx,en ,1\nx,,1\n";
  const auto key = std::make_shared<LabelKey>();
  key->add("1");
  Dataset::Options options;
  options.files = {file};
  options.system = std::make_shared<CodeSystem>(testing::general_system({"a"}, 1, key));
  Dataset data(options);
  CHECK(data.languages() == Rows{{"EN", 1}, {"da", 1}, {"en", 1}, {"en ", 1}, {"unk", 1}});
  const auto note = data.mend_languages(KnownLanguages(Rows{{"en", 1}, {"da", 1}}), "column lang");
  REQUIRE(note);
  CHECK(note->find("2 of 5 rows") != std::string::npos);
  CHECK(data.languages() == Rows{{"en", 3}, {"da", 1}, {"unk", 1}});
  CHECK(data.language(0) == "en");
  CHECK(data.language(3) == "en");
  CHECK_FALSE(data.mend_languages(KnownLanguages::published(), "column lang"));
}

}  // namespace
}  // namespace canine
