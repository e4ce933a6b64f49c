#include "canine/launch/slurm_nodes.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

using Names = std::vector<std::string>;

TEST_CASE("Slurm node lists expand in order") {
  CHECK(expand_slurm_nodes("gpu5") == Names{"gpu5"});
  CHECK(expand_slurm_nodes("a,b-2,c.d") == Names{"a", "b-2", "c.d"});
  CHECK(expand_slurm_nodes("node[01-03,07],gpu5") == Names{"node01", "node02", "node03", "node07", "gpu5"});
  CHECK(expand_slurm_nodes("n[8-11]") == Names{"n8", "n9", "n10", "n11"});
  CHECK(expand_slurm_nodes("n[098-101]x") == Names{"n098x", "n099x", "n100x", "n101x"});
  CHECK(expand_slurm_nodes("r[0-1]n[2,4]") == Names{"r0n2", "r0n4", "r1n2", "r1n4"});
}

TEST_CASE("malformed or endless Slurm node lists are refused") {
  for (const char* list : {"", ",", "a,", "n[", "n[1", "n]1[", "n[[1]]", "n[]", "n[2-1]", "n[x]", "n[1-]", "n[-1]",
                           "n[1-99999999]", "n[1-2147483647]", "n[0-999]m[0-999]", "n[99999999999]"}) {
    INFO(list);
    CHECK_THROWS_AS(expand_slurm_nodes(list), UsageError);
  }
}

TEST_CASE("Slurm counts per node expand") {
  CHECK(expand_slurm_counts("4") == std::vector<int>{4});
  CHECK(expand_slurm_counts("2(x3),1") == std::vector<int>{2, 2, 2, 1});
  for (const char* list : {"", "x", "2(x", "2(x)", "2(x3", "2(xy)", "-1", "1(x99999999)"}) {
    INFO(list);
    CHECK_THROWS_AS(expand_slurm_counts(list), UsageError);
  }
}

}  // namespace
}  // namespace canine
