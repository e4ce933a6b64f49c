// PyTorch writes and we read; we write and PyTorch reads.

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/sha256.hpp"
#include "describe.hpp"
#include "python.hpp"
#include "temp_folder.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;

/// Files that PyTorch wrote, made once.
const std::filesystem::path& python_files() {
  static const TempFolder folder;
  static const PythonResult result = run_peer("write '" + folder.path().string() + "'");
  INFO(result.output);
  REQUIRE(result.exit_code == 0);
  return folder.path();
}

std::string read_and_describe(const std::string& name) { return describe(read_torch_file(python_files() / name)); }

TEST_CASE("peer: values of Python are read as what they are") {
  struct Case {
    const char* file;
    const char* expected;
  };
  const Case cases[] = {
      {"plain.bin",
       "{'none': None, 'yes': True, 'no': False, 'small': 5, 'wide': 70000, 'negative': -3, 'long': 1099511627776, "
       "'minimum': -9223372036854775808, 'huge': 1208925819614629174706176L, 'huge_negative': "
       "-1208925819614629174706176L, 'float': 0.1, 'nan': nan, 'text': 'bageri\u00e6\u4e2d\U0001f600', 'bytes': "
       "b'00ff8061', 'no_bytes': b'', 'tuple': (1, 'a', (2)), 'list': [1, [2], []], 'set': set(7), 'frozenset': "
       "set(8), 'array': b'6162'}"},
      {"keys.bin", "{1: 'int', '1': 'text', nan: 'nan', None: 'none', (1, 2): 'tuple', -1099511627776: 'long'}"},
      {"ordered.bin", "ordered{'b': 1, 'a': 2}"},
      {"types.bin",
       "{'float32': Float[5](0 1 2 3 4), 'float64': Double[5](0 1 2 3 4), 'float16': Half[5](0 1 2 3 4), 'bfloat16': "
       "BFloat16[5](0 1 2 3 4), 'int64': Long[5](0 1 2 3 4), 'int32': Int[5](0 1 2 3 4), 'int16': Short[5](0 1 2 3 4), "
       "'int8': Char[5](0 1 2 3 4), 'uint8': Byte[5](0 1 2 3 4), 'bool': Bool[5](0 1 1 1 1), 'complex64': "
       "ComplexFloat[5](0 1 2 3 4), 'uint16': UInt16[5](0 1 2 3 4), 'float8_e4m3fn': Float8_e4m3fn[5](0 1 2 3 4)}"},
      {"views.bin",
       "{'base': Float[4,6](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23), 'transposed': Float[6,4](0 "
       "6 12 18 1 7 13 19 2 8 14 20 3 9 15 21 4 10 16 22 5 11 17 23), 'slice': Float[2,3](6 8 10 12 14 16), 'element': "
       "Float[](15), 'expanded': Float[4,5](3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3)}"},
      {"shapes.bin", "{'scalar': Float[](2.5), 'empty': Float[0,3](), 'five': Float[1,2,1,2,1](0 0 0 0)}"},
      {"parameters.bin",
       "{'parameter': Float[6](0 1 2 3 4 5), 'grad': Float[6](6 7 8 9 10 11), 'subclass': Float[3](0 1 2)}"},
      {"numpy.bin",
       "{'f8': 1.5, 'f4': 2.5, 'i8': -3, 'u1': 200, 'b1': True, 'u8': 9223372036854775813L, 'text': "
       "<numpy._core.multiarray.scalar>, 'array': <numpy._core.multiarray._reconstruct>}"},
      {"torch_words.bin",
       "{'size': (2, 3), 'dtype': 'torch.float32', 'device': 'cuda:1', 'cpu': 'cpu', 'storage': <torch.storage>}"},
      {"objects.bin",
       "{'object': <__main__.Opaque>, 'fraction': <fractions.Fraction>, 'counter': {'a': 2, 'b': 1}, 'default': {'k': "
       "[1]}, "
       "'function': <builtins.print>, 'after': 'still read'}"},
  };
  for (const Case& each : cases) {
    INFO(each.file);
    CHECK(read_and_describe(each.file) == each.expected);
  }
  CHECK(read_and_describe("deflated.bin") == read_and_describe("views.bin"));
}

