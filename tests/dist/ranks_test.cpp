#include <ATen/ops/full.h>
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <stdexcept>
#include <string>

#include "canine/core/errors.hpp"
#include "dist/ranks.hpp"

using canine::ProcessGroup;
using canine::testing::run_ranks;
using canine::testing::try_ranks;

TEST_CASE("ranks as threads share a group", "[ranks]") {
  const auto sums = run_ranks(3, [](const std::shared_ptr<ProcessGroup>& group) {
    at::Tensor value = at::full({2}, group->rank() + 1.0);
    group->all_reduce(value, canine::Reduction::kSum, "the sum of a test");
    return value.sum().item<double>();
  });
  CHECK(sums == std::vector<double>{12, 12, 12});
}

TEST_CASE("a rank's exception is reported with its rank and ends the others", "[ranks]") {
  const auto failures = try_ranks(2, [](const std::shared_ptr<ProcessGroup>& group) {
    group->barrier("the start of a test");
    if (group->rank() == 1) throw std::runtime_error("rank 1 has had enough");
    at::Tensor value = at::full({2}, 1.0);
    group->all_reduce(value, canine::Reduction::kSum, "the sum of a test");
  });
  REQUIRE(failures.order.size() == 2);
  CHECK(failures.order.front() == 1);
  CHECK(failures.message(1) == "rank 1 has had enough");
  CHECK(failures.is<canine::PeerError>(0));
}
