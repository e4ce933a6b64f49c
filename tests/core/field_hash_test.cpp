#include "canine/core/field_hash.hpp"

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <set>
#include <vector>

namespace canine {
namespace {

std::string hash_of(const std::vector<std::optional<std::string>>& fields) {
  FieldHash hash;
  for (const auto& field : fields) field ? hash.add(*field) : hash.add_missing();
  return hash.hex_digest();
}

TEST_CASE("Fields are told apart, not only their bytes") {
  const std::set<std::string> all = {hash_of({"ab", "c"}), hash_of({"a", "bc"}), hash_of({"abc"}),
                                     hash_of({"abc", ""}), hash_of({"abc", {}}), hash_of({})};
  CHECK(all.size() == 6);
  CHECK(hash_of({"ab", "c"}) == hash_of({"ab", "c"}));
  const std::string large(100'000, 'x');  // beyond what is collected
  CHECK(hash_of({large, "a"}) != hash_of({large, "b"}));
}

}  // namespace
}  // namespace canine
