#include "canine/data/key_check.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"
#include "support.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

FormatterOptions blocks_of(int64_t block_size, bool lists = false) {
  return {.kind = FormatterKind::kGeneral, .block_size = block_size, .use_within_block_sep = lists};
}

struct KeyOf {
  explicit KeyOf(const std::vector<std::string>& codes) {
    std::string text = "system_code,code\n";
    for (size_t i = 0; i < codes.size(); ++i) text += codes[i] + "," + std::to_string(i) + "\n";
    path = testing::write_text(folder / "key.csv", text);
  }

  std::string told(const FormatterOptions& formatter) const {
    const testing::Captured captured(STDERR_FILENO);
    require_sound_key(path, formatter);
    return captured.text();
  }

  testing::TemporaryFolder folder;
  std::filesystem::path path;
};

TEST_CASE("Keys of trainings have no faults") {
  CHECK(find_key_doubts(KeyOf({"58220", "", "01110", "-1", "?"}).path, blocks_of(5)).text().empty());
  CHECK(find_key_doubts(KeyOf({"\"1,22\"", "\"3,4,5\"", "6.0"}).path, blocks_of(3, true)).text().empty());
  CHECK(find_key_doubts(KeyOf({"1.5", "2.0"}).path, blocks_of(3)).text().empty());
  CHECK(find_key_doubts(KeyOf({"1.0"}).path, {.kind = FormatterKind::kHisco}).text().empty());
}

TEST_CASE("Codes that became numbers or got blanks are refused with the line") {
  const auto refused = [](const KeyOf& key, const std::string& what) {
    CHECK_THROWS_MATCHES(require_sound_key(key.path, blocks_of(5)), DataError, MessageMatches(ContainsSubstring(what)));
  };
  refused(KeyOf({"58220.0", "", "1110.0"}), "2 codes end in '.0' (first in");
  refused(KeyOf({"", "58220.0"}), "line 3: '58220.0'");
  refused(KeyOf({"5.8e+04", "12345"}), "1 code is a rounded number");
  refused(KeyOf({"12345", " 58220", "58221 "}), "2 codes have blanks around them (first in");
  refused(KeyOf({"\" 1,2\""}), "1 code has blanks around it");
  refused(KeyOf({"12345", "2011-01-05"}), "1 code is a date (first in");
}

TEST_CASE("Codes that may be meant so are counted only") {
  CHECK_THAT(KeyOf({"58220", "58221", "1110"}).told(blocks_of(5)),
             ContainsSubstring("warning: column system_code: 1 code has fewer than 5 digits, 2 have 5"));
  CHECK_THAT(KeyOf({"1.0", "2.0"}).told(blocks_of(3)), ContainsSubstring("2 codes end in '.0'"));
  CHECK_THAT(KeyOf({"58220", "-"}).told(blocks_of(5)), ContainsSubstring("1 code seems to say that there is none"));
  CHECK(KeyOf({"58220", "58221"}).told(blocks_of(5)).empty());
}

TEST_CASE("Codes that some files have without their zeros are told from others") {
  const auto told = [](const std::vector<std::string>& codes, const FormatterOptions& formatter) {
    LabelKey key;
    for (const std::string& code : codes) key.add(code);
    const testing::Captured captured(STDERR_FILENO);
    warn_of_lost_zeros(key, formatter);
    return captured.text();
  };
  CHECK_THAT(
      told({"00307", "12", "307", "58220", "00012"}, blocks_of(5)),
      ContainsSubstring("2 codes are in the data with and without leading zeros, the first as '12' and '00012'"));
  CHECK_THAT(told({"01110", "1110"}, blocks_of(5)), ContainsSubstring("1 code is in the data"));
  CHECK(told({"0307", "307", "58220"}, blocks_of(5)).empty());
  CHECK(told({"00307", "307"}, blocks_of(5, true)).empty());
}

}  // namespace
}  // namespace canine
