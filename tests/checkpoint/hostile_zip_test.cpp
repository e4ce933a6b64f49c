// Zip files that are torn, damaged, or lie about what they hold.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <random>

#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "describe.hpp"
#include "temp_folder.hpp"
#include "test_paths.hpp"
#include "zip_maker.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using namespace std::string_literals;

const std::filesystem::path kAfter10 = CANINE_FIXTURES "/tiny_a/after10.bin";
const std::string kPickle = "\x80\x02N.";

PickleValue read_content(const std::string& content) { return read_torch_file(MemoryFile(content).path()); }

std::vector<ZipPart> parts_with(ZipPart part) {
  std::vector<ZipPart> parts = torch_parts(kPickle);
  parts.push_back(std::move(part));
  return parts;
}

/// A ZIP64 end record and its locator for a directory at `place`.
std::string end64(uint64_t place, uint64_t entries, uint64_t directory, uint64_t directory_bytes) {
  return "PK\6\6" + little_endian(44, 8) + little_endian(0, 4) + little_endian(0, 8) + little_endian(entries, 8) +
         little_endian(entries, 8) + little_endian(directory_bytes, 8) + little_endian(directory, 8) + "PK\6\7" +
         little_endian(0, 4) + little_endian(place, 8) + little_endian(1, 4);
}

TEST_CASE("hostile zip: the maker's plain file is good, so each refusal below has its own cause") {
  CHECK(read_content(make_zip(torch_parts(kPickle))).is_none());
  CHECK(read_content(make_zip(torch_parts(kPickle), {.comment = "a comment"})).is_none());
  const std::string zeros(100000, '\0');
  ZipPart part{.name = "a/x", .content = deflated(zeros), .method = 8, .crc = crc_of(zeros), .size = zeros.size()};
  CHECK(read_content(make_zip(parts_with(part))).is_none());
  part.crc = crc_of(""), part.size = 0, part.content = deflated("");
  CHECK(read_content(make_zip(parts_with(part))).is_none());
  const std::string plain = make_zip(torch_parts(kPickle));
  const uint64_t directory = plain.find("PK\1\2");
  const uint64_t end = plain.find("PK\5\6");
  const ZipEnd with64{.before = end64(end, 3, directory, end - directory)};
  CHECK(read_content(make_zip(torch_parts(kPickle), with64)).is_none());
}

