#include "canine/core/python_float.hpp"

#include <fmt/format.h>

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "canine/core/random.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

TEST_CASE("Floats as Python writes them") {
  CHECK(python_float(0) == "0.0");
  CHECK(python_float(-0.0) == "-0.0");
  CHECK(python_float(1) == "1.0");
  CHECK(python_float(0.1) == "0.1");
  CHECK(python_float(2e-5) == "2e-05");
  CHECK(python_float(0.0001) == "0.0001");
  CHECK(python_float(0.00012345) == "0.00012345");
  CHECK(python_float(1e16) == "1e+16");
  CHECK(python_float(9999999999999998) == "9999999999999998.0");
  CHECK(python_float(1e100) == "1e+100");
  CHECK(python_float(-1.5e-300) == "-1.5e-300");
  CHECK(python_float(5e-324) == "5e-324");
  CHECK(python_float(123456789.125) == "123456789.125");
  CHECK(python_float(std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(python_float(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(python_float(-std::numeric_limits<double>::infinity()) == "-inf");
}

TEST_CASE("float32 as NumPy writes them") {
  CHECK(numpy_float32(0.1F) == "0.1");
  CHECK(numpy_float32(1.0F) == "1.0");
  CHECK(numpy_float32(1e-4F) == "1e-04");  // the float is below 0.0001
  CHECK(numpy_float32(16777216.0F) == "16777216.0");
  CHECK(numpy_float32(1e16F) == "1e+16");
  CHECK(numpy_float32(std::numeric_limits<float>::quiet_NaN()) == "nan");
}

TEST_CASE("Floats as PyYAML writes them") {
  CHECK(yaml_float(2e-5) == "2.0e-05");
  CHECK(yaml_float(2.5e-5) == "2.5e-05");
  CHECK(yaml_float(0.3) == "0.3");
  CHECK(yaml_float(1e16) == "1.0e+16");
  CHECK(yaml_float(std::numeric_limits<double>::quiet_NaN()) == ".nan");
  CHECK(yaml_float(std::numeric_limits<double>::infinity()) == ".inf");
  CHECK(yaml_float(-std::numeric_limits<double>::infinity()) == "-.inf");
}

TEST_CASE("Equal to Python's repr and PyYAML's dump for many values") {
  std::vector<double> values;
  for (int exponent = -324; exponent <= 308; ++exponent) {
    for (const char* digits : {"1", "9.5", "1.7976931348623157", "-2.25"}) {
      values.push_back(std::strtod(fmt::format("{}e{}", digits, exponent).c_str(), nullptr));
    }
  }
  for (int power = -1074; power <= 1023; ++power) values.push_back(std::ldexp(1.0, power));
  Philox random(2, 0, 0);
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(std::bit_cast<double>(uint64_t{random.next()} << 32 | random.next()));
    values.push_back(static_cast<double>(random.below(1'000'000)) / 1000);
    values.push_back(random.uniform() * 1e-3);
    values.push_back(static_cast<float>(random.uniform()));
  }
  const testing::TemporaryFolder folder;
  std::ofstream bits(folder / "values", std::ios::binary);
  bits.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(double)));
  bits.close();
  std::istringstream printed(testing::run_python(R"(
import array, yaml
values = array.array('d')
values.frombytes(open('values', 'rb').read())
dumper = yaml.SafeDumper(None)
for value in values:
    print(repr(value), dumper.represent_float(value).value)
)",
                                                 folder.path()));
  size_t num_equal = 0;
  for (const double value : values) {
    std::string repr;
    std::string dumped;
    printed >> repr >> dumped;
    if (repr == python_float(value) && dumped == yaml_float(value)) {
      ++num_equal;
    } else {
      CHECK(python_float(value) == repr);
      CHECK(yaml_float(value) == dumped);
    }
  }
  CHECK(num_equal == values.size());
}

TEST_CASE("Texts are the numbers that Python's float makes of them") {
  std::vector<std::string> texts = {
      "0",       "12",      " 12 ",    "12.0",    "12.7",    "1e2",      "1E+2",     "-1",    "+5",    "-0.5",
      ".5",      "5.",      ".",       "",        " ",       "e5",       "5e",       "1e5.0", "++1",   "+-1",
      "-",       "+",       "1 2",     "1,5",     "0x10",    "1_000",    "1__0",     "_1",    "1_",    "1_.5",
      "1e1_0",   "1_e5",    "inf",     "-Inf",    "+inf",    "Infinity", "infinit",  "nan",   "NaN",   "-nan",
      "nan(1)",  "nan()",   "i_nf",    "1e400",   "-1e400",  "1e-400",   "4.9e-324", "1e308", "1e309", "007",
      "1d",      "1f",      "-3-3",    "61110",   "abc",     "\u00e9",   "\t7\v",    "\f7\r", "7\x1c", "\x1c\u00a07",
      "\u00857", "7\u00a0", "\u20037", "\u200b7", "1\u00a02"};
  texts.push_back("0." + std::string(400, '0') + "1");
  texts.push_back("1" + std::string(400, '0') + "e-400");
  const testing::TemporaryFolder folder;
  std::ofstream file(folder / "texts", std::ios::binary);
  for (const std::string& text : texts) file << text << '\n';
  file.close();
  std::istringstream printed(testing::run_python(R"(
for text in open('texts', encoding='utf-8', newline='\n').read().split('\n')[:-1]:
    try:
        print(repr(float(text)))
    except ValueError:
        print('none')
)",
                                                 folder.path()));
  for (const std::string& text : texts) {
    std::string expected;
    printed >> expected;
    const std::optional<double> value = parse_python_float(text);
    CAPTURE(text);
    CHECK((value ? python_float(*value) : "none") == expected);
  }
  CHECK(parse_python_float(std::string_view("1\0", 2)) == std::nullopt);
  CHECK(parse_python_float("1\xff") == std::nullopt);
}

}  // namespace
}  // namespace canine