TEST_CASE("peer: tensors saved from a GPU are read into main memory") {  // D22
  CHECK(read_and_describe("gpu.bin") == read_and_describe("views.bin"));
  for (const auto& [name, tensor] : tensors_of(read_torch_file(python_files() / "gpu.bin"), "gpu.bin")) {
    INFO(name);
    CHECK(tensor.device().is_cpu());
  }
}

TEST_CASE("peer: batches of more than a thousand items are whole") {
  const PickleValue value = read_torch_file(python_files() / "long.bin");
  CHECK(value.at("list", "").as_sequence("").size() == 2500);
  CHECK(value.at("list", "").as_sequence("")[2499].as_int("") == 2499);
  CHECK(value.at("dict", "").at("k1999", "").as_int("") == 1999);
  CHECK(value.at("ordered", "").as_dict("").items.size() == 1001);
}

TEST_CASE("peer: tied weights share memory") {
  const PickleValue value = read_torch_file(python_files() / "tied.bin");
  const auto one = tensors_of(value.at("one", ""), "one");
  const auto two = tensors_of(value.at("two", ""), "two");
  CHECK(one[0].second.data_ptr() == two[0].second.data_ptr());
  CHECK(one[1].second.data_ptr() != two[1].second.data_ptr());
}

TEST_CASE("peer: an optimizer and a scheduler that weights_only refuses can be read") {
  const PickleValue value = read_torch_file(python_files() / "optimizer.bin");
  const PickleValue& scheduler = value.at("scheduler", "");
  CHECK(scheduler.at("last_epoch", "").as_int("") == 1);
  CHECK(scheduler.at("total_steps", "").as_int("") == 10);
  const auto& state = value.at("optimizer", "").at("state", "").as_dict("").items;
  REQUIRE(state.size() == 2);
  CHECK(state[1].first.as_int("") == 1);
  CHECK(describe(state[1].second.at("step", "")) == "Float[](1)");
}

TEST_CASE("peer: later pickle protocols give the same values") {
  for (const char* folder : {"protocol3", "protocol4", "protocol5"}) {
    int files = 0;
    for (const auto& file : std::filesystem::directory_iterator(python_files() / folder)) {
      INFO(file.path().string());
      const std::string name = file.path().filename().string();
      CHECK(describe(read_torch_file(file.path())) == read_and_describe(name));
      ++files;
    }
    CHECK(files >= 11);
  }
}

TEST_CASE("peer: other formats are refused with what to do") {
  CHECK_THROWS_WITH(read_torch_file(python_files() / "legacy.bin"), ContainsSubstring("before 1.6"));
  CHECK_THROWS_WITH(read_torch_file(python_files() / "legacy4.bin"), ContainsSubstring("before 1.6"));
  CHECK_THROWS_WITH(read_torch_file(python_files() / "protocol1" / "plain.bin"),
                    ContainsSubstring("save it again, without pickle_protocol"));
  CHECK_THROWS_WITH(read_torch_file(python_files() / "script.bin"), ContainsSubstring("TorchScript"));
}

/// Python saves what it loaded from our file: equal bytes mean equal values and an equal layout.
void check_same_as_python(const PickleValue& value) {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "again");
  const auto ours = folder / "value.bin";
  const auto theirs = folder / "again" / "value.bin";
  write_torch_file(ours, value);
  const PythonResult result = run_peer("again '" + ours.string() + "' '" + theirs.string() + "'");
  INFO(result.output);
  REQUIRE(result.exit_code == 0);
  CHECK((read_file(ours) == read_file(theirs)));
  CHECK(describe(read_torch_file(theirs)) == describe(value));
}

