#include "canine/core/fault_injection.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <string>

#include "canine/core/errors.hpp"

using namespace canine;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a plan names kind, rank, step and point", "[fault_injection]") {
  const FaultPlan plan = FaultPlan::parse("kill@1:5:in_backward");
  CHECK(plan.kind == FaultKind::kKill);
  CHECK(plan.strikes("in_backward", 1, 5));
  CHECK_FALSE(plan.strikes("in_backward", 0, 5));
  CHECK_FALSE(plan.strikes("in_backward", 1, 4));
  CHECK_FALSE(plan.strikes("pre_forward", 1, 5));
  CHECK_FALSE(plan.always);
}

TEST_CASE("stars stand for every rank, step and point", "[fault_injection]") {
  const FaultPlan plan = FaultPlan::parse("exit=7@*:*:*:always");
  CHECK(plan.value == 7);
  CHECK(plan.always);
  CHECK(plan.strikes("anywhere", 12, 99));
}

TEST_CASE("a slow rank stays slow from its step on", "[fault_injection]") {
  const FaultPlan plan = FaultPlan::parse("slow=50@0:3");
  CHECK_FALSE(plan.strikes("pre_forward", 0, 2));
  CHECK(plan.strikes("pre_forward", 0, 3));
  CHECK(plan.strikes("pre_forward", 0, 9));
}

TEST_CASE("text that is no plan is refused with its faulty part", "[fault_injection]") {
  CHECK_THROWS_WITH(FaultPlan::parse("burn@0:1"), ContainsSubstring("'burn' is no kind of fault"));
  CHECK_THROWS_WITH(FaultPlan::parse("kill@x:1"), ContainsSubstring("'x' is no rank"));
  CHECK_THROWS_WITH(FaultPlan::parse("kill@1:"), ContainsSubstring("'' is no step"));
  CHECK_THROWS_WITH(FaultPlan::parse("slow=fast@1:2"), ContainsSubstring("'fast' is no value"));
  CHECK_THROWS_AS(FaultPlan::parse("kill"), UsageError);
  CHECK_THROWS_AS(FaultPlan::parse("kill@1"), UsageError);
  CHECK_THROWS_WITH(FaultPlan::parse("kill@1:2:there:often"), ContainsSubstring("'often' after the point"));
}

TEST_CASE("without the variable a fault point does nothing", "[fault_injection]") {
  CHECK(fault_point("in_backward", 0, 0) == FaultKind::kNone);
}
