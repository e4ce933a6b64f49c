#include "canine/checkpoint/safetensors.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdint>
#include <map>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "temp_folder.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;

/// A safetensors file of this header and so many data bytes.
std::string file_of(const std::string& header, size_t data_bytes) {
  std::string text;
  for (int i = 0; i < 8; ++i) text.push_back(static_cast<char>(header.size() >> (8 * i)));
  return text + header + std::string(data_bytes, '\1');
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

/// "[1,1,...]" with so many ones.
std::string ones(int count) {
  std::string text = "[1";
  for (int i = 1; i < count; ++i) text += ",1";
  return text + "]";
}

TEST_CASE("safetensors: metadata comes back") {
  const TempFolder folder;
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"note", "\"a\"\n\u00e6"}};
  write_safetensors(folder / "a.safetensors", {}, metadata);
  CHECK(read_safetensors_metadata(folder / "a.safetensors") == metadata);
  write_safetensors(folder / "b.safetensors", {});
  CHECK(read_safetensors_metadata(folder / "b.safetensors").empty());
}

TEST_CASE("safetensors: a fixture comes out in the order of its data with its values") {
  const NamedTensors tensors = read_safetensors(CANINE_FIXTURES "/tiny_a/batch.safetensors");
  REQUIRE(tensors.size() == 4);
  for (const auto& [name, tensor] : tensors) {
    INFO(name);
    CHECK(reinterpret_cast<uintptr_t>(tensor.data_ptr()) % 64 == 0);
    CHECK(tensor.size(0) == 8);
  }
  const auto& ids =
      std::find_if(tensors.begin(), tensors.end(), [](const auto& item) { return item.first == "input_ids"; })->second;
  CHECK(ids.scalar_type() == at::kLong);
  CHECK(ids.const_data_ptr<int64_t>()[0] == 0xE000);
}

TEST_CASE("safetensors: what is written comes back, of any type, layout and shape") {
  const TempFolder folder;
  const at::Tensor base = at::arange(24, at::kFloat).reshape({4, 6});
  const NamedTensors tensors = {{"matrix", base},
                                {"transposed \xC3\xA6", base.t()},
                                {"view", base.slice(1, 2, 4)},
                                {"scalar", base.select(0, 1).select(0, 1)},
                                {"empty", at::empty({0, 3}, at::kLong)},
                                {"half", base.to(at::kHalf)},
                                {"bf16", base.to(at::kBFloat16)},
                                {"double", base.to(at::kDouble)},
                                {"bool", base.to(at::kBool)},
                                {"byte", base.to(at::kByte)},
                                {"needs_grad", base.clone().requires_grad_(true)}};
  write_safetensors(folder / "a.safetensors", tensors, {{"format", "pt"}});
  const NamedTensors back = read_safetensors(folder / "a.safetensors");
  REQUIRE(back.size() == tensors.size());
  for (size_t i = 0; i < back.size(); ++i) {
    INFO(tensors[i].first);
    CHECK(back[i].first == tensors[i].first);
    CHECK(back[i].second.scalar_type() == tensors[i].second.scalar_type());
    CHECK(at::equal(back[i].second, tensors[i].second));
  }
}

TEST_CASE("safetensors: an empty set of tensors is a file too") {
  const TempFolder folder;
  write_safetensors(folder / "a.safetensors", {});
  CHECK(read_safetensors(folder / "a.safetensors").empty());
}

