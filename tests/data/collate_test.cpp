#include <ATen/ops/narrow.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <numeric>
#include <optional>

#include "batch_support.hpp"
#include "canine/checkpoint/safetensors.hpp"
#include "canine/core/errors.hpp"
#include "canine/dist/cuda_library.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

using Rows = std::vector<int64_t>;

/// The ids of a row without its padding.
std::vector<int64_t> characters(const Batch& batch, int64_t row) {
  const int64_t* ids = batch.input_ids.const_data_ptr<int64_t>() + row * batch.input_ids.size(1);
  const int64_t* mask = batch.attention_mask.const_data_ptr<int64_t>() + row * batch.attention_mask.size(1);
  std::vector<int64_t> found;
  for (int64_t i = 0; i < batch.input_ids.size(1); ++i) {
    if (mask[i] == 1) found.push_back(ids[i]);
    if (mask[i] == 0) CHECK(ids[i] == 0);
  }
  return found;
}

TEST_CASE("Batches equal those of the Python program", "[collate]") {
  const std::string fixture = CANINE_FIXTURES "/tiny_a/";
  Dataset::Options options;
  options.files = {fixture + "data/data_train.csv"};
  options.system = std::make_shared<CodeSystem>(testing::general_system(
      {"hisco_1", "hisco_2"}, 5, std::make_shared<LabelKey>(LabelKey::read(fixture + "data/key.csv"))));
  const Dataset data(options);
  REQUIRE(data.size() == 40);
  const NamedTensors expected = read_safetensors(fixture + "step_batches.safetensors");
  const auto tensor = [&expected](const std::string& name) {
    const auto found = std::ranges::find_if(expected, [&name](const auto& entry) { return entry.first == name; });
    REQUIRE(found != expected.end());
    return found->second;
  };
  for (int64_t i = 0; i < 5; ++i) {
    Rows rows(8);
    std::iota(rows.begin(), rows.end(), 8 * i);
    const Batch batch = collate(data, rows, {.cleaning = TextCleaning::reference()});
    const std::string prefix = std::to_string(i) + ".";
    CAPTURE(i);
    CHECK(batch.rows == rows);
    CHECK(batch.size() == 8);
    CHECK(at::equal(batch.input_ids, tensor(prefix + "input_ids")));
    CHECK(at::equal(batch.attention_mask, tensor(prefix + "attention_mask")));
    CHECK(at::equal(batch.targets_seq2seq, tensor(prefix + "targets_seq2seq")));
    CHECK(at::equal(batch.targets_linear, tensor(prefix + "targets_linear")));
  }
}

TEST_CASE("Masked batches are as wide as their longest row needs", "[collate]") {
  // CLS, "en[SEP]", the text, SEP: the text's length + 9
  struct Case {
    size_t text_length;
    int64_t max_len;
    int64_t width;
  };
  for (const Case& c :
       {Case{0, 128, 20}, Case{3, 128, 20}, Case{4, 128, 24}, Case{7, 128, 24}, Case{111, 128, 128},
        Case{112, 128, 128}, Case{500, 128, 128}, Case{3, 16, 16}, Case{3, 13, 13}, Case{500, 203, 203}}) {
    CAPTURE(c.text_length, c.max_len);
    const auto data = testing::dataset_of({"", std::string(c.text_length, 'q'), "x"});
    const Batch batch = collate(*data, Rows{0, 1}, {.max_len = c.max_len, .padding = Padding::kMask});
    CHECK(batch.input_ids.sizes() == at::IntArrayRef({2, c.width}));
    CHECK(batch.attention_mask.sizes() == at::IntArrayRef({2, c.width}));
    const Batch whole = collate(*data, Rows{0, 1}, {.max_len = c.max_len});
    CHECK(whole.input_ids.size(1) == c.max_len);
    CHECK(at::equal(batch.input_ids, at::narrow(whole.input_ids, 1, 0, c.width)));
    CHECK(at::equal(batch.attention_mask, at::narrow(whole.attention_mask, 1, 0, c.width)));
    CHECK(batch.input_ids.is_contiguous());
  }
}

TEST_CASE("Long texts are cut and end with SEP", "[collate]") {
  const auto data = testing::dataset_of({std::string(40, 'q')});
  const Batch batch = collate(*data, Rows{0}, {.max_len = 12});
  CHECK(characters(batch, 0) == std::vector<int64_t>{0xE000, 'e', 'n', '[', 'S', 'E', 'P', ']', 'q', 'q', 'q', 0xE001});
  CHECK_THROWS_AS(collate(*data, Rows{0}, {.max_len = 1}), UsageError);
}

TEST_CASE("An empty batch is possible", "[collate]") {
  const auto data = testing::dataset_of({"x"});
  for (const Padding padding : {Padding::kReference, Padding::kMask}) {
    const Batch batch = collate(*data, Rows{}, {.padding = padding});
    CHECK(batch.size() == 0);
    CHECK(batch.targets_linear.sizes() == at::IntArrayRef({0, 1}));
  }
}

