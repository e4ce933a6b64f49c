// Pickles that want to run something, to use up memory, or to read beyond their storages.

#include <sys/resource.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <random>

#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "describe.hpp"
#include "temp_folder.hpp"
#include "zip_maker.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using namespace std::string_literals;

std::string repeated(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

/// Reads a torch file that holds this pickle (without its first and last opcode) and a storage of 16 bytes.
PickleValue read_pickle(const std::string& body, char protocol = 2) {
  const MemoryFile file(make_zip(torch_parts("\x80"s + protocol + body + ".", {std::string(16, '\1')})));
  return read_torch_file(file.path());
}

std::string text(const std::string& content) { return "X" + little_endian(content.size(), 4) + content; }
std::string integer(int64_t value) { return "\x8a\x08" + little_endian(static_cast<uint64_t>(value), 8); }
std::string tuple(const std::vector<int64_t>& values) {
  std::string result = "(";
  for (const int64_t value : values) result += integer(value);
  return result + "t";
}
std::string storage(const std::string& type, int64_t numel, const std::string& key = "0") {
  return "(" + text("storage") + "c" + type + "\n" + text(key) + text("cpu") + integer(numel) + "tQ";
}
std::string tensor(const std::string& memory, int64_t offset, const std::vector<int64_t>& sizes,
                   const std::vector<int64_t>& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + memory + integer(offset) + tuple(sizes) + tuple(strides) +
         "\x89"
         "ccollections\nOrderedDict\n)RtR";
}
const std::string kFloats = storage("torch\nFloatStorage", 4);
const std::string kTextOfMegabyte = text(std::string(1 << 20, 'a'));

TEST_CASE("hostile pickle: calls are names, nothing runs") {
  const TempFolder folder;
  const std::string target = (folder / "made").string();
  const std::string shell = "(" + text("touch " + target) + "t";
  struct Case {
    std::string body;
    const char* expected;
  };
  const Case cases[] = {
      {"cos\nsystem\n" + shell + "R", "<os.system>"},
      {"cposix\nsystem\n" + shell + "R", "<posix.system>"},
      {"c__builtin__\neval\n(" + text("__import__('os').system('touch " + target + "')") + "tR", "<builtins.eval>"},
      {"c__builtin__\ngetattr\n(cos\nsystem\n" + text("__call__") + "tR" + shell + "R", "<builtins.getattr>"},
      {"csubprocess\nPopen\n(](" + text("touch") + text(target) + "etR", "<subprocess.Popen>"},
      {"csubprocess\nPopen\n)\x81}" + text("x") + "cos\nsystem\n" + shell + "Rsb", "<subprocess.Popen>"},
      {"}" + text("model") + "cos\nsystem\n" + shell + "Rs", "{'model': <os.system>}"},
      {"ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nctorch\nTensor\n" + shell + "NtR",
       "<torch._tensor._rebuild_from_type_v2>"},
      {"ccollections\nOrderedDict\n)R}" + text("__class__") + "cos\nsystem\n" + shell + "Rsb", "ordered{}"},
  };
  for (const Case& each : cases) {
    INFO(each.body);
    CHECK(describe(read_pickle(each.body)) == each.expected);
    CHECK(std::filesystem::is_empty(folder.path()));
  }
}

TEST_CASE("hostile pickle: odd but harmless ones are read") {
  CHECK(describe(read_pickle("Nr\xff\xff\xff\xff")) == "None");
  CHECK(describe(read_pickle("\x8a"s + '\0')) == "0");
  CHECK(describe(read_pickle("\x8a\x01\xff")) == "-1");
  CHECK(describe(read_pickle("\x8a\xff" + std::string(254, '\0') + '\1')).size() == 613);  // 256^254
  CHECK(describe(read_pickle(tensor(kFloats, 4, {0}, {1}))) == "Float[0]()");
  CHECK(describe(read_pickle(tensor(kFloats, 3, {1, 1}, {INT64_MAX, INT64_MAX}))).starts_with("Float[1,1](2.36"));
}

TEST_CASE("hostile pickle: refused with the reason, in bounded memory") {
  struct Case {
    const char* what;
    std::string body;
    const char* message;
  };
  std::string laughs = "]q" + "\0"s;
  for (char i = 1; i < 60; ++i)
    laughs += "](h" + std::string(1, static_cast<char>(i - 1)) + "h" + std::string(1, static_cast<char>(i - 1)) + "eq" +
              std::string(1, i);
  const std::string big_tuple = "(" + repeated("K\1", 1 << 19) + "tq\1";
  const Case cases[] = {
      {"nested lists", repeated("]", 100000) + repeated("a", 99999), "nested deeper"},
      {"nested tuples", ")" + repeated("\x85", 100000), "nested deeper"},
      {"a list in itself", "]q\1h\1a", "contain themselves"},
      {"billion laughs", "(" + laughs + "t", "beyond all bounds"},
      {"a long text many times", kTextOfMegabyte + "q\1" + "0"s, "unknown opcode 0x30"},
      {"a long text shared by many", "](" + kTextOfMegabyte + "q\1" + repeated("h\1", 300) + "e", "beyond all bounds"},
      {"a long name called often",
       "](c" + std::string(900, 'm') + "\n" + std::string(900, 'n') + "\nq\1" + repeated("h\1)R", 200000) + "e",
       "objects of more than"},
      {"a large tuple copied often", "](" + big_tuple + "ctorch\nSize\nq\2" + repeated("h\2h\1\x85R", 1000) + "e",
       "objects of more than"},
      {"a large tuple as sizes", "ctorch._utils\n_rebuild_tensor_v2\n(" + kFloats + "K" + "\0"s + big_tuple + "h\1tR",
       "too many"},
      {"many objects", "](" + repeated("]", 1100000) + "e", "more than 1048576 objects"},
      {"marks only", repeated("(", 100000), "does not end with one value"},
      {"nothing", "", "does not end with one value"},
      {"two values", "NN", "does not end with one value"},
      {"protocol 4 opcode", "\x95\0\0\0\0\0\0\0\0N"s, "unknown opcode 0x95"},
      {"LONG4", "\x8b\xff\xff\xff\xff"s, "unknown opcode 0x8b"},
      {"LONG1 beyond the end", "\x8a\xff", "cut off"},
      {"text of 4 GiB", "X\xff\xff\xff\xff", "cut off"},
      {"old text of -1 bytes", "T\xff\xff\xff\xff", "cut off"},
      {"a name without end", "cos", "line end"},
      {"a name of 2000 bytes", "c" + std::string(2000, 'm') + "\nn\n", "line end"},
      {"memo entry that is missing", "h\7", "memo entry 7"},
      {"memo of nothing", "q\1N", "value is missing"},
      {"append to nothing", "Na", "value is missing"},
      {"append to a number", "K\1Na", "no list"},
      {"items into a list", "](NNu", "no dict"},
      {"a key without a value", "}(Nu", "without a value"},
      {"a key twice", "}(" + text("a") + "N" + text("a") + "Nu", "occurs twice"},
      {"tuple without mark", "Nt", "mark is missing"},
      {"a call of a number", "K\1)R", "no name is called"},
      {"arguments that are no tuple", "cos\nsystem\n]R", "no tuple"},
      {"state of a list", "]}b", "has none"},
      {"attributes that are no dict", "ccollections\nOrderedDict\n)RNb", "no dict"},
      {"tuple that reaches below a mark", "N(N\x86", "value is missing"},
      {"bytes beyond latin-1", "c_codecs\nencode\n(" + text("\u4e2d") + text("latin1") + "tR", "beyond 255"},
      {"storage longer than its record", tensor(storage("torch\nFloatStorage", 5), 0, {1}, {1}),
       "16 bytes, 5 elements"},
      {"storage shorter than its record", tensor(storage("torch\nFloatStorage", 3), 0, {1}, {1}), "16 bytes, 3 elem"},
      {"storage of another type", tensor(storage("torch\nDoubleStorage", 4), 0, {1}, {1}), "4 elements of Double"},
      {"storage of 2^62", storage("torch\nFloatStorage", int64_t{1} << 62), "4611686018427387904 elements"},
      {"storage of -1", storage("torch\nFloatStorage", -1), "malformed storage"},
      {"storage without record", storage("torch\nFloatStorage", 4, "7"), "'data/7' is missing"},
      {"storage outside", storage("torch\nFloatStorage", 4, "../data.pkl"), "is missing"},
      {"storage of an unknown type", storage("torch\nQInt8Storage", 4), "unknown type"},
      {"storage of a foreign type", storage("evil\nFloatStorage", 4), "unknown type"},
      {"persistent id of one part", "(" + text("storage") + "tQ", "five parts"},
      {"persistent number", "K\1Q", "five parts"},
      {"one storage with two types", "(" + kFloats + storage("torch\nIntStorage", 4) + "t", "two types"},
      {"one storage with two sizes", "(" + kFloats + storage("torch\nFloatStorage", 2) + "t", "two types or sizes"},
      {"offset beyond", tensor(kFloats, 4, {1}, {1}), "beyond the 4 elements"},
      {"offset negative", tensor(kFloats, -1, {1}, {1}), "beyond the 4"},
      {"offset of 2^63-1", tensor(kFloats, INT64_MAX, {2}, {1}), "beyond the 4"},
      {"sizes beyond", tensor(kFloats, 0, {5}, {1}), "beyond the 4"},
      {"sizes beyond from offset", tensor(kFloats, 2, {3}, {1}), "beyond the 4"},
      {"strides beyond", tensor(kFloats, 0, {2, 2}, {3, 1}), "beyond the 4"},
      {"stride negative", tensor(kFloats, 3, {4}, {-1}), "beyond the 4"},
      {"stride overflow", tensor(kFloats, 0, {3}, {INT64_MAX}), "beyond the 4"},
      {"size negative", tensor(kFloats, 0, {-1}, {1}), "beyond the 4"},
      {"sizes overflow", tensor(kFloats, 0, {int64_t{1} << 32, int64_t{1} << 32}, {0, 0}), "impossible"},
      {"sizes overflow behind a zero", tensor(kFloats, 0, {0, int64_t{1} << 32, int64_t{1} << 32}, {0, 0, 0}), "impos"},
      {"sizes without strides", tensor(kFloats, 0, {2}, {}), "impossible"},
      {"65 dimensions", tensor(kFloats, 0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1)), "too many"},
      {"an element repeated 2^40 times", tensor(kFloats, 0, {int64_t{1} << 40}, {0}), "too often"},
      {"tensor of a text", "ctorch._utils\n_rebuild_tensor_v2\n(" + text("a") + "tR", "without storage"},
      {"tensor without sizes", "ctorch._utils\n_rebuild_tensor_v2\n(" + kFloats + integer(0) + "tR", "without sizes"},
      {"tensor with a size of text",
       "ctorch._utils\n_rebuild_tensor_v2\n(" + kFloats + integer(0) + text("a") + "\x85)tR", "no whole number"},
      {"tensor of an unknown type",
       "ctorch._utils\n_rebuild_tensor_v3\n(" + storage("torch.storage\nUntypedStorage", 16) + integer(0) +
           tuple({16}) + tuple({1}) +
           "\x89"
           "ccollections\nOrderedDict\n)Rctorch\nfloat31\ntR",
       "unknown type"},
      {"bytes as eight-byte elements",
       "ctorch._utils\n_rebuild_tensor_v3\n(" + storage("torch.storage\nUntypedStorage", 16) + integer(0) +
           tuple({16}) + tuple({1}) +
           "\x89"
           "ccollections\nOrderedDict\n)Rctorch\nuint64\ntR",
       "beyond the 2 elements"},
  };
  const auto peak_kib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const auto before = peak_kib();
  for (const Case& each : cases) {
    INFO(each.what);
    CHECK_THROWS_AS(read_pickle(each.body), CheckpointError);
    CHECK_THROWS_WITH(read_pickle(each.body), ContainsSubstring(each.message));
  }
#ifdef __SANITIZE_ADDRESS__  // which keeps freed memory for a while
  constexpr int64_t kMostKib = 8 << 20;
#else
  constexpr int64_t kMostKib = 1 << 20;
#endif
  CHECK(peak_kib() - before < kMostKib);
}