TEST_CASE("hostile zip: lies are refused with their reason") {
  const std::string x(100, 'x');
  const std::string zeros(1 << 20, '\0');
  const std::string plain = make_zip(torch_parts(kPickle));
  const uint64_t directory = plain.find("PK\1\2");
  const uint64_t end = plain.find("PK\5\6");
  const auto with_end = [](const ZipEnd& lie) { return make_zip(torch_parts(kPickle), lie); };
  const auto with = [](const ZipPart& part) { return make_zip(parts_with(part)); };
  const auto without = [](const std::string& name) {
    auto parts = torch_parts(kPickle);
    std::erase_if(parts, [&](const auto& part) { return part.name == name; });
    return make_zip(parts);
  };
  const auto replaced = [](const std::string& name, const std::string& content) {
    auto parts = torch_parts(kPickle);
    for (auto& part : parts) {
      if (part.name == name) part.content = content;
    }
    return make_zip(parts);
  };
  const auto zip64_field = [](const std::string& numbers) {
    return little_endian(1, 2) + little_endian(numbers.size(), 2) + numbers;
  };
  struct Case {
    const char* what;
    std::string content;
    const char* message;
  };
  const Case cases[] = {
      {"empty file", "", "does not start"},
      {"text", "hello, I am no zip file at all, but long enough", "does not start"},
      {"start only", "PK\3\4", "too short"},
      {"bytes before the zip", "#!/bin/sh\n" + plain, "does not start"},
      {"no entries", "PK\3\4" + make_zip({}), "does not lie"},
      {"bytes behind the zip", plain + "x", "its end is missing"},
      {"comment longer than the file", with_end({.comment_bytes = 7}), "its end is missing"},
      {"count too large", with_end({.entries = 4}), "4 entries in a directory of"},
      {"count too small", with_end({.entries = 2}), "more bytes"},
      {"count saturated", with_end({.entries = 0xffff}), "ZIP64 end record is missing"},
      {"directory elsewhere", with_end({.directory = 0}), "does not lie"},
      {"directory beyond", with_end({.directory = 0xfffffff0}), "does not lie"},
      {"directory saturated", with_end({.directory = 0xffffffff}), "ZIP64"},
      {"directory too long", with_end({.directory_bytes = 0x7fffffff}), "does not lie"},
      {"second disk", with_end({.disk = 1}), "several disks"},
      {"ZIP64 with 2^32 entries",
       with_end({.entries = 0xffff, .before = end64(end, uint64_t{1} << 32, directory, end - directory)}),
       "4294967296 entries"},
      {"ZIP64 with 2^63 bytes", with_end({.before = end64(end, 3, directory, uint64_t{1} << 63)}), "disagree"},
      {"ZIP64 with another count", with_end({.before = end64(end, 2, directory, end - directory)}), "disagree"},
      {"ZIP64 locator elsewhere", with_end({.before = end64(0, 3, directory, end - directory)}), "points elsewhere"},
      {"a name twice", with({.name = "a/data.pkl", .content = kPickle}), "occurs twice"},
      {"parent folder", with({.name = "a/../b", .content = x}), "unsafe name"},
      {"parent folder at the start", with({.name = "../b", .content = x}), "unsafe name"},
      {"absolute name", with({.name = "/etc/passwd", .content = x}), "unsafe name"},
      {"backslash", with({.name = "a\\b", .content = x}), "unsafe name"},
      {"NUL in a name", with({.name = "a/b\0c"s, .content = x}), "unsafe name"},
      {"empty name", with({.name = "", .content = x}), "unsafe name"},
      {"drive letter", with({.name = "C:/x", .content = x}), "unsafe name"},
      {"second top folder", with({.name = "b/data.pkl", .content = x}), "one top folder"},
      {"file without folder", make_zip({{.name = "data.pkl", .content = kPickle}}), "one top folder"},
      {"symbolic link", with({.name = "a/x", .content = x, .made_by = 3 << 8, .attributes = 0xA1FF0000}),
       "symbolic link"},
      {"encrypted", with({.name = "a/x", .content = x, .flags = 1}), "encrypted"},
      {"unknown method", with({.name = "a/x", .content = x, .method = 12}), "unknown method 12"},
      {"wrong checksum", with({.name = "a/x", .content = x, .crc = 1}), "CRC-32"},
      {"sizes differ", with({.name = "a/x", .content = x, .size = 101}), "two sizes differ"},
      {"content beyond the data", with({.name = "a/x", .content = x, .stored_size = 5000, .size = 5000}), "beyond"},
      {"content over the next",
       make_zip({{.name = "a/x", .content = x, .stored_size = 130, .size = 130},
                 {.name = "a/data.pkl", .content = kPickle}}),
       "overlaps"},
      {"content shorter", with({.name = "a/x", .content = x, .stored_size = 90, .size = 90}), "unknown bytes behind"},
      {"one place for two",
       make_zip({{.name = "a/data.pkl", .content = kPickle}, {.name = "a/data.pkL", .content = kPickle, .header = 0}}),
       "disagree"},
      {"header beyond the data", with({.name = "a/x", .content = x, .header = 0x7fffffff}), "beyond the data"},
      {"header in the middle", with({.name = "a/x", .content = x, .header = 3}), "no local header"},
      {"another name before the data", with({.name = "a/x", .content = x, .local_name = "a/y"}), "disagree"},
      {"other disk", with({.name = "a/x", .content = x, .disk = 1}), "another disk"},
      {"size saturated without field",
       with({.name = "a/x", .content = x, .stored_size = 0xffffffff, .size = 0xffffffff}), "beyond"},
      {"ZIP64 size of 2^63",
       with({.name = "a/x",
             .content = x,
             .stored_size = 0xffffffff,
             .size = 0xffffffff,
             .extra = zip64_field(little_endian(uint64_t{1} << 63, 8) + little_endian(uint64_t{1} << 63, 8))}),
       "beyond"},
      {"ZIP64 size that needs none",
       with({.name = "a/x",
             .content = x,
             .stored_size = 0xffffffff,
             .size = 0xffffffff,
             .extra = zip64_field(little_endian(100, 8) + little_endian(100, 8))}),
       "needs none"},
      {"ZIP64 field too short", with({.name = "a/x", .content = x, .size = 0xffffffff, .extra = zip64_field("1234")}),
       "cut off"},
      {"ZIP64 field too long", with({.name = "a/x", .content = x, .extra = zip64_field("12345678")}), "too long"},
      {"extra field beyond itself", with({.name = "a/x", .content = x, .extra = "\1\0\xff\xff"s}), "cut off"},
      {"zip bomb",
       with({.name = "a/x", .content = deflated(zeros), .method = 8, .crc = crc_of(zeros), .size = uint64_t{1} << 31}),
       "grow beyond"},
      {"deflated to less",
       with({.name = "a/x", .content = deflated(zeros), .method = 8, .crc = crc_of(zeros), .size = zeros.size() + 1}),
       "compressed data are damaged"},
      {"deflated to more",
       with({.name = "a/x", .content = deflated(zeros), .method = 8, .crc = crc_of(zeros), .size = zeros.size() - 1}),
       "compressed data are damaged"},
      {"deflated to much more", with({.name = "a/x", .content = deflated(zeros), .method = 8, .crc = 0, .size = 0}),
       "compressed data are damaged"},
      {"not deflated at all", with({.name = "a/x", .content = x, .method = 8}), "compressed data are damaged"},
      {"deflated and more",
       with({.name = "a/x", .content = deflated(zeros) + "x", .method = 8, .crc = crc_of(zeros), .size = zeros.size()}),
       "compressed data are damaged"},
      {"no pickle", without("a/data.pkl"), "'data.pkl' is missing"},
      {"no version", without("a/version"), "'version' is missing"},
      {"newer version", replaced("a/version", "11\n"), "newer PyTorch"},
      {"version that is no number", replaced("a/version", "x"), "format version"},
      {"big-endian", replaced("a/byteorder", "big"), "byte order"},
      {"TorchScript", with({.name = "a/constants.pkl", .content = x}), "TorchScript"},
      {"pickle that is empty", replaced("a/data.pkl", ""), "cut off"},
      {"pickle of protocol 6", replaced("a/data.pkl", "\x80\x06N."), "protocol 6 is not supported"},
      {"pickle with more behind", replaced("a/data.pkl", kPickle + "x"), "behind the end"},
      {"pickle that is JSON", replaced("a/data.pkl", "{}"), "a pickle of protocol 2 to 5 was expected"},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    CHECK_THROWS_AS(read_content(each.content), CheckpointError);
    CHECK_THROWS_WITH(read_content(each.content), ContainsSubstring(each.message));
  }
}