TEST_CASE("Rows may come in any order and repeatedly", "[collate]") {
  const auto data = testing::dataset_of(testing::many_texts(9));
  const Batch batch = collate(*data, Rows{7, 2, 7}, {});
  const Batch single = collate(*data, Rows{7}, {});
  for (const int64_t row : {0, 2}) {
    CHECK(at::equal(at::narrow(batch.input_ids, 0, row, 1), single.input_ids));
    CHECK(at::equal(at::narrow(batch.targets_seq2seq, 0, row, 1), single.targets_seq2seq));
    CHECK(at::equal(at::narrow(batch.targets_linear, 0, row, 1), single.targets_linear));
  }
}

TEST_CASE("What augmentation does to a row depends on seed, epoch and row alone", "[collate]") {
  const auto data = testing::dataset_of(testing::many_texts(60));
  const Augmentation augmentation({.augmentation_prob = 0.5}, data->word_source());
  Rows rows(60);
  std::iota(rows.begin(), rows.end(), 0);
  const Batch whole = collate(*data, rows, {}, &augmentation, 5, 3);
  for (const int64_t row : rows) {
    const Batch single = collate(*data, Rows{row}, {}, &augmentation, 5, 3);
    CHECK(at::equal(at::narrow(whole.input_ids, 0, row, 1), single.input_ids));
  }
  CHECK_FALSE(at::equal(whole.input_ids, collate(*data, rows, {}, &augmentation, 5, 4).input_ids));
  CHECK_FALSE(at::equal(whole.input_ids, collate(*data, rows, {}, &augmentation, 6, 3).input_ids));
  CHECK(at::equal(whole.targets_seq2seq, collate(*data, rows, {}).targets_seq2seq));
  CHECK(at::equal(whole.targets_linear, collate(*data, rows, {}).targets_linear));
}

TEST_CASE("Texts are changed at random, then cleaned; languages are hidden", "[collate]") {
  const auto data = testing::dataset_of({"['BAKER']"});
  TextCleaning cleaning;
  const auto text_with = [&](const Augmentation* augmentation) {
    std::string text;
    for (const int64_t id : characters(collate(*data, Rows{0}, {.cleaning = cleaning}, augmentation, 1, 0), 0)) {
      text += id < 128 ? std::string(1, static_cast<char>(id)) : "|";
    }
    return text;
  };
  const Augmentation nothing({.augmentation_prob = 0, .unknown_language_prob = 0}, nullptr);
  cleaning = TextCleaning::none();
  CHECK(text_with(nullptr) == "|en[SEP]['BAKER']|");
  CHECK(text_with(&nothing) == "|en[SEP]['BAKER']|");
  cleaning = TextCleaning::reference();
  CHECK(text_with(nullptr) == "|en[SEP]['BAKER']|");
  CHECK(text_with(&nothing) == "|en[SEP]BAKER|");
  cleaning = TextCleaning::published();
  CHECK(text_with(nullptr) == "|en[SEP]['baker']|");
  cleaning.quotes = true;
  CHECK(text_with(nullptr) == "|en[SEP]baker|");
  CHECK(text_with(&nothing) == "|en[SEP]baker|");
  const Augmentation strip({.augmentation_prob = 0, .unknown_language_prob = 0}, nullptr);
  CHECK(text_with(&strip) == "|en[SEP]baker|");
  const Augmentation hide({.augmentation_prob = 0, .unknown_language_prob = 1}, nullptr);
  CHECK(text_with(&hide) == "|unk[SEP]baker|");
  const Augmentation change({.augmentation_prob = 1, .num_transformations = 9, .unknown_language_prob = 0}, nullptr);
  const std::string changed = text_with(&change);
  CHECK(changed.starts_with("|en[SEP]"));
  CHECK(changed != "|en[SEP]baker|");
}

/// Whether all tensors of a batch lie in page-locked memory; nullopt if only some do.
std::optional<bool> pinned(const Batch& batch) {
  const std::array tensors = {batch.input_ids, batch.attention_mask, batch.targets_seq2seq, batch.targets_linear};
  const auto count = std::ranges::count_if(tensors, [](const at::Tensor& tensor) { return tensor.is_pinned(); });
  if (count != 0 && count != std::ssize(tensors)) return std::nullopt;
  return count != 0;
}

TEST_CASE("Pinned memory changes no number", "[collate]") {
  if (num_visible_gpus() == 0) SKIP("needs a GPU: " + open_cuda());
  const auto data = testing::dataset_of(testing::many_texts(5));
  for (const Padding padding : {Padding::kReference, Padding::kMask}) {
    const Batch locked = collate(*data, Rows{0, 1, 2}, {.padding = padding, .pin_memory = true});
    const Batch plain = collate(*data, Rows{0, 1, 2}, {.padding = padding});
    CHECK(pinned(locked) == true);
    CHECK(pinned(plain) == false);
    CHECK(testing::equal_batches(locked, plain));
  }
}

TEST_CASE("Without a GPU no memory is pinned", "[collate]") {
  if (num_visible_gpus() != 0) SKIP("there is a GPU");
  const auto data = testing::dataset_of(testing::many_texts(5));
  CHECK(pinned(collate(*data, Rows{0, 1, 2}, {.pin_memory = true})) == false);
}

}  // namespace
}  // namespace canine
