#include "canine/text/text_cleaning.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/text/transliteration.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Words = std::vector<std::string>;

TextCleaning of(const Words& words) { return TextCleaning::from_flag(words); }

std::string cleaned(const TextCleaning& cleaning, std::string text, TextUse use = TextUse::kPrediction) {
  cleaning.apply(text, use);
  return text;
}

// One text in each of many alphabets; decomposed accents are written out as U+0065 U+0301.
const Words kTexts = {"Propriétaire",
                      "Proprie\xCC\x81taire",
                      "ΓΕΩΡΓΟΣ",
                      "Сапожник",
                      "نجار",
                      "סנדלר",
                      "鞋匠",
                      "靴職人",
                      "ช่างทำรองเท้า",
                      "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x94\xA7 mechanic",
                      "['smith']",
                      "[\"smith\"]",
                      "  black smith \t",
                      "SMITH",
                      "",
                      "'",
                      "a\0B"};

TEST_CASE("By default quotes and brackets go off both ends, and nothing else changes") {
  const TextCleaning usual;
  for (const TextUse use : {TextUse::kTraining, TextUse::kPrediction}) {
    CHECK(cleaned(usual, "['x']", use) == "x");
    CHECK(cleaned(usual, "'a'b'", use) == "a'b");
    CHECK(cleaned(usual, " [x] ", use) == " [x] ");
    CHECK(cleaned(usual, "][''", use).empty());
    CHECK(cleaned(usual, "", use).empty());
    CHECK(cleaned(usual, "\"x\"", use) == "\"x\"");
    CHECK(cleaned(usual, "[s\xC3\xB8n \xF0\x9F\x98\x80]", use) == "s\xC3\xB8n \xF0\x9F\x98\x80");
  }
}

TEST_CASE("Only the parity with the Python program's training tells training from use") {
  for (const std::string& text : kTexts) {
    CHECK(cleaned(TextCleaning::reference(), text, TextUse::kTraining) == cleaned(TextCleaning(), text));
    CHECK(cleaned(TextCleaning::reference(), text) == text);
    for (const Words& words : {Words{"none"}, {"published"}, {"quotes"}, {"nfc", "trim"}}) {
      CHECK(cleaned(of(words), text, TextUse::kTraining) == cleaned(of(words), text, TextUse::kPrediction));
    }
  }
}

TEST_CASE("The published treatment is that of the Python program's prediction") {
  for (const std::string& text : kTexts) {
    CHECK(cleaned(TextCleaning::published(), text) == transliterate(lower_case(text)));
  }
  CHECK(cleaned(TextCleaning::published(), "['SKRÄDDARE']") == "['skraddare']");
}

TEST_CASE("Each step does its part") {
  for (const std::string& text : kTexts) CHECK(cleaned(of({"none"}), text) == text);
  CHECK(cleaned(of({"nfc"}), "Proprie\xCC\x81taire") == "Propriétaire");
  CHECK(cleaned(of({"nfc"}), "Propriétaire") == "Propriétaire");
  CHECK(cleaned(of({"nfc"}), "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB") == "한");
  CHECK(cleaned(of({"lower"}), "ΓΕΩΡΓΟΣ ÉLAN") == "γεωργος élan");
  CHECK(cleaned(of({"ascii"}), "Élan") == "Elan");
  CHECK(cleaned(of({"trim"}),
                " \t\xC2\xA0\xE3\x80\x80"
                "a b\xE2\x80\x89\n") == "a b");
  CHECK(cleaned(of({"trim"}), " \t").empty());
  CHECK(cleaned(of({"trim"}), "鞋匠") == "鞋匠");
}

TEST_CASE("Steps come in one order, whatever the order of their names") {
  CHECK(of({"trim", "ascii", "nfc"}) == of({"nfc", "ascii", "trim"}));
  CHECK(cleaned(of({"quotes", "trim"}), " 'x' ") == "'x'");
  CHECK(cleaned(of({"trim", "ascii"}), "😀 x") == "x");  // what has no ASCII leaves a blank
  CHECK(cleaned(of({"lower", "ascii"}), "ẞ") == "ss");
}

TEST_CASE("Words of the command line give a cleaning, and a cleaning its words") {
  CHECK(of({"none"}) == TextCleaning::none());
  CHECK(of({"published"}) == of({"lower", "ascii"}));
  CHECK(of({"quotes"}) == TextCleaning());
  CHECK(of({"lower,ascii"}) == TextCleaning::published());
  for (const Words& words : {Words{"none"}, {"reference"}, {"quotes"}, {"nfc", "quotes", "lower", "ascii", "trim"}}) {
    CHECK(of(words).words() == words);
  }
  CHECK(TextCleaning::published().text() == "lower ascii");
  CHECK(TextCleaning::reference().text() == "reference");
  for (const Words& words :
       {Words{}, {""}, {"None"}, {"nfd"}, {"none", "trim"}, {"published", "trim"}, {"lower,"}, {"reference,trim"}}) {
    CHECK_FALSE(TextCleaning::from_words(words));
  }
  CHECK_THROWS_MATCHES(
      of({"lower", "utf8"}), UsageError,
      MessageMatches(ContainsSubstring("--clean-text: expected one of none, published, reference, or "
                                       "one or more of nfc, quotes, lower, ascii, trim, got lower utf8")));
}

TEST_CASE("Bytes that are not UTF-8 end no step") {
  for (const Words& words : {Words{"nfc"}, {"lower"}, {"ascii"}, {"trim"}, {"quotes"}}) {
    CHECK_NOTHROW(cleaned(of(words), "a\xFF e\xCC\x81\xC3"));
  }
}

}  // namespace
}  // namespace canine
