#include "canine/app/library_path.hpp"

#include <catch2/catch_test_macros.hpp>

namespace canine {
namespace {

TEST_CASE("empty entries of a library path are left out, all others stay in order") {
  for (const char* path : {"", "/opt/x", "/opt/x:/opt/y", ".", "/opt/x:."}) CHECK_FALSE(without_empty_entries(path));
  for (const char* path : {":", ";", "::"}) CHECK(without_empty_entries(path) == "");
  for (const char* path : {"/opt/x:", ":/opt/x", "/opt/x;", "::/opt/x::"})
    CHECK(without_empty_entries(path) == "/opt/x");
  CHECK(without_empty_entries("/opt/x::/opt/y;.") == "/opt/x:/opt/y:.");
}

}  // namespace
}  // namespace canine
