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

}  // namespace
}  // namespace canine
