#include "canine/data/description_survey.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;

DescriptionSurvey survey_of(const std::vector<std::string>& texts) {
  DescriptionSurvey survey;
  for (const std::string& text : texts) survey.add(text);
  return survey;
}

std::string told_of(const DescriptionSurvey& survey) {
  const testing::Captured captured(STDERR_FILENO);
  survey.tell("--col id");
  return captured.text();
}

TEST_CASE("Rows without anything to read are counted") {
  DescriptionSurvey survey = survey_of({"smith", "", "NA", "\u200B \u00A0", "-", "?", "()"});
  survey.add("smith", /*missing=*/true);
  CHECK(survey.rows() == 8);
  CHECK(survey.empty() == 4);
  CHECK(survey.letterless() == 3);
  CHECK_THAT(told_of(survey),
             ContainsSubstring("note: --col id: 3 descriptions have no letter and no digit (such as '-', '?', '()')"));
  CHECK(told_of(survey_of({"smith", "", "baker 2"})).empty());
}

TEST_CASE("Columns of numbers and dates are no descriptions") {
  const auto note = [](const std::vector<std::string>& texts) { return told_of(survey_of(texts)); };
  CHECK_THAT(note({"1", "2.5", "1e+05", "-3"}),
             ContainsSubstring("note: --col id: 4 of the first 4 descriptions are numbers (such as '1'); is this"));
  CHECK_THAT(note({"1881-01-31", "1881-02-01 12:00:00", "31/1/1881", "31.01.1881", "1881-02-01T12:00:00Z"}),
             ContainsSubstring("5 of the first 5 descriptions are dates (such as '1881-01-31')"));
  CHECK_THAT(note({"True", "False"}), ContainsSubstring("descriptions are True or False"));
  CHECK(note({"smith", "7", "1881-01-31"}).empty());
  CHECK(note({}).empty());
  CHECK(note({"", ""}).empty());
}

TEST_CASE("Texts that a wrong encoding has damaged are counted in warnings") {
  const std::string told = told_of(survey_of({"smith", "sm\uFFFDr", "b\uFFFD", "sÃ¦be", "sm√∏r", "smør"}));
  CHECK_THAT(told,
             ContainsSubstring("warning: --col id: 2 descriptions have the sign U+FFFD where a letter was (such as "
                               "'sm\uFFFDr')"));
  CHECK_THAT(told, ContainsSubstring("warning: --col id: 2 descriptions have letters that seem to be UTF-8 read in "
                                     "another encoding (such as 'sÃ¦be')"));
  CHECK_THAT(told_of(survey_of({"sÃ¦be"})), ContainsSubstring("1 description has letters that seem"));
}

TEST_CASE("Whole rows in a column are a warning, a few separators are not") {
  CHECK_THAT(told_of(survey_of({"smith;en", "baker;da"})),
             ContainsSubstring("warning: --col id: 2 of the first 2 descriptions hold a ';'; is it the separator"));
  CHECK_THAT(told_of(survey_of({"smith\ten"})), ContainsSubstring("1 of the first 1 description holds a tab"));
  CHECK(told_of(survey_of({"smith; baker", "weaver", "cooper"})).empty());
}

TEST_CASE("A few texts do not hide a column of numbers, a few numbers none of texts") {
  std::vector<std::string> numbers;
  std::vector<std::string> texts;
  for (int i = 0; i < 2000; ++i) {
    numbers.push_back(i % 50 == 0 ? "unknown" : std::to_string(i));
    texts.push_back(i % 50 == 0 ? std::to_string(i) : "smith");
  }
  CHECK_THAT(told_of(survey_of(numbers)), ContainsSubstring("980 of the first 1,000 descriptions are numbers"));
  CHECK(told_of(survey_of(texts)).empty());
}

}  // namespace
}  // namespace canine
