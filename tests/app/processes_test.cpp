#include "canine/app/processes.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "app/captured.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Devices = std::vector<c10::Device>;

/// They need not be there.
Devices gpus(int count) {
  Devices devices;
  for (int i = 0; i < count; ++i) devices.emplace_back(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(i));
  return devices;
}

struct Choice {
  explicit Choice(const std::vector<std::string>& arguments) {
    options.add("devices", machine.devices, "devices");
    REQUIRE(options.parse(arguments));
    train.grad_accum_steps = 1;
  }

  Devices of(int64_t rows, int available) {
    train.batch_size = rows;
    Devices chosen;
    said = captured(2, [&] { chosen = devices_for_batch(options, machine, train, gpus(available)); });
    return chosen;
  }

  OptionSet options{"program", "a test", {}};
  MachineSettings machine;
  TrainOptions train;
  std::string said;
};

TEST_CASE("the devices of a machine are dealt out by local rank, over and over") {
  ProgramStart start;
  start.devices = gpus(2);
  for (int local_rank = 0; local_rank < 5; ++local_rank) {
    LaunchContext place;
    place.local_rank = local_rank;
    place.rank = 7;  // says nothing about this machine
    CHECK(start.device_of(place).index() == local_rank % 2);
  }
}

TEST_CASE("training takes all devices that divide its batch, otherwise fewer, and says so") {
  Choice automatic({});
  CHECK(automatic.of(128, 4) == gpus(4));
  CHECK(automatic.said.empty());
  CHECK(automatic.of(25, 2) == gpus(1));
  CHECK(automatic.said == "note: a batch of 25 rows cannot be divided evenly over 2 GPUs, so 1 is used\n");
  CHECK(automatic.of(9, 8) == gpus(3));
  CHECK_THAT(automatic.said, ContainsSubstring("over 8 GPUs, so 3 are used"));
  automatic.train.global_batch_size = 24;
  automatic.train.grad_accum_steps = 2;
  CHECK(automatic.of(128, 8) == gpus(6));  // 12 rows at a time
}

TEST_CASE("named devices are all used or refused") {
  Choice named({"--devices", "0,1"});
  CHECK(named.of(26, 2) == gpus(2));
  CHECK_THAT(usage_error([&] { named.of(25, 2); }),
             ContainsSubstring("--devices 0,1 names 2 devices") && ContainsSubstring("batch of 25 rows"));
  Choice all({"--devices", "cuda"});
  CHECK(all.of(25, 2) == gpus(1));
}

/// Devices for a batch on three of them, named by --devices or found.
size_t devices_used(const TrainOptions& train, bool named) {
  std::string devices = "auto";
  OptionSet options("program", "text", {});
  options.add("devices", devices, "where to compute");
  if (named) options.parse({"--devices", "cpu:3"});
  const std::vector<c10::Device> three(3, c10::Device(c10::DeviceType::CPU));
  return devices_for_batch(options, {.devices = devices}, train, three).size();
}

TEST_CASE("named devices that cannot share the batch are refused, by the flag that counts") {
  TrainOptions train;
  train.batch_size = 20;
  CHECK_THROWS_WITH(devices_used(train, true), ContainsSubstring("give a --batch-size that is a multiple of 3, or 2"));
  train.batch_size = 9;  // does not count
  train.global_batch_size = 20;
  CHECK_THROWS_WITH(devices_used(train, true), ContainsSubstring("give a --global-batch-size that is a multiple of 3"));
  train.grad_accum_steps = 2;
  CHECK_THROWS_WITH(devices_used(train, true), ContainsSubstring("give a --global-batch-size that is a multiple of 6"));
}

}  // namespace
}  // namespace canine