TEST_CASE("peer: weights_only reads every kind of value we write, and writes the same bytes") {
  PickleValue::List numbers;
  PickleValue::Dict thousand;
  PickleValue::Dict ordered;
  ordered.ordered = true;
  for (int i = 0; i < 1001; ++i) {
    numbers.emplace_back(i * 1000);
    ordered.items.emplace_back(i, -i);
    if (i < 1000) thousand.items.emplace_back(std::to_string(i), i % 2 == 0);
  }
  const at::Tensor base = at::arange(24, at::kFloat).reshape({4, 6});
  PickleValue::Dict tensors;
  for (const auto type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kShort, at::kChar,
                          at::kByte, at::kBool}) {
    tensors.items.emplace_back(c10::toString(type), base.to(type, false, true));
  }
  tensors.items.emplace_back("transposed", base.t());
  tensors.items.emplace_back("slice", base.slice(0, 1, 3));
  tensors.items.emplace_back("scalar", base.select(0, 1).select(0, 2));
  tensors.items.emplace_back("empty", at::zeros({0, 3}));
  tensors.items.emplace_back("grad", at::zeros({2}).requires_grad_(true));
  PickleValue value = PickleValue::Dict{};
  value.set("none", PickleValue());
  value.set("bools", PickleValue::Tuple{{true, false}});
  for (const int64_t number :
       {INT64_MIN, int64_t{-2147483649}, int64_t{-2147483648}, int64_t{-1}, int64_t{0}, int64_t{255}, int64_t{256},
        int64_t{65535}, int64_t{65536}, int64_t{2147483647}, int64_t{2147483648}, INT64_MAX}) {
    value.set(number, number);
  }
  for (const char* digits : {"18446744073709551616", "-18446744073709551616", "170141183460469231731687303715884105727",
                             "170141183460469231731687303715884105728", "-170141183460469231731687303715884105728"}) {
    value.set(digits, PickleValue::Variant(PickleValue::BigInt{digits}));
  }
  value.set("doubles", PickleValue::List{0.1, -0.0, INFINITY, 5e-324});
  value.set(std::nan(""), "nan key");
  value.set("text", std::string("\u00e6\u4e2d\U0001f600\0end", 12));
  value.set("bytes", PickleValue::Variant(PickleValue::Bytes{std::string("\0\x7f\x80\xff", 4)}));
  value.set("set", PickleValue::Variant(PickleValue::Set{{3}}));
  value.set("tuples", PickleValue::Tuple{{PickleValue::Tuple{}, PickleValue::Tuple{{1, 2, 3, 4}}}});
  value.set("lists", PickleValue::List{PickleValue::List{}, PickleValue::List{1}});
  value.set("numbers", numbers);
  value.set("thousand", thousand);
  value.set("ordered", ordered);
  value.set("tensors", tensors);
  check_same_as_python(value);
}

// Hidden, since it writes 8 GiB and needs as much memory: checkpoint_test "[large]".
TEST_CASE("peer: a file beyond 4 GiB has the same bytes as Python's", "[.large]") {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "ours");
  const auto theirs = folder / "large.bin";
  const PythonResult result = run_peer("large '" + theirs.string() + "'");
  INFO(result.output);
  REQUIRE(result.exit_code == 0);
  const PickleValue value = read_torch_file(theirs);
  const at::Tensor& big = value.at("big", "").as_tensor("");
  CHECK(big.numel() == (int64_t{1} << 32) + 100);
  CHECK(big.const_data_ptr<uint8_t>()[big.numel() - 1] == 7);
  CHECK(describe(value.at("behind", "")) == "Float[2](1 1)");
  const WrittenFile ours = write_torch_file(folder / "ours" / "large.bin", value);
  CHECK(ours.bytes == std::filesystem::file_size(theirs));
  CHECK(ours.sha256 == sha256_of_file(theirs));
}