std::string frame(uint64_t length) { return "\x95" + little_endian(length, 8); }
std::string short_text(const std::string& content) {
  return "\x8c" + std::string(1, static_cast<char>(content.size())) + content;
}

TEST_CASE("hostile pickle: later protocols name calls too, and nothing runs") {
  const TempFolder folder;
  const std::string target = (folder / "made").string();
  const std::string system = short_text("posix") + "\x94" + short_text("system") + "\x94\x93\x94";
  const std::string shell = short_text("touch " + target);
  struct Case {
    std::string body;
    const char* expected;
  };
  const Case cases[] = {
      {system + shell + "\x85R", "<posix.system>"},
      {frame(system.size() + shell.size() + 2) + system + shell + "\x85R", "<posix.system>"},
      {system + shell + "\x85}\x92", "<posix.system>"},
      {system + ")}" + short_text("command") + shell + "s\x92", "<posix.system>"},
      {short_text("collections") + short_text("OrderedDict") + "\x93)}" + short_text("a") + "K\1s\x92",
       "<collections.OrderedDict>"},
      {short_text("builtins") + short_text("eval") + "\x93" + shell + "\x85R", "<builtins.eval>"},
      {"\x8f(" + system + shell + "\x85R\x90", "set(<posix.system>)"},
      {"(" + system + shell + "\x85R\x91", "set(<posix.system>)"},
      {system + ")R(NN\x90", "<posix.system>"},
  };
  for (const char protocol : {'\4', '\5'}) {
    for (const Case& each : cases) {
      INFO(each.body);
      CHECK(describe(read_pickle(each.body, protocol)) == each.expected);
      CHECK(std::filesystem::is_empty(folder.path()));
    }
  }
}

