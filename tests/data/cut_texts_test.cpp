#include "canine/data/cut_texts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "canine/data/key.hpp"
#include "support/general_system.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

constexpr int64_t kMost = 2048;

TEST_CASE("Texts are counted in characters, with language, separator and two marks") {
  CutTexts texts;
  const std::string ten(10, 'x');
  texts.add("en[SEP]", ten, 19);  // 2 + 5 + 10 + 2
  CHECK(texts.cut == 0);
  texts.add("en[SEP]", ten, 18);
  CHECK(texts.cut == 1);
  CHECK(texts.longest == 19);
  texts.add("en[SEP]", "鞋匠鞋匠鞋匠鞋匠鞋匠", 19);
  CHECK(texts.cut == 1);
  texts.add("unk[SEP]", ten, 19, 3);
  CHECK(texts.cut == 4);
  CHECK(texts.longest == 20);
  CHECK(texts.rows == 6);
  CutTexts all;
  all.add(texts);
  all.add(texts);
  CHECK(all.cut == 8);
  CHECK(all.rows == 12);
  CHECK(all.longest == 20);
}

TEST_CASE("The warning names the --max-len that would hold all, or the most that the encoder takes") {
  CutTexts texts;
  CHECK_FALSE(texts.warning("descriptions", 128, kMost));
  texts.add("en[SEP]", std::string(300, 'x'), 128);
  CHECK(texts.warning("descriptions", 128, kMost) ==
        "1 of 1 descriptions is longer than --max-len 128 and is cut there, language and marks included; --max-len "
        "309 would hold all");
  texts.add("en[SEP]", std::string(3000, 'x'), 128);
  CHECK(texts.warning("descriptions", 128, kMost)
            ->ends_with("the longest has 3009, and the encoder takes 2048 at most (--max-len 2048)"));
}

TEST_CASE("Rows of a data set are counted as the model gets them") {
  const testing::TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "rows.csv";
  std::ofstream(file) << "occ1,lang,a\n['1234567890'],en,1\n1234567890,unk,1\n";
  const auto key = std::make_shared<LabelKey>();
  key->add("1");
  Dataset::Options options;
  options.files = {file};
  options.system = std::make_shared<CodeSystem>(testing::general_system({"a"}, 1, key));
  const Dataset data(options);
  const auto cut = [&](const TextCleaning& cleaning, TextUse use, int64_t max_len) {
    return find_cut_texts(data, cleaning, use, max_len, 2).cut;
  };
  CHECK(cut({}, TextUse::kPrediction, 20) == 0);
  CHECK(cut({}, TextUse::kPrediction, 19) == 1);
  CHECK(cut({}, TextUse::kPrediction, 18) == 2);
  CHECK(cut(TextCleaning::none(), TextUse::kPrediction, 20) == 1);
  CHECK(cut(TextCleaning::reference(), TextUse::kPrediction, 20) == 1);
  CHECK(cut(TextCleaning::reference(), TextUse::kTraining, 20) == 0);
}

}  // namespace
}  // namespace canine
