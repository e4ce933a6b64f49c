#include "canine/app/yaml_text.hpp"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/files.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

TEST_CASE("texts that would read as something else are quoted") {
  CHECK(yaml_text("out") == "out");
  CHECK(yaml_text("./Finetuned/") == "./Finetuned/");
  CHECK(yaml_text("no") == "'no'");
  CHECK(yaml_text("") == "''");
  CHECK(yaml_text("it's: a") == "'it''s: a'");
  CHECK(yaml_text("a,b") == "a,b");
  CHECK(yaml_text("a,b", true) == "'a,b'");
  CHECK(yaml_text("Tøj") == "\"T\\xF8j\"");
  CHECK(yaml_text("\xff") == "\"\\uDCFF\"");
}

/// Texts around every rule of PyYAML's emitter and resolvers.
const std::vector<std::string> kTexts = {"a",
                                         "a b",
                                         " a",
                                         "a ",
                                         "a\tb",
                                         "a\nb",
                                         "-",
                                         "- a",
                                         "-a",
                                         "?",
                                         "? a",
                                         "?a",
                                         ":",
                                         "a:",
                                         "a: b",
                                         "a:b",
                                         ":a",
                                         "#a",
                                         "a#b",
                                         "a #b",
                                         "a, b",
                                         "[a]",
                                         "a]",
                                         "{a}",
                                         "&a",
                                         "*a",
                                         "!a",
                                         "|",
                                         ">",
                                         "'a'",
                                         "a'b",
                                         "\"a\"",
                                         "a\"b",
                                         "%a",
                                         "@a",
                                         "`a",
                                         "---",
                                         "---a",
                                         "...",
                                         "..",
                                         ".",
                                         "~",
                                         "null",
                                         "Null",
                                         "NULL",
                                         "nUll",
                                         "yes",
                                         "Yes",
                                         "YES",
                                         "yEs",
                                         "no",
                                         "on",
                                         "off",
                                         "Off",
                                         "true",
                                         "True",
                                         "TRUE",
                                         "false",
                                         "y",
                                         "n",
                                         "0",
                                         "1",
                                         "-1",
                                         "+1",
                                         "007",
                                         "08",
                                         "0x1F",
                                         "0b101",
                                         "0o17",
                                         "1_000",
                                         "12:30",
                                         "12:30:45",
                                         "1.5",
                                         "1.",
                                         ".5",
                                         "-.5",
                                         "1e5",
                                         "1.0e5",
                                         "1.0e+5",
                                         "1.5E-3",
                                         ".inf",
                                         "-.INF",
                                         ".nan",
                                         ".NaN",
                                         "nan",
                                         "inf",
                                         "2020-01-02",
                                         "2020-1-2",
                                         "2020-01-02 03:04:05",
                                         "2020-01-02T03:04:05Z",
                                         "<<",
                                         "=",
                                         "==",
                                         "a=b",
                                         "https://x.y/z?a=b",
                                         "C:\\x",
                                         "a\\b",
                                         "æøå",
                                         "日本",
                                         "\U0001F600",
                                         "\x01",
                                         "\x7f",
                                         "\xc2\x85",
                                         "\xc2\xa0",
                                         "\xe2\x80\xa8",
                                         "\xe2\x80\xa9",
                                         "google/canine-s",
                                         "histco-v2-mixer",
                                         "code1",
                                         "1a",
                                         "1.2.3",
                                         "+",
                                         "-1-",
                                         "'",
                                         "''",
                                         ",",
                                         ",a",
                                         "a,"};

TEST_CASE("PyYAML writes and reads the same") {
  const Folder folder;
  folder.write("texts.json", nlohmann::json(kTexts).dump());
  std::string yaml;
  for (size_t i = 0; i < kTexts.size(); ++i) yaml += fmt::format("k{}: {}\n", i, yaml_text(kTexts[i]));
  folder.write("ours.yaml", yaml);
  const std::string compared = testing::run_python(R"(
import json, yaml
texts = json.load(open("texts.json", encoding="utf-8"))
lines = open("ours.yaml", encoding="utf-8").read().split("\n")
for i, text in enumerate(texts):
    assert yaml.safe_load(lines[i]) == {f"k{i}": text}, (text, lines[i])
    if "\n" in text: continue  # PyYAML folds these over lines
    wanted = yaml.dump({f"k{i}": text}, default_flow_style=False)
    assert lines[i] + "\n" == wanted, (lines[i], wanted)
print(len(texts), end="")
)",
                                                   folder.path());
  CHECK(compared == std::to_string(kTexts.size()));
}

}  // namespace
}  // namespace canine
