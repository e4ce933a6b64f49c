#include "canine/app/word_frequencies.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>

#include "app/files.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

TEST_CASE("words are drawn in proportion to their frequency, a missing one never") {
  const Folder folder;
  const WordSource words = read_word_frequencies(folder.write("f.csv", "word,freq\nsmith,3\nnan,1.0\nnever,\nnot,0\n"));
  std::map<std::string, int> counts;
  constexpr int kDraws = 4000;
  Philox random(1, 0, 0);
  for (int i = 0; i < kDraws; ++i) ++counts[words.draw(random)];
  CHECK(counts.size() == 2);
  CHECK(counts["nan"] > kDraws / 4 - 150);  // 5 standard deviations
  CHECK(counts["nan"] < kDraws / 4 + 150);
}

TEST_CASE("frequencies that are no weights are named with their line") {
  const Folder folder;
  for (const std::string frequency : {"many", "-1", "inf", "1x"}) {
    CAPTURE(frequency);
    const auto file = folder.write("f.csv", "word,freq\na,1\nb," + frequency + "\n");
    std::string message;
    try {
      read_word_frequencies(file);
    } catch (const DataError& error) {
      message = error.what();
    }
    CHECK(message == file.string() + ", line 3, column freq: expected a number of at least 0, got '" + frequency + "'");
  }
  CHECK_THROWS_AS(read_word_frequencies(folder.write("f.csv", "word,freq\na,0\n")), DataError);
  const auto empty = folder.write("empty.csv", "word,freq\n");
  std::string message;
  try {
    read_word_frequencies(empty);
  } catch (const DataError& error) {
    message = error.what();
  }
  CHECK(message.starts_with("--fn-word-freq " + empty.string() + ": the file has no rows"));
}

}  // namespace
}  // namespace canine