TEST_CASE("safetensors: bad files are refused with their reason") {
  struct Case {
    const char* what;
    std::string content;
    const char* message;
  };
  const std::string good = entry("F32", "[2]", "[0,8]");
  const auto one = [](const std::string& body) { return "{\"a\":" + body + "}"; };
  const std::string huge("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10);
  const Case cases[] = {
      {"empty file", "", "at least 8"},
      {"cut prefix", "\x08\0\0", "at least 8"},
      {"header length 0", file_of("", 8), "'{'"},
      {"header longer than the file", std::string("\x40\0\0\0\0\0\0\0{}", 10), "cut off"},
      {"header of 2^63 bytes", huge, "the limit is"},
      {"not JSON", file_of("{\"a\":", 8), "not JSON"},
      {"text after the JSON", file_of("{} x", 0), "not JSON"},
      {"a list", file_of("[1]", 0), "'{'"},
      {"invalid UTF-8", file_of("{\"\xff\":" + good + "}", 8), "not JSON"},
      {"nested deeply", file_of("{\"a\":" + std::string(100000, '[') + "}", 0), "does not belong"},
      {"nested objects", file_of("{\"a\":{\"dtype\":{}}}", 0), "an object"},
      {"a name twice", file_of("{\"a\":" + good + ",\"a\":" + good + "}", 8), "occurs twice"},
      {"a key twice", file_of(one(R"({"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]})"), 8),
       "occurs twice"},
      {"no dtype", file_of(one(R"({"shape":[2],"data_offsets":[0,8]})"), 8), "were expected"},
      {"another key", file_of(one(R"({"dtype":"F32","shape":[2],"offsets":[0,8]})"), 8), "unknown key"},
      {"unknown dtype", file_of(one(entry("F33", "[2]", "[0,8]")), 8), "unknown dtype 'F33'"},
      {"dtype is a number", file_of(one(R"({"dtype":1,"shape":[2],"data_offsets":[0,8]})"), 8), "a number"},
      {"negative size", file_of(one(entry("F32", "[-2]", "[0,8]")), 8), "negative"},
      {"size with a point", file_of(one(entry("F32", "[2.0]", "[0,8]")), 8), "point"},
      {"null", file_of(one("null"), 8), "null"},
      {"size beyond 63 bits", file_of(one(entry("F32", "[9223372036854775808]", "[0,8]")), 8), "too large"},
      {"shape overflows", file_of(one(entry("F32", "[4294967296,4294967296]", "[0,8]")), 8), "overflows"},
      {"bytes overflow", file_of(one(entry("F64", "[4611686018427387904]", "[0,8]")), 8), "overflows"},
      {"zero hides an overflow", file_of(one(entry("F32", "[0,4294967296,4294967296]", "[0,0]")), 0), "overflows"},
      {"65 dimensions", file_of(one(entry("F32", ones(65), "[0,4]")), 4), "overflows"},
      {"one offset", file_of(one(entry("F32", "[2]", "[0]")), 8), "two numbers"},
      {"three offsets", file_of(one(entry("F32", "[2]", "[0,8,8]")), 8), "two numbers"},
      {"range too short for the shape", file_of(one(entry("F32", "[3]", "[0,8]")), 8), "needs 12 bytes"},
      {"dtype too wide for the range", file_of(one(entry("F64", "[2]", "[0,8]")), 8), "needs 16 bytes"},
      {"reversed range", file_of(one(entry("F32", "[2]", "[8,0]")), 8), "tile"},
      {"range beyond the file", file_of(one(good), 4), "cut off"},
      {"data beyond the last range", file_of(one(good), 9), "the file holds 9"},
      {"gap at the start", file_of(one(entry("F32", "[1]", "[4,8]")), 8), "tile"},
      {"gap", file_of("{\"a\":" + entry("F32", "[1]", "[0,4]") + ",\"b\":" + entry("F32", "[1]", "[8,12]") + "}", 12),
       "tile"},
      {"overlap", file_of("{\"a\":" + good + ",\"b\":" + entry("F32", "[2]", "[4,12]") + "}", 12), "tile"},
      {"metadata with a number", file_of("{\"__metadata__\":{\"a\":1}}", 0), "a number"},
      {"metadata is a list", file_of("{\"__metadata__\":[]}", 0), "does not belong"},
  };
  for (const Case& bad : cases) {
    INFO(bad.what);
    const MemoryFile file(bad.content);
    CHECK_THROWS_AS(read_safetensors(file.path()), CheckpointError);
    CHECK_THROWS_WITH(read_safetensors(file.path()), ContainsSubstring(bad.message));
  }
}

TEST_CASE("safetensors: a file cut at any place is refused") {
  const std::string whole = read_file(CANINE_FIXTURES "/tiny_a/batch.safetensors");
  for (size_t length = 0; length < whole.size(); length += length < 600 ? 7 : 997) {
    INFO(length);
    CHECK_THROWS_AS(read_safetensors(MemoryFile(whole.substr(0, length)).path()), CheckpointError);
  }
}

TEST_CASE("safetensors: two tensors of one name cannot be written") {
  const TempFolder folder;
  const at::Tensor tensor = at::arange(3);
  CHECK_THROWS_AS(write_safetensors(folder / "a.safetensors", {{"a", tensor}, {"a", tensor}}), InternalError);
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace canine