/// What Python's program saves, for a linear layer from 4 to 3.
PickleValue linear_checkpoint() {
  PickleValue::Dict states;
  for (const int i : {0, 1}) {
    const std::vector<int64_t> sizes = i == 0 ? std::vector<int64_t>{3, 4} : std::vector<int64_t>{3};
    PickleValue state = PickleValue::Dict{};
    state.set("step", at::full({}, 7, at::kFloat));
    state.set("exp_avg", at::full(sizes, 0.5, at::kFloat));
    state.set("exp_avg_sq", at::full(sizes, 0.25, at::kFloat));
    states.items.emplace_back(i, state);
  }
  PickleValue group = PickleValue::Dict{};
  group.set("lr", 0.125);
  group.set("betas", PickleValue::Tuple{{0.9, 0.999}});
  group.set("eps", 1e-8);
  group.set("weight_decay", 0.01);
  for (const char* flag : {"amsgrad", "maximize", "capturable", "differentiable"}) group.set(flag, false);
  group.set("foreach", PickleValue());
  group.set("fused", PickleValue());
  group.set("decoupled_weight_decay", true);
  group.set("initial_lr", 1.0);
  group.set("params", PickleValue::List{0, 1});
  PickleValue optimizer = PickleValue::Dict{};
  optimizer.set("state", states);
  optimizer.set("param_groups", PickleValue::List{group});
  PickleValue scheduler = PickleValue::Dict{};
  scheduler.set("base_lrs", PickleValue::List{1.0});
  scheduler.set("last_epoch", 7);
  scheduler.set("_step_count", 8);
  scheduler.set("_get_lr_called_within_step", false);
  scheduler.set("_last_lr", PickleValue::List{0.125});
  scheduler.set("lr_lambdas", PickleValue::List{PickleValue::Dict{}});
  PickleValue key = PickleValue::Dict{};
  key.set("12345", 0);
  key.set(std::nan(""), 1);
  PickleValue content = PickleValue::Dict{};
  content.set("model",
              state_dict_value({{"weight", at::arange(12, at::kFloat).reshape({3, 4})}, {"bias", at::zeros({3})}}));
  content.set("optimizer", optimizer);
  content.set("scheduler", scheduler);
  content.set("step", int64_t{1} << 40);
  content.set("key", key);
  content.set("canine", PickleValue::Dict{{{"epoch", 3}}});
  return content;
}

TEST_CASE("peer: Python resumes module, AdamW and LambdaLR from our checkpoint") {
  const TempFolder folder;
  write_torch_file(folder / "last.bin", linear_checkpoint());
  const PythonResult result = run_peer("resume '" + (folder / "last.bin").string() + "'");
  INFO(result.output);
  REQUIRE(result.exit_code == 0);
  // One AdamW step by hand for weight[0][1] = 1, whose gradient is 1.
  const double m = 0.9 * 0.5 + 0.1 * 1;
  const double v = 0.999 * 0.25 + 0.001 * 1;
  const double rate = 0.125;
  const double stepped =
      1 - rate * 0.01 * 1 - rate * (m / (1 - std::pow(0.9, 8))) / (std::sqrt(v / (1 - std::pow(0.999, 8))) + 1e-8);
  int steps = 0;
  double weight = 0;
  double next_rate = 0;
  REQUIRE(std::sscanf(result.output.c_str(), "%d %lf %lf", &steps, &weight, &next_rate) == 3);
  CHECK(steps == 8);
  CHECK(std::abs(weight - stepped) < 1e-6);
  CHECK(std::abs(next_rate - 1.0 / 9) < 1e-12);
}

TEST_CASE("peer: the reference implementation of safetensors reads ours and we read its") {
  const TempFolder folder;
  const at::Tensor base = at::arange(6, at::kFloat).reshape({2, 3});
  write_safetensors(
      folder / "a.safetensors",
      {{"z", base.t()}, {"a", base.to(at::kBFloat16)}, {"m", base.to(at::kLong)}, {"e", at::zeros({0, 2})}},
      {{"format", "pt"}});
  const PythonResult result = run_peer("safetensors '" + (folder / "a.safetensors").string() + "' '" +
                                       (folder / "b.safetensors").string() + "'");
  INFO(result.output);
  REQUIRE(result.exit_code == 0);
  CHECK(result.output == "['a', 'e', 'm', 'z']\n");
  PickleValue back = state_dict_value(read_safetensors(folder / "b.safetensors"));
  for (const auto& [name, expected] :
       std::vector<std::pair<std::string, std::string>>{{"z", "Float[3,2](0 3 1 4 2 5)"},
                                                        {"a", "BFloat16[2,3](0 1 2 3 4 5)"},
                                                        {"m", "Long[2,3](0 1 2 3 4 5)"},
                                                        {"e", "Float[0,2]()"}}) {
    CHECK(describe(back.at(name, "")) == expected);
  }
}

}  // namespace
}  // namespace canine