TEST_CASE("hostile pickle: of later protocols, refused with the reason") {
  struct Case {
    const char* what;
    std::string body;
    const char* message;
  };
  const std::string ones(8, '\xff');
  const Case cases[] = {
      {"text of 16 EiB", "\x8d" + ones, "cut off"},
      {"bytes of 16 EiB", "\x8e" + ones, "cut off"},
      {"an array of 16 EiB", "\x96" + ones, "cut off"},
      {"bytes of 4 GiB", "B\xff\xff\xff\xff", "cut off"},
      {"short bytes beyond the end", "C\xff", "cut off"},
      {"short text beyond the end", "\x8c\xff", "cut off"},
      {"a frame of 16 EiB", "\x95" + ones, "beyond the end"},
      {"a frame longer than the rest", frame(3) + "N", "beyond the end"},
      {"a frame in a frame", frame(10) + frame(1) + "N", "a frame in a frame"},
      {"a frame that begins in a frame", frame(1) + frame(1) + "N", "a frame in a frame"},
      {"a value across a frame", frame(1) + "K\1", "across a frame"},
      {"memoize nothing", "\x94N", "value is missing"},
      {"memoize below a mark", "N(\x94", "value is missing"},
      {"a memo entry that is not there yet", "N\x94h\1", "memo entry 1"},
      {"a global of numbers", "K\1K\1\x93", "name of a module"},
      {"a global of one text", short_text("os") + "\x93", "value is missing"},
      {"a global with a long name", text(std::string(2000, 'm')) + short_text("n") + "\x93", "name of a module"},
      {"items into a list", "](NN\x90", "no set"},
      {"items into nothing", "(NN\x90", "value is missing"},
      {"a frozen set without mark", "N\x91", "mark is missing"},
      {"named arguments that are no dict", short_text("a") + short_text("b") + "\x93)]\x92", "no dict"},
      {"named arguments of a number", "K\1)}\x92", "no name is called"},
      {"a buffer from elsewhere", "\x97", "outside of the pickle"},
      {"a read-only buffer", "N\x98", "outside of the pickle"},
      {"sets in themselves", "\x8f\x94(h" + "\0"s + "\x90", "contain themselves"},
      {"many objects", "](" + repeated("]\x94", 1100000) + "e", "more than 1048576 objects"},
      {"LONG4", "\x8b\xff\xff\xff\xff"s, "unknown opcode 0x8b"},
      {"an instance of protocol 0", "(cos\nsystem\no", "unknown opcode 0x6f"},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    CHECK_THROWS_AS(read_pickle(each.body, 5), CheckpointError);
    CHECK_THROWS_WITH(read_pickle(each.body, 5), ContainsSubstring(each.message));
  }
  // Opcodes of a protocol that the pickle does not name.
  CHECK_THROWS_WITH(read_pickle("C\1a", 2), ContainsSubstring("unknown opcode 0x43"));
  CHECK_THROWS_WITH(read_pickle("\x8f", 3), ContainsSubstring("unknown opcode 0x8f"));
  CHECK_THROWS_WITH(read_pickle("\x96" + std::string(8, '\0'), 4), ContainsSubstring("unknown opcode 0x96"));
  for (const char protocol : {'\0', '\1', '\6', '\xff'}) {
    CHECK_THROWS_WITH(read_pickle("N", protocol), ContainsSubstring("2 to 5 were expected"));
  }
}

