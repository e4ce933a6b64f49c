#include "canine/app/code_descriptions.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "app/captured.hpp"
#include "app/files.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

CodeSystem hisco() {
  CodeSystem::Options options;
  options.formatter.kind = FormatterKind::kHisco;
  return CodeSystem(options);
}

TEST_CASE("Descriptions are read from the first two columns or those of the Python program") {
  const Folder folder;
  const auto plain = folder.write("plain.csv", "code,text,more\n61110,Farmer,x\n-1,NA,y\n");
  CHECK(read_code_descriptions(plain, hisco()) == CodeDescriptions{{"61110", "Farmer"}, {"-1", "NA"}});
  const auto named = folder.write("named.csv", "id,desc,system_code\n1,Farmer,61110\n");
  CHECK(read_code_descriptions(named, hisco()) == CodeDescriptions{{"61110", "Farmer"}});
}

TEST_CASE("Lost leading zeros come back") {
  const Folder folder;
  const auto path = folder.write("codes.csv", "code,text\n1110,Chemist\n77,No code\n");
  CHECK(read_code_descriptions(path, hisco()) == CodeDescriptions{{"01110", "Chemist"}, {"77", "No code"}});
}

TEST_CASE("Files that are of no use") {
  const Folder folder;
  const auto narrow = folder.write("narrow.csv", "code\n61110\n");
  CHECK_THROWS_AS(read_code_descriptions(narrow, hisco()), DataError);
  const auto foreign = folder.write("foreign.csv", "code,text\nA1,x\n");
  CHECK(captured(2, [&] { read_code_descriptions(foreign, hisco()); }).find("none of the codes") != std::string::npos);
}

std::string said_of(const std::filesystem::path& path) {
  return captured(2, [&] { read_code_descriptions(path, hisco()); });
}

TEST_CASE("A first line that is a row is refused") {
  const Folder folder;
  for (const char* header : {"61110,Farmer", " 61110,Farmer", "1110,Chemist", "61110.0,Farmer", "-1,None"}) {
    CAPTURE(header);
    const auto path = folder.write("codes.csv", std::string(header) + "\n58340,Soldier\n");
    std::string message;
    try {
      read_code_descriptions(path, hisco());
    } catch (const DataError& error) {
      message = error.what();
    }
    CHECK(message.find("Is the first line of the file a row already?") != std::string::npos);
  }
  const auto narrow = folder.write("narrow.csv", "smith\n61110\n");
  std::string message;
  try {
    check_code_descriptions(narrow);
  } catch (const DataError& error) {
    message = error.what();
  }
  CHECK(message.ends_with("the file has 'smith'"));
}

TEST_CASE("Odd codes are mended or counted with the first line") {
  const Folder folder;
  const auto blanks = folder.write("blanks.csv", "code,text\n 61110,Farmer\n58340 ,Soldier\n");
  CHECK(read_code_descriptions(blanks, hisco()) == CodeDescriptions{{"61110", "Farmer"}, {"58340", "Soldier"}});
  CHECK(said_of(blanks).find("2 codes have blanks around them, which are passed over (first in ") != std::string::npos);
  const auto twice = folder.write("twice.csv", "code,text\n61110,Farmer\n61110,Farmer\n61110,Peasant\n");
  CHECK(read_code_descriptions(twice, hisco()) == CodeDescriptions{{"61110", "Farmer"}});
  CHECK(said_of(twice).find("warning: " + twice.string() + ": 1 code is there before with another description") !=
        std::string::npos);
  CHECK(said_of(twice).find("line 4: '61110'") != std::string::npos);
  const auto decimals = folder.write("decimals.csv", "code,text\n61110,Farmer\n1110.0,Chemist\n");
  CHECK(said_of(decimals).find("1 code ends in '.0', and is none of the model (first in ") != std::string::npos);
  const auto unknown = folder.write("unknown.csv", "code,text\n61110,Farmer\nA\u00A01,x\nB,y\n");
  CHECK(said_of(unknown).find("2 codes are none of the model's (first in ") != std::string::npos);
  CHECK(said_of(unknown).find("line 3: 'A\\u00A01')") != std::string::npos);
  const auto plain = folder.write("plain.csv", "code,text\n61110,Farmer\n");
  CHECK(said_of(plain).empty());
}

}  // namespace
}  // namespace canine