TEST_CASE("hostile zip: a checkpoint cut at any length is refused") {
  const std::string whole = read_file(kAfter10);
  std::vector<size_t> lengths = {0, 1, 3, 4, 21, 22, 29, 30, 31, 63, 64};
  for (size_t length = 4096; length < whole.size(); length += 4096) lengths.push_back(length);
  for (size_t missing = 1; missing < 130; ++missing) lengths.push_back(whole.size() - missing);
  for (const size_t length : lengths) {
    INFO(length);
    CHECK_THROWS_AS(read_content(whole.substr(0, length)), CheckpointError);
  }
}

TEST_CASE("hostile zip: a flipped bit is noticed, or lies where nothing depends on it") {
  const std::string whole = read_file(kAfter10);
  const std::string expected = describe(read_torch_file(kAfter10));
  const size_t directory = whole.find("PK\1\2");
  std::mt19937 random(42);
  std::vector<size_t> places;
  for (int i = 0; i < 200; ++i) places.push_back(random() % whole.size());
  for (int i = 0; i < 60; ++i) places.push_back(directory + random() % (whole.size() - directory));
  for (size_t place = 0; place < 64; ++place) places.push_back(place);
  int unnoticed_in_data = 0;
  for (const size_t place : places) {
    INFO(place);
    std::string damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ (1 << (random() % 8)));
    try {
      const PickleValue value = read_content(damaged);
      // Versions, times and attributes of the zip format: the values are those of the whole file.
      CHECK((describe(value) == expected));
      if (place > 64 && place < directory) ++unnoticed_in_data;
    } catch (const CheckpointError&) {
    }
  }
  CHECK(unnoticed_in_data == 0);
}

}  // namespace
}  // namespace canine