TEST_CASE("hostile pickle: any opcode on any stack ends well") {
  for (const std::string& stack :
       {""s, "N"s, "NN"s, "(N"s, "]N"s, "}NN"s, "cos\nsystem\n)"s, kFloats, "()"s, "\x8f(N"s, frame(3)}) {
    for (int opcode = 0; opcode < 256; ++opcode) {
      for (const std::string& rest : {""s, std::string(8, '\0'), std::string(8, '\xff'), "\n\n"s}) {
        for (const char protocol : {'\2', '\5'}) {
          try {
            read_pickle(stack + static_cast<char>(opcode) + rest, protocol);
          } catch (const CheckpointError&) {
          }
        }
      }
    }
  }
}

TEST_CASE("hostile pickle: random damage of a good one ends well") {
  const std::string good = "}(" + text("model") + "ccollections\nOrderedDict\n)Rq\1(" + text("weight") +
                           tensor(kFloats, 1, {1, 3}, {3, 1}) + "q\2" + text("bias") + tensor(kFloats, 0, {2}, {2}) +
                           "u}" + text("_metadata") + "h\2sb" + text("step") + integer(7) + text("key") + "}(" +
                           text("1") + "K\1G\x7f\xf8\0\0\0\0\0\0N"s + "uu";
  const std::string later = frame(good.size()) + good;
  REQUIRE(read_pickle(good).find("model") != nullptr);
  REQUIRE(read_pickle(later, 5).find("model") != nullptr);
  std::mt19937 random(1);
  int accepted = 0;
  for (int i = 0; i < 4000; ++i) {
    const bool is_later = i % 2 == 1;
    std::string body = is_later ? later : good;
    for (int changes = 0; changes <= i % 4; ++changes) body[random() % body.size()] = static_cast<char>(random());
    if (i % 7 == 0) body.erase(random() % body.size(), random() % 9);
    try {
      describe(read_pickle(body, is_later ? 5 : 2));
      ++accepted;
    } catch (const CheckpointError&) {
    }
  }
  CHECK(accepted < 4000);
}

}  // namespace
}  // namespace canine
